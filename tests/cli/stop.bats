#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load store
setup_file() {
	use_store
	make_base || return 0
}
teardown_file() { remove_store; }

@test "it_may_end_as_it_likes" {
	begin polite 'trap "exit 7" TERM; echo ready; while :; do sleep 0.05; done'
	run -0 fakebuild stop polite
	equal polite "$output"
	[[ $(fakebuild ps) == *"Exited (7)"*polite* ]]
	# Nothing runs in it any more: that is no failure.
	run -0 fakebuild stop polite
	fakebuild rm polite
}

@test "who_does_not_listen_is_killed" {
	begin deaf 'trap "" TERM; echo ready; while :; do sleep 0.05; done'
	run -0 fakebuild stop -t 0 deaf
	[[ $(fakebuild ps) == *"Exited (137)"*deaf* ]]
	fakebuild rm deaf
}

@test "the_image_says_which_signal" {
	fakebuild import -c 'STOPSIGNAL SIGWINCH' "$BATS_FILE_TMPDIR/base.tar" winch:1
	fakebuild run --name server winch:1 sh -c 'trap "exit 9" WINCH; echo ready; while :; do sleep 0.05; done' \
		>"$BATS_TEST_TMPDIR/server.out" 3>&- &
	wait_until_ready server
	run -0 fakebuild stop server
	[[ $(fakebuild ps) == *"Exited (9)"*server* ]]
	begin other 'trap "exit 4" HUP; echo ready; while :; do sleep 0.05; done'
	run -0 fakebuild stop -s HUP other
	[[ $(fakebuild ps) == *"Exited (4)"*other* ]]
	fakebuild rm server other
}

@test "times_and_signals_are_checked" {
	run -2 --separate-stderr fakebuild stop -t soon box
	sentence "--time soon: want a number of seconds"
	run -2 --separate-stderr fakebuild stop -s LOUD box
	sentence "'LOUD' is no signal"
}
