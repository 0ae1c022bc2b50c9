#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What registries do wrong, and what they must not get us to do: token_registry.py has the list.
load store
setup_file() {
	use_store
	command -v python3 >/dev/null || skip "no python3"
	mkdir "$BATS_FILE_TMPDIR/fake"
	python3 "$BATS_TEST_DIRNAME/token_registry.py" "$BATS_FILE_TMPDIR/fake" bearer >&2 3>&- 4>&- &
	echo $! >"$BATS_FILE_TMPDIR/fake/pid"
	for _ in $(seq 100); do
		[ ! -e "$BATS_FILE_TMPDIR/fake/port" ] || break
		sleep 0.1
	done
	REGISTRY=localhost:$(cat "$BATS_FILE_TMPDIR/fake/port")
	export REGISTRY
	make_base
	fakebuild login -u me -p secret "$REGISTRY"
	fakebuild push -q base:1 "$REGISTRY/team/base:1"
}
teardown_file() {
	stop_registry fake
	remove_store
}
setup() {
	FAKEBUILD_ROOT=$BATS_TEST_TMPDIR/store
	: >"$BATS_FILE_TMPDIR/fake/log"
	with_faults ""
}
teardown() {
	chmod -R u+rwX "$BATS_TEST_TMPDIR" 2>/dev/null || true
}
with_faults() { printf '%s\n' "$@" >"$BATS_FILE_TMPDIR/fake/faults"; }
requests() { grep -cE "$1" "$BATS_FILE_TMPDIR/fake/log"; }
pull() { timeout 60 fakebuild pull -q "$REGISTRY/team/base:1"; }
# The pull fails with one sentence that has these words, and leaves nothing.
refuses() {
	run -125 --separate-stderr pull
	[[ $stderr == fakebuild:*"$1"* ]] || {
		printf 'expected: %s\nactual:   %s\n' "$1" "$stderr"
		return 1
	}
	equal 1 "$(grep -c . <<<"$stderr")"
	run -0 fakebuild images -q
	equal "" "$output"
}

@test "a_token_is_got_and_used" {
	pull
	[ "$(requests '^GET .*/token.* 200 Basic$')" -ge 1 ]
	[ "$(requests '/v2/team/base/.* 200 Bearer$')" -ge 3 ]
	equal 0 "$(requests '/v2/.* Basic$')"
}

@test "access_token_is_a_token_too" {
	with_faults access-token
	pull
}

@test "a_token_that_ends_is_replaced" {
	with_faults short-life
	pull
}

@test "a_busy_registry_is_asked_again" {
	with_faults busy=2 busy-manifest=2
	pull
	equal 2 "$(requests ' 503 ')"
	equal 2 "$(requests ' 429 ')"
}

@test "a_registry_that_stays_busy_fails" {
	with_faults busy-manifest
	refuses "429"
}

@test "a_download_that_breaks_is_resumed" {
	with_faults cut=2
	pull
	fakebuild run --pull never "$REGISTRY/team/base:1"
}

@test "a_registry_without_ranges_begins_again" {
	with_faults cut=2 no-range
	pull
	fakebuild run --pull never "$REGISTRY/team/base:1"
}

@test "a_blob_that_is_always_short_fails" {
	with_faults short
	refuses "truncated"
}

@test "a_wrong_blob_fails" {
	with_faults wrong
	refuses "digest mismatch"
}

@test "what_was_kept_of_a_wrong_blob_is_forgotten" {
	with_faults wrong short
	run -125 --separate-stderr pull
	with_faults ""
	pull
}

@test "credentials_stay_with_their_host_on_redirect" {
	with_faults redirect
	pull
	[ "$(requests '^GET 127.0.0.1:.* /storage/.* 200 none$')" -ge 1 ]
}

@test "credentials_stay_with_their_host_on_upload" {
	fakebuild --root "$BATS_FILE_TMPDIR/store" tag base:1 "$REGISTRY/team/other:1"
	fakebuild --root "$BATS_FILE_TMPDIR/store" run --commit "$REGISTRY/team/other:2" base:1 sh -c 'echo $$ >/new'
	with_faults elsewhere
	timeout 60 fakebuild --root "$BATS_FILE_TMPDIR/store" push -q "$REGISTRY/team/other:2"
	[ "$(requests '^PUT 127.0.0.1:.* /elsewhere/.* 201 none$')" -ge 1 ]
}

@test "a_scope_that_is_never_enough_ends" {
	with_faults never-enough
	refuses "team/base"
}

@test "a_realm_that_names_a_user_is_no_loopback" {
	with_faults user-realm
	refuses "not https"
}

@test "a_manifest_of_another_digest_fails" {
	with_faults liar
	refuses "digest mismatch"
}

@test "a_manifest_without_end_fails" {
	with_faults huge
	refuses "larger than"
}

@test "a_malformed_manifest_fails" {
	with_faults garbage
	refuses "JSON"
}

@test "what_a_registry_says_cannot_drive_the_terminal" {
	with_faults rude busy-manifest
	run -125 --separate-stderr pull
	[[ $stderr != *$'\033'* && $stderr != *$'\007'* ]]
}

@test "a_wrong_password_is_told" {
	run -125 --separate-stderr fakebuild login -u me -p wrong "$REGISTRY"
	[[ $stderr == fakebuild:*password* ]]
}

@test "a_proxy_is_not_asked_for_loopback" {
	http_proxy=http://127.0.0.1:1 pull
}

@test "what_has_not_changed_is_not_pulled_again" {
	pull
	: >"$BATS_FILE_TMPDIR/fake/log"
	pull
	equal 1 "$(requests '^HEAD .*/manifests/')"
	equal 0 "$(requests '^GET .*/(manifests|blobs)/')"
	# Another image under the same name is.
	fakebuild --root "$BATS_FILE_TMPDIR/store" run --commit changed:1 base:1 sh -c 'echo changed >/etc/file'
	fakebuild --root "$BATS_FILE_TMPDIR/store" push -q changed:1 "$REGISTRY/team/base:1"
	pull
	run -0 fakebuild run --pull never "$REGISTRY/team/base:1" cat /etc/file
	fakebuild --root "$BATS_FILE_TMPDIR/store" push -q base:1 "$REGISTRY/team/base:1"
	equal changed "$output"
}

@test "an_image_of_another_platform_is_refused" {
	run -125 --separate-stderr timeout 60 fakebuild pull -q --platform linux/s390x "$REGISTRY/team/base:1"
	[[ $stderr == *"no image for platform linux/s390x"* ]]
	pull
	run -125 --separate-stderr fakebuild run --pull never --platform linux/s390x "$REGISTRY/team/base:1"
}
