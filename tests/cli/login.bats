#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load store
setup_file() {
	use_store
	make_base || return 0
	start_registry closed me || return 0
}
teardown_file() {
	stop_registry closed
	remove_store
}

@test "without_login_nothing_goes" {
	run -125 --separate-stderr fakebuild push -q base:1 "$REGISTRY/a/b:1"
	[[ ${stderr_lines[-1]} == fakebuild:* ]]
}

@test "a_wrong_password_is_refused_and_not_kept" {
	run -125 --separate-stderr fakebuild login -u me --password-stdin "$REGISTRY" <<<wrong
	[[ ${stderr_lines[-1]} == fakebuild:* ]]
	run ! grep -q "$REGISTRY" "$DOCKER_CONFIG/config.json" 2>/dev/null
}

@test "login_push_pull_logout" {
	run -0 fakebuild login -u me --password-stdin "$REGISTRY" <<<secret
	equal "Login Succeeded" "$output"
	equal 600 "$(stat -c %a "$DOCKER_CONFIG/config.json")"
	fakebuild push -q base:1 "$REGISTRY/a/b:1"
	FAKEBUILD_ROOT=$BATS_TEST_TMPDIR/other run -0 --separate-stderr fakebuild run "$REGISTRY/a/b:1"
	equal "base runs" "$output"
	run -0 fakebuild logout "$REGISTRY"
	equal "Removing login credentials for $REGISTRY" "$output"
	FAKEBUILD_ROOT=$BATS_TEST_TMPDIR/more run -125 --separate-stderr fakebuild pull -q "$REGISTRY/a/b:1"
}

@test "credentials_of_docker_are_used" {
	mkdir -p "$BATS_TEST_TMPDIR/docker"
	printf '{"auths":{"%s":{"auth":"%s"}},"other":1}' "$REGISTRY" "$(printf me:secret | base64)" \
		>"$BATS_TEST_TMPDIR/docker/config.json"
	DOCKER_CONFIG=$BATS_TEST_TMPDIR/docker fakebuild push -q base:1 "$REGISTRY/a/c:1"
	DOCKER_CONFIG=$BATS_TEST_TMPDIR/docker fakebuild login -u me -p secret "$REGISTRY"
	grep -q '"other"' "$BATS_TEST_TMPDIR/docker/config.json"
}

@test "a_credential_helper_is_asked" {
	mkdir -p "$BATS_TEST_TMPDIR/bin" "$BATS_TEST_TMPDIR/docker"
	cat >"$BATS_TEST_TMPDIR/bin/docker-credential-tests" <<-'END'
		#!/bin/sh
		[ "$1" = get ] && server=$(cat) && printf '{"ServerURL":"%s","Username":"me","Secret":"secret"}' "$server"
	END
	chmod +x "$BATS_TEST_TMPDIR/bin/docker-credential-tests"
	printf '{"credHelpers":{"%s":"tests"}}' "$REGISTRY" >"$BATS_TEST_TMPDIR/docker/config.json"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH DOCKER_CONFIG=$BATS_TEST_TMPDIR/docker \
		fakebuild push -q base:1 "$REGISTRY/a/d:1"
}

@test "password_stdin_needs_a_name" {
	run -2 --separate-stderr fakebuild login --password-stdin "$REGISTRY" <<<secret
	sentence "login: --password-stdin needs --username, and no --password"
}
