#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load store
setup_file() {
	use_store
	make_base || return 0
}
teardown_file() { remove_store; }

@test "both_names_are_one_image" {
	fakebuild tag base:1 second
	equal "$(fakebuild images -q base:1)" "$(fakebuild images -q second:latest)"
}

@test "an_id_can_be_tagged" {
	fakebuild tag "$(fakebuild images -q base:1)" by-id:3
	run -0 fakebuild run by-id:3
	equal "base runs" "$output"
}

@test "unknown_and_bad_names_are_told" {
	run -125 --separate-stderr fakebuild tag nothing x
	sentence "no such image: nothing"
	run -125 --separate-stderr fakebuild tag base:1 'x:y:z/'
	[[ $stderr == *"x:y:z/"* ]]
}
