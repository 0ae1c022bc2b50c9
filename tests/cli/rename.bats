#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load store
setup_file() {
	use_store
	make_base || return 0
}
teardown_file() { remove_store; }

@test "the_new_name_counts_also_while_it_runs" {
	begin old 'echo ready; sleep 0.5; exit 4'
	run -0 fakebuild rename old new
	run -0 fakebuild wait new
	equal 4 "$output"
	run -125 --separate-stderr fakebuild wait old
	sentence "no such container: old"
	fakebuild rm new
}

@test "a_name_is_nobody_elses_and_a_name" {
	fakebuild create --name one base:1 true
	fakebuild create --name two base:1 true
	run -125 --separate-stderr fakebuild rename one two
	[[ $stderr == *"the name 'two' is taken by container"* ]]
	run -125 --separate-stderr fakebuild rename one "/"
	[[ $stderr == *"is not a container name"* ]]
	run -125 --separate-stderr fakebuild rename one b
	sentence "'b' is not a container name: want 2 to 200 letters, digits, '_', '.', '-', the first of which is a letter or a digit"
	fakebuild rm one two
}
