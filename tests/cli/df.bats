#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load store
setup_file() {
	use_store
	make_base || return 0
}
teardown_file() { remove_store; }

@test "images_containers_and_the_build_cache_are_counted" {
	printf 'FROM base:1\nRUN echo x >/x\n' | fakebuild build -t built:1 -
	fakebuild run --name box base:1 true
	run -0 --separate-stderr fakebuild df
	[[ ${lines[0]} =~ ^TYPE\ +TOTAL\ +ACTIVE\ +SIZE\ +RECLAIMABLE$ ]]
	[[ ${lines[1]} =~ ^Images\ +2\ +1\  ]]
	[[ ${lines[2]} =~ ^Containers\ +1\ +0\  ]]
	[[ ${lines[4]} =~ ^Build\ Cache\ +1\  ]]
	run -0 --separate-stderr fakebuild df --format json
	[[ ${lines[3]} == *'"Type":"Build Cache","TotalCount":"1"'* ]]
}
