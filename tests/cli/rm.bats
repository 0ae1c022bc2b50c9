#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load store
setup_file() {
	use_store
	make_base || return 0
}
teardown_file() { remove_store; }

@test "by_name_and_by_id" {
	fakebuild run --name box base:1
	run -0 fakebuild rm box
	equal box "$output"
	fakebuild run --name box base:1
	id=$(fakebuild ps -q)
	run -0 fakebuild rm "$id"
	run -0 fakebuild ps -q
	equal "" "$output"
	equal "" "$(ls "$FAKEBUILD_ROOT/containers")"
}

@test "a_root_without_rights_goes_too" {
	fakebuild run --name box base:1 sh -c 'mkdir -p /a/b; touch /a/b/c; chmod 0 /a/b /a'
	run -0 fakebuild rm box
	equal "" "$(ls "$FAKEBUILD_ROOT/containers")"
}

@test "force_kills_what_runs" {
	fakebuild run --name long base:1 sleep 100 3>&- &
	pid=$!
	for _ in $(seq 100); do
		[[ $(fakebuild ps) == *Up*long* ]] && break
		sleep 0.1
	done
	run -0 fakebuild rm -f long
	wait "$pid" || true
	run -0 fakebuild ps -q
	equal "" "$output"
}

@test "no_such_container" {
	run -125 --separate-stderr fakebuild rm nobox
	sentence "no such container: nobox"
	run -0 fakebuild rm -f nobox
}
