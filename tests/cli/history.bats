#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load store
setup_file() {
	use_store
	make_base || return 0
	fakebuild run --commit two -m 'second step' base:1 sh -c 'echo x >/x'
}
teardown_file() { remove_store; }

@test "the_newest_step_is_first" {
	run -0 fakebuild history two
	[[ ${lines[0]} =~ ^IMAGE\ +CREATED\ +CREATED\ BY\ +SIZE\ +COMMENT$ ]]
	[[ ${lines[1]} == *"sh -c echo x >/x"*"second step"* ]]
	[[ ${lines[2]} == *"fakebuild import"* ]]
}

@test "json_and_quiet" {
	run -0 fakebuild history --format json two
	equal 2 "${#lines[@]}"
	[[ ${lines[0]} == *'"CreatedBy":"sh -c echo x >/x"'* ]]
	run -0 fakebuild history -q --no-trunc two
	[[ ${lines[0]} =~ ^sha256:[0-9a-f]{64}$ ]]
}

@test "unknown_image" {
	run -125 --separate-stderr fakebuild history nothing
	sentence "no such image: nothing"
}
