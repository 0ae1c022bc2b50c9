#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load store
setup_file() {
	use_store
	make_base -c 'ENTRYPOINT ["echo","entry"]' -c 'WORKDIR /tmp' || return 0
	fakebuild run --name box --entrypoint sh base:1 -c 'echo kept >/kept; chown 5:6 /kept'
}
teardown_file() { remove_store; }

@test "a_kept_container_is_entered_without_its_entrypoint" {
	run -0 fakebuild exec box cat /kept
	equal kept "$output"
	run -0 fakebuild exec box sh -c 'stat -c %u:%g /kept; pwd; echo $FROM_IMAGE'
	equal "5:6 /tmp yes" "${lines[*]}"
}

@test "what_it_changes_stays" {
	fakebuild exec box touch /more
	run -0 fakebuild exec box ls /more
}

@test "a_running_container_is_shared" {
	fakebuild run --name busy --entrypoint sh base:1 -c 'while [ ! -e /stop ]; do sleep 0.1; done; cat /stop' \
		>"$BATS_TEST_TMPDIR/out" 3>&- &
	pid=$!
	for _ in $(seq 100); do
		[[ $(fakebuild ps) == *Up*busy* ]] && break
		sleep 0.1
	done
	run -125 --separate-stderr fakebuild rm busy
	sentence "container busy is running: stop it, or use --force"
	fakebuild exec busy sh -c 'echo stopped >/s; mv /s /stop'
	wait "$pid"
	equal stopped "$(cat "$BATS_TEST_TMPDIR/out")"
}

@test "options_and_status" {
	run -7 fakebuild exec -u me -e A=b -w /home/me box sh -c 'echo "$(id -un) $A $PWD"; exit 7'
	equal "me b /home/me" "$output"
}

@test "no_such_container" {
	run -125 --separate-stderr fakebuild exec nobox true
	sentence "no such container: nobox"
}
