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

@test "in_a_pid_namespace_it_is_one_more_process" {
	fakebuild run --pid private --name inside --entrypoint sh base:1 -c 'while [ ! -e /stop ]; do sleep 0.1; done; sleep 60' 3>&- &
	pid=$!
	for _ in $(seq 100); do
		[[ $(fakebuild ps) == *Up*inside* ]] && break
		sleep 0.1
	done
	run -7 fakebuild exec -u me -e A=b inside sh -c '[ $$ -gt 1 ] && cat /proc/1/comm; kill -9 1 2>&1; echo "$(id -un) $A $PWD"; exit 7'
	equal sh "${lines[0]}"
	equal "me b /tmp" "${lines[-1]}"
	run -0 fakebuild exec inside grep PPid /proc/self/status
	equal "PPid:	0" "$output"
	# They see the same processes, and are seen.
	fakebuild exec inside sh -c 'echo $$ >/number; exec sleep 60' 3>&- &
	other=$!
	run -0 fakebuild exec inside sh -c 'while [ ! -s /number ]; do sleep 0.1; done; sleep 0.2; cat /proc/$(cat /number)/comm'
	equal sleep "$output"
	run -127 --separate-stderr fakebuild exec inside nosuch
	sentence "cannot execute 'nosuch': No such file or directory"
	run -125 --separate-stderr fakebuild exec --stats inside true
	[[ $stderr == *"are for the run that 'inside', with --pid private, is in" ]]
	# With the first process all are gone.
	fakebuild exec inside sh -c 'kill -9 $(cat /number); touch /stop'
	wait "$other" && false
	equal 137 $?
	fakebuild exec inside sh -c 'echo $$ >/last; exec sleep 60' 3>&- &
	other=$!
	fakebuild exec inside sh -c 'while [ ! -s /last ]; do sleep 0.1; done'
	kill -9 "$pid"
	wait "$other" && false
	equal 137 $?
	# Whatever is left of it, the next is a run of its own.
	run -0 fakebuild exec inside cat /proc/self/comm
	equal cat "$output"
}

@test "options_and_status" {
	run -7 fakebuild exec -u me -e A=b -w /home/me box sh -c 'echo "$(id -un) $A $PWD"; exit 7'
	equal "me b /home/me" "$output"
}

@test "no_such_container" {
	run -125 --separate-stderr fakebuild exec nobox true
	sentence "no such container: nobox"
}
