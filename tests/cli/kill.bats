#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load store
setup_file() {
	use_store
	make_base || return 0
}
teardown_file() { remove_store; }

@test "the_first_process_gets_the_signal" {
	begin box 'trap "exit 5" 35; echo ready; while :; do sleep 0.05; done'
	run -0 fakebuild kill -s SIGRTMIN+1 box
	equal box "$output"
	run -0 fakebuild wait box
	equal 5 "$output"
	fakebuild rm box
}

@test "without_a_signal_it_is_killed" {
	begin doomed 'trap "" TERM; echo ready; while :; do sleep 0.05; done'
	run -0 fakebuild kill doomed
	run -0 fakebuild wait doomed
	equal 137 "$output"
	fakebuild rm doomed
}

@test "nothing_runs_in_it" {
	fakebuild create --name idle base:1 true
	run -125 --separate-stderr fakebuild kill idle
	sentence "container idle is not running"
	fakebuild rm idle
}
