#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load store
setup_file() {
	use_store
	make_base || return 0
}
teardown_file() { remove_store; }

@test "it_prints_what_the_run_ended_with" {
	begin box 'echo ready; sleep 0.5; exit 6'
	fakebuild run --name past base:1 sh -c 'exit 2' || true
	run -0 fakebuild wait box past
	equal $'6\n2' "$output"
	fakebuild rm box past
}

@test "a_killed_fakebuild_counts_as_killed" {
	begin victim 'echo ready; sleep 100'
	kill -9 "$(fakebuild inspect victim | sed -n 's/.*"Pid": \([0-9]*\).*/\1/p')"
	run -0 fakebuild wait victim
	equal 137 "$output"
	fakebuild rm victim
}
