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
	run ! pgrep -u "$(id -u)" -x -f 'sleep 1000'
	run -0 fakebuild gc
	run -0 fakebuild ps -q
	equal "" "$output"
	equal "" "$(ls "$FAKEBUILD_ROOT/containers")"
	run -0 fakebuild run base:1
}

@test "a_kill_at_any_moment_leaves_a_store_that_works" {
	for delay in 0.001 0.005 0.01 0.02 0.03 0.05 0.08 0.12 0.2; do
		fakebuild run --commit half:1 base:1 sh -c 'seq 100000 >/a; cp /a /b; rm /etc/file' >/dev/null 2>&1 3>&- &
		pid=$!
		sleep "$delay"
		kill -9 "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
		run -0 fakebuild run base:1
		equal "base runs" "$output"
		# The image is whole or is not there.
		if fakebuild inspect half:1 >/dev/null 2>&1; then
			run -0 fakebuild run half:1 sh -c 'tail -n 1 /b; ls /etc/file 2>/dev/null || echo gone'
			equal "100000 gone" "${lines[*]}"
			fakebuild rmi half:1
		fi
	done
	fakebuild gc
	equal "" "$(ls "$FAKEBUILD_ROOT/containers")"
}

@test "a_killed_terminal_run_leaves_no_process" {
	command -v script >/dev/null || skip "no script(1)"
	script -qec "fakebuild run -t base:1 sleep 1001" /dev/null </dev/null >/dev/null 2>&1 3>&- &
	for _ in $(seq 100); do
		pgrep -u "$(id -u)" -x -f 'sleep 1001' >/dev/null && break
		sleep 0.1
	done
	pid=$(fakebuild ps --format json | sed 's/.*"ID":"\([0-9a-f]*\)".*/\1/')
	kill -9 "$(fakebuild inspect --format json "$pid" | sed 's/.*"Pid":\([0-9]*\).*/\1/')"
	for _ in $(seq 50); do
		pgrep -u "$(id -u)" -x -f 'sleep 1001' >/dev/null || break
		sleep 0.1
	done
	run ! pgrep -u "$(id -u)" -x -f 'sleep 1001'
}

@test "the_build_cache_stays_until_it_is_asked_for" {
	printf 'FROM base:1\nRUN echo cached >/x\n' >"$BATS_TEST_TMPDIR/Dockerfile"
	fakebuild build -t cached:1 "$BATS_TEST_TMPDIR"
	fakebuild rmi cached:1
	run -0 fakebuild gc
	run -0 fakebuild build -t cached:1 "$BATS_TEST_TMPDIR"
	[[ $output == *CACHED* ]]
	fakebuild rmi cached:1
	run -0 fakebuild gc --until 1h
	[[ $output == *"0 build steps"* ]]
	run -0 fakebuild gc --keep-storage 1
	[[ $output == *"1 build steps"* ]]
	run -0 fakebuild build -t cached:1 "$BATS_TEST_TMPDIR"
	[[ $output != *CACHED* ]]
	# An image keeps its layers without the cache.
	run -0 fakebuild gc --all
	run -0 fakebuild run cached:1 cat /x
	[ "$output" = cached ]
	run -2 --separate-stderr fakebuild gc --until soon
	sentence "--until soon: want a number with a unit"
}

@test "what_root_made_of_files_goes_when_it_was_not_met_for_long" {
	[ "$(stat -c %W "$BATS_TEST_TMPDIR")" != 0 ] || skip "the file system tells no times of birth"
	cd "$BATS_TEST_TMPDIR"
	touch f g
	fakebuild root chown 5:6 f g
	run -0 fakebuild gc
	[[ $output != *"fakebuild root"* ]]
	# As if two runs had been long ago: the next one meets one of the two files.
	sed -i 's/ .*/ 1000/' "$FAKEBUILD_ROOT"/host/*/runs
	fakebuild root true
	sed -i 's/ .*/ 1000/' "$FAKEBUILD_ROOT"/host/*/runs
	run -0 fakebuild root stat -c %u:%g f
	equal 5:6 "$output"
	run -0 fakebuild gc --dry-run
	[[ $output == *", what 'fakebuild root' made of 1 files"* ]]
	run -0 fakebuild gc
	[[ $output == *", what 'fakebuild root' made of 1 files"* ]]
	run -0 fakebuild root stat -c %u:%g f g
	equal "5:6 0:0" "${lines[*]}"
	# A run that goes on keeps all, and the table of a host that is used no more goes as a whole.
	sed -i 's/ .*/ 1000/' "$FAKEBUILD_ROOT"/host/*/runs
	mkfifo go
	fakebuild root sh -c 'echo >go; read -r _ <go' 3>&- &
	read -r _ <go
	sed -i 's/ .*/ 1000/' "$FAKEBUILD_ROOT"/host/*/runs
	run -0 fakebuild gc
	[ -e "$(echo "$FAKEBUILD_ROOT"/host/*/meta)" ]
	echo >go
	wait $!
	run -0 fakebuild gc
	equal "" "$(ls "$FAKEBUILD_ROOT/host")"
}
