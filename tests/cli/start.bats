#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load store
setup_file() {
	use_store
	make_base || return 0
}
teardown_file() { remove_store; }

@test "a_run_is_done_again_in_what_it_left" {
	fakebuild run --name box base:1 sh -c 'echo line >>/log; wc -l /log'
	run -0 fakebuild start box
	equal "2 /log" "$output"
	run -0 fakebuild inspect box
	[[ $output == *'"ExitCode": 0'* ]]
	fakebuild rm box
}

@test "standard_input_goes_to_it" {
	fakebuild create --name reader base:1 cat
	run -0 bash -c 'echo piped | fakebuild start reader'
	equal piped "$output"
	fakebuild rm reader
}

@test "only_once_at_a_time" {
	begin busy 'echo ready; sleep 100'
	run -125 --separate-stderr fakebuild start busy
	sentence "container busy is running already"
	fakebuild rm -f busy
}

@test "no_such_container" {
	run -125 --separate-stderr fakebuild start nobox
	sentence "no such container: nobox"
}
