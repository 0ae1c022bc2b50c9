#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load store
setup() {
	BATS_FILE_TMPDIR=$BATS_TEST_TMPDIR
	use_store
	make_base
}
teardown() { remove_store; }

@test "what_has_a_name_stays" {
	fakebuild run --name box base:1 sh -c 'echo kept >/kept'
	run -0 fakebuild gc
	[[ $output == *"Total reclaimed space: 0B"* ]]
	run -0 fakebuild exec box cat /kept
	equal kept "$output"
	run -0 fakebuild run base:1
}

@test "a_tag_taken_away_frees_room" {
	fakebuild rmi --no-prune base:1
	run -0 fakebuild gc --dry-run
	[[ $output == "Would delete 0 containers, 1 layers, "* ]]
	run -0 fakebuild prune
	[[ $output == "Deleted 0 containers, 1 layers, "* ]]
	equal "" "$(ls "$FAKEBUILD_ROOT/blobs/sha256")"
}

@test "a_killed_run_leaves_nothing" {
	fakebuild run base:1 sh -c 'echo $$ >/started; sleep 1000' 3>&- &
	pid=$!
	for _ in $(seq 100); do
		[[ $(fakebuild ps) == *Up* ]] && break
		sleep 0.1
	done
	sleep 0.3
	kill -9 "$pid"
	wait "$pid" || true
	sleep 0.3
	run ! pgrep -u "$(id -u)" -f 'sleep 1000'
	run -0 fakebuild gc
	run -0 fakebuild ps -q
	equal "" "$output"
	equal "" "$(ls "$FAKEBUILD_ROOT/containers")"
	run -0 fakebuild run base:1
}
