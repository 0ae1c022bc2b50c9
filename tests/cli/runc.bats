#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The OCI runtime with runc's command line, run by an unprivileged user.
load store
load bundle
setup_file() {
	use_store
	make_base_tar || return 0
	command -v python3 >/dev/null || missing "no python3" || return 0
}
teardown_file() { remove_store; }
# ---- run ----
@test "a_bundle_runs_and_its_status_is_ours" {
	command_is 'id -u; pwd; echo "$TERM"; hostname; exit 42'
	run -42 runc run -b "$bundle" a
	equal "0 / xterm runc" "${lines[*]}"
	equal "" "$(runc list -q)"
	[ -z "$(ls -A "$state")" ]
	config 'c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "pid"]'
	command_is 'kill -9 $$'
	run -137 runc run --bundle="$bundle" a
}
@test "the_working_directory_is_the_bundle" {
	command_is 'echo here'
	cd "$bundle"
	run -0 runc run a
	equal here "$output"
}
@test "standard_input_is_passed" {
	command_is 'cat'
	run -0 runc run -b "$bundle" a <<<"given"
	equal given "$output"
}
@test "a_process_is_as_asked_for" {
	config 'c["process"].update(user={"uid": 1000, "gid": 1001, "additionalGids": [50, 60], "umask": 0o027}, cwd="/home/me", env=["A=b", "PATH=/bin"])' \
		'c["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 100}]'
	command_is 'id; pwd; echo $A; umask; ulimit -n; grep NoNewPrivs /proc/self/status'
	run -0 runc run -b "$bundle" a
	equal "uid=1000(me) gid=1001(mine) groups=50(extra),60(other)" "${lines[0]}"
	equal "/home/me b 0027 100 NoNewPrivs:	1" "${lines[*]:1}"
}
@test "of_a_variable_the_last_counts_and_home_is_never_empty" {
	config 'c["process"]["env"] = ["ONE=two", "HOME=", "PATH=/bin", "ONE="]; c["process"]["args"] = ["env"]'
	run -0 runc run -b "$bundle" a
	equal "HOME=/root ONE= PATH=/bin" "$(printf '%s\n' "${lines[@]}" | sort | one_line)"
}
@test "a_terminal_adds_no_returns" {
	config 'c["process"]["terminal"] = True'
	command_is 'test -t 1 && echo one; echo two'
	runc run -b "$bundle" a </dev/null >"$BATS_TEST_TMPDIR/out"
	equal "one two" "$(one_line <"$BATS_TEST_TMPDIR/out")"
}
@test "a_terminal_has_a_name_below_pts" {
	config 'c["process"]["terminal"] = True'
	# shellcheck disable=SC2016
	command_is 'tty; readlink /proc/self/fd/0; cd /dev; for f in console pts/"$(basename "$(tty)")"; do stat -c "%t:%T %u:%g %a" $f; done'
	runc run -b "$bundle" a </dev/null >"$BATS_TEST_TMPDIR/out"
	mapfile -t lines <"$BATS_TEST_TMPDIR/out"
	[[ ${lines[0]} =~ ^/dev/pts/([0-9]+)$ ]]
	local rdev
	rdev=$(printf '88:%x' "${BASH_REMATCH[1]}")
	equal "${lines[0]}" "${lines[1]}"
	# The group and mode are those that the mount of devpts asks for.
	equal "$rdev 0:5 620" "${lines[2]}"
	equal "$rdev 0:5 620" "${lines[3]}"
	command_is 'sleep 60'
	config 'c["process"]["terminal"] = False'
	runc run -d -b "$bundle" b >/dev/null 2>&1 3>&-
	run -0 runc exec -t b tty </dev/null
	[[ ${lines[0]} =~ ^/dev/pts/[0-9]+$ ]]
}
@test "who_waits_for_a_creation_does_not_wait_for_the_container" {
	command_is 'sleep 60'
	run -0 timeout 20 bash -c 'fakebuild runc --root "$1" create -b "$2" c 7>&1 >/dev/null 2>&1 </dev/null | cat' _ "$state" "$bundle"
	equal created "$(status_of c)"
}
@test "proc_behind_a_symlink_is_refused" {
	ln -s etc "$bundle/rootfs/proc"
	run -1 --separate-stderr runc run -b "$bundle" a
	[[ ${stderr_lines[-1]} == *'must be mounted on ordinary directory'* ]]
}
@test "capabilities_are_those_given" {
	config 'c["process"]["capabilities"] = {k: ["CAP_CHOWN", "CAP_KILL"] for k in ("bounding", "effective", "permitted")}'
	command_is 'grep Cap /proc/self/status'
	run -0 runc run -b "$bundle" a
	equal "CapInh: 0000000000000000 CapPrm: 0000000000000021 CapEff: 0000000000000021 CapBnd: 0000000000000021 CapAmb: 0000000000000000" \
		"$(tr '\t' ' ' <<<"$output" | one_line)"
}
@test "files_of_a_read_only_root_stay" {
	config 'c["root"]["readonly"] = True'
	command_is 'touch /x; echo $?; touch /dev/shm/y && ls /dev/shm'
	run -0 runc run -b "$bundle" a
	equal "touch: /x: Read-only file system 1 y" "${lines[*]}"
	[ ! -e "$bundle/rootfs/x" ]
}
@test "mounts_are_made" {
	mkdir "$bundle/volume"
	echo inside >"$bundle/volume/file"
	config 'c["mounts"] += [{"destination": "/v", "source": "volume", "options": ["rbind", "ro"]},
		{"destination": "/etc/file", "source": c["process"]["cwd"] + "etc/passwd", "options": ["bind"]},
		{"destination": "/new/deep", "type": "tmpfs", "source": "tmpfs", "options": ["size=1m", "mode=1700"]}]'
	command_is 'cat /v/file; touch /v/x; grep -c root: /etc/file; stat -c %a /new/deep; touch /new/deep/y && ls /new/deep'
	run -0 runc run -b "$bundle" a
	equal "inside touch: /v/x: Read-only file system 1 1700 y" "${lines[*]}"
}
@test "recursive_options_of_mounts_are_held_to" {
	mkdir "$bundle/volume"
	config 'options = ["ratime", "rnoatime", "rstrictatime", "rnostrictatime", "rrelatime", "rnorelatime", "rro", "rnosymfollow"]
c["mounts"] += [{"destination": "/m/" + o, "source": "volume", "options": ["rbind", o]} for o in options]'
	command_is 'grep -o "/m/[^ ]* [^ ]*" /proc/self/mountinfo'
	run -0 runc run -b "$bundle" a
	equal "/m/ratime rw,relatime /m/rnoatime rw,noatime /m/rstrictatime rw /m/rnostrictatime rw,relatime \
/m/rrelatime rw,relatime /m/rnorelatime rw,relatime /m/rro ro,relatime /m/rnosymfollow rw,nosymfollow,relatime" "${lines[*]}"
}
@test "mountinfo_tells_what_a_bind_shows" {
	mkdir "$bundle/volume"
	config 'c["mounts"] += [{"destination": "/v", "source": "volume", "options": ["rbind"]}]'
	command_is 'while read -r _ _ _ root point _; do if [ "$point" = /v ]; then echo "$root"; fi; done </proc/self/mountinfo'
	run -0 runc run -b "$bundle" a
	equal "$bundle/volume" "$output"
}
@test "a_tmpfs_has_the_mode_of_what_it_covers" {
	mkdir -m 710 "$bundle/rootfs/there"
	config 'c["mounts"] += [{"destination": d, "type": "tmpfs", "source": "tmpfs"} for d in ("/there", "/not/there")]'
	command_is 'stat -c %a /there /not/there /not'
	run -0 runc run -b "$bundle" a
	equal "710 1777 755" "${lines[*]}"
}
@test "a_container_begins_with_process_1_which_no_signal_of_its_own_ends" {
	# shellcheck disable=SC2016
	command_is 'echo $$; kill -9 $$; kill $$; ls -d /proc/[0-9]*; exit 4'
	run -4 runc run -b "$bundle" a
	[[ ${lines[*]} =~ ^"1 /proc/1"(" /proc/"[0-9]+)?$ ]]
	command_is 'sleep 60'
	runc run -d -b "$bundle" b >/dev/null 2>&1 3>&-
	# shellcheck disable=SC2016
	run -0 runc exec b sh -c 'echo $$; ls -d /proc/1; readlink /proc/1/ns/mnt'
	equal "2 /proc/1 $(runc exec b readlink /proc/self/ns/mnt)" "${lines[*]}"
}
# joins KIND...: the next container joins these namespaces of container a, and makes the others.
joins() {
	config "pid, kinds = $(pid_of a), '$*'.split()" \
		'for n in c["linux"]["namespaces"]: n["path"] = "/proc/%d/ns/%s" % (pid, n["type"]) if n["type"] in kinds else ""'
}
may_administer() {
	config 'for k in c["process"]["capabilities"]: c["process"]["capabilities"][k].append("CAP_SYS_ADMIN")'
}
@test "a_container_has_the_host_name_and_queues_of_the_one_it_joins_but_not_its_processes" {
	may_administer
	config 'c["hostname"] = "pod"'
	start_sleeper a
	joins uts ipc
	config 'c.pop("hostname")'
	command_is 'hostname; hostname renamed; ls -d /proc/[0-9]*; exec sleep 60'
	runc run -d -b "$bundle" b >"$BATS_TEST_TMPDIR/out" 2>&1 3>&-
	eventually grep -q proc "$BATS_TEST_TMPDIR/out"
	equal pod "$(head -n 1 "$BATS_TEST_TMPDIR/out")"
	run ! grep "/proc/[3-9]" "$BATS_TEST_TMPDIR/out"
	equal renamed "$(runc exec a hostname)"
	for kind in uts ipc; do
		equal "$(runc exec a readlink /proc/self/ns/$kind)" "$(runc exec b readlink /proc/self/ns/$kind)"
	done
	[ "$(runc exec a readlink /proc/self/ns/pid)" != "$(runc exec b readlink /proc/self/ns/pid)" ]
	# The one is not the other, to nobody.
	run -0 runc ps -f json b
	equal "[$(pid_of b)]" "$output"
	runc pause b
	equal "paused running" "$(status_of b) $(status_of a)"
	equal here "$(runc exec a echo here)"
	runc resume b
	# It goes on when the other has gone, whose session it is.
	folder=$(readlink "$state/a/run")
	runc delete -f a
	equal "running renamed" "$(status_of b) $(runc exec b hostname)"
	runc delete -f b
	[ ! -e "$folder" ]
}
@test "a_container_that_joins_processes_of_another_ends_with_it" {
	start_sleeper a
	joins pid
	command_is 'exec sleep 70'
	runc run -d -b "$bundle" b >/dev/null 2>&1 3>&-
	# shellcheck disable=SC2016
	run -0 runc exec b sh -c 'for p in /proc/[0-9]*; do tr "\0" " " <$p/cmdline; done'
	[[ $output == *"while :; do sleep 0.1"*"sleep 70"* ]]
	run -0 runc ps -f json b
	equal "[$(pid_of b)]" "$output"
	kill -9 "$(pid_of a)"
	wait_for_status b stopped
	runc delete b
	runc delete a
}
@test "without_a_pid_namespace_processes_outlive_the_first" {
	config 'c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "pid"]'
	command_is 'sleep 60'
	for how in "kill a KILL" "delete a" "delete -f a"; do
		runc run -d -b "$bundle" a >/dev/null 2>&1 3>&-
		runc exec -d --pid-file "$BATS_TEST_TMPDIR/pid" a sleep 61 >/dev/null 2>&1 3>&-
		other=$(cat "$BATS_TEST_TMPDIR/pid")
		kill -9 "$(pid_of a)"
		wait_for_status a stopped
		kill -0 "$other"
		# shellcheck disable=SC2086
		runc $how
		eventually is_gone "$other"
		[[ $how == delete* ]] || runc delete a
	done
}
@test "a_destination_that_names_the_root_is_one_in_it" {
	mkdir "$bundle/volume"
	echo inside >"$bundle/volume/file"
	config "c['mounts'] += [{'destination': '$bundle/rootfs/v', 'source': 'volume', 'options': ['rbind']}]"
	command_is 'cat /v/file'
	run -0 runc run -b "$bundle" a
	equal inside "$output"
}
@test "what_every_container_has_may_be_asked_for" {
	config 'c["linux"]["devices"] = [{"path": "/dev/" + n, "type": "c", "major": 5, "minor": m} for n, m in (("ptmx", 2), ("tty", 0))]'
	command_is 'stat -L -c %t,%T /dev/ptmx /dev/tty'
	run -0 runc run -b "$bundle" a
	equal "5,2 5,0" "${lines[*]}"
}
@test "masked_and_read_only_paths_are_kept_from_the_container" {
	echo secret >"$bundle/rootfs/etc/secret"
	mkdir "$bundle/rootfs/hidden"
	touch "$bundle/rootfs/hidden/x"
	config 'c["linux"]["maskedPaths"] = ["/etc/secret", "/hidden", "/not/there"]' 'c["linux"]["readonlyPaths"] = ["/etc"]'
	command_is 'cat /etc/secret; ls /hidden; touch /etc/x'
	run -1 runc run -b "$bundle" a
	equal "touch: /etc/x: Read-only file system" "$output"
}
@test "a_command_that_is_not_there_is_told" {
	config 'c["process"]["args"] = ["/no/such"]'
	run -1 --separate-stderr runc run -b "$bundle" a
	[[ ${stderr_lines[-1]} == *"runc run failed"*"no such file or directory"* ]]
	equal "" "$(runc list -q)"
	config 'c["process"]["args"] = ["nosuch"]'
	run -1 --separate-stderr runc run -b "$bundle" a
	[[ ${stderr_lines[-1]} == *"executable file not found in \$PATH"* ]]
}
@test "keep_keeps_a_container_that_has_ended" {
	command_is true
	runc run --keep -b "$bundle" a
	equal stopped "$(status_of a)"
	run -1 --separate-stderr runc run -b "$bundle" a
	told "runc run failed: container with given ID already exists: 'a'"
	runc delete a
	run -1 --separate-stderr runc state a
	told "container does not exist: 'a'"
}

# ---- the life of a container ----
@test "a_container_is_created_started_and_deleted" {
	command_is 'echo started >/out; exit 5'
	runc create -b "$bundle" --pid-file "$BATS_TEST_TMPDIR/pid" a 3>&-
	equal created "$(status_of a)"
	[ ! -e "$bundle/rootfs/out" ]
	pid=$(pid_of a)
	equal "$pid" "$(cat "$BATS_TEST_TMPDIR/pid")"
	kill -0 "$pid"
	runc start a
	wait_for_status a stopped
	equal started "$(cat "$bundle/rootfs/out")"
	run -0 runc state a
	[[ $output == *'"pid": 0'* && $output == *"\"bundle\": \"$bundle\""* && $output == *"\"rootfs\": \"$bundle/rootfs\""* ]]
	run -1 --separate-stderr runc start a
	told "cannot start a container that has stopped"
	runc delete a
	[ ! -e "$state/a" ]
}
@test "a_created_container_can_be_deleted" {
	command_is 'touch /out'
	runc create -b "$bundle" a 3>&-
	runc delete a
	equal "" "$(runc list -q)"
	[ ! -e "$bundle/rootfs/out" ]
}
@test "signals_are_sent" {
	start_sleeper a
	run -1 --separate-stderr runc start a
	told "cannot start an already running container"
	run -1 --separate-stderr runc kill a NOPE
	told 'unknown signal \"NOPE\"'
	runc kill a 0
	runc kill a
	wait_for_status a stopped
	run -1 --separate-stderr runc kill a
	told "container not running"
	runc kill --all a KILL
	runc delete a
	for signal in KILL sigkill 9; do
		start_sleeper "a$signal"
		runc kill "a$signal" "$signal"
		wait_for_status "a$signal" stopped
		runc delete "a$signal"
	done
}
@test "a_running_container_is_deleted_by_force_only" {
	start_sleeper a
	run -1 --separate-stderr runc delete a
	told "cannot delete container a that is not stopped: running"
	runc delete --force a
	run -1 runc state a
	runc delete -f a
	run -1 --separate-stderr runc delete a
	told "container does not exist: 'a'"
}
@test "all_of_a_container_ends_with_its_first_process" {
	command_is '(while :; do sleep 0.1; done) & echo $!; sleep 0.3'
	run -0 runc run -b "$bundle" a
	eventually is_gone "$output"
}
@test "a_container_goes_on_when_its_command_is_killed" {
	command_counts
	"$FAKEBUILD" runc --root "$state" run -b "$bundle" a >/dev/null 2>&1 </dev/null &
	local command=$! count
	eventually test -s "$bundle/rootfs/count"
	kill -KILL "$command"
	eventually is_gone "$command"
	sleep 0.3
	count=$(cat "$bundle/rootfs/count")
	counts_on() { [ "$(cat "$bundle/rootfs/count")" != "$count" ]; }
	eventually counts_on
	[[ $(runc state a) == *'"status": "running"'* ]]
	runc delete -f a
}
@test "a_container_is_paused_and_resumed" {
	command_counts
	runc run -d -b "$bundle" a 3>&-
	wait_for_status a running
	runc pause a
	equal paused "$(status_of a)"
	run -255 --separate-stderr runc exec a true
	told "exec failed: cannot exec in a paused container (use --ignore-paused to override)"
	before=$(cat "$bundle/rootfs/count")
	sleep 0.5
	equal "$before" "$(cat "$bundle/rootfs/count")"
	runc resume a
	run -1 --separate-stderr runc resume a
	told "container not paused"
	equal running "$(status_of a)"
	goes_on() { [ "$before" != "$(cat "$bundle/rootfs/count")" ]; }
	eventually goes_on
}

# ---- exec ----
@test "a_command_is_run_in_a_container" {
	start_sleeper a
	run -7 runc exec -e A=b --cwd /etc -u 1000:50 a sh -c 'id -u; id -g; pwd; echo $A$TERM -l; exit 7'
	equal "1000 50 /etc bxterm -l" "${lines[*]}"
	run -0 runc exec a printf '%s\n' -e --cwd
	equal "-e --cwd" "${lines[*]}"
	run -0 runc exec a --cwd /tmp --pid-file "$BATS_TEST_TMPDIR/pid" pwd
	equal /tmp "$output"
	[[ $(cat "$BATS_TEST_TMPDIR/pid") =~ ^[0-9]+$ ]]
	runc exec a sh -c 'echo shared >/shared'
	equal shared "$(cat "$bundle/rootfs/shared")"
	run -0 runc exec a cat <<<"input"
	equal input "$output"
}
@test "a_process_is_read_from_a_file" {
	start_sleeper a
	echo '{"cwd": "/etc", "args": ["sh", "-c", "pwd; id -u"], "env": ["PATH=/bin"], "user": {"uid": 1000, "gid": 0}}' >"$BATS_TEST_TMPDIR/p"
	run -0 runc exec --process "$BATS_TEST_TMPDIR/p" a
	equal "/etc 1000" "${lines[*]}"
	run -0 runc exec a -p /proc/self/fd/0 <"$BATS_TEST_TMPDIR/p"
	equal "/etc 1000" "${lines[*]}"
	echo '{"cwd": "etc", "args": ["sh"]}' >"$BATS_TEST_TMPDIR/p"
	run -255 --separate-stderr runc exec -p "$BATS_TEST_TMPDIR/p" a
	told "exec failed: $BATS_TEST_TMPDIR/p: cwd is 'etc', not an absolute path"
}
@test "what_the_file_of_a_process_does_not_say_is_the_containers" {
	config 'c["linux"]["personality"] = {"domain": "LINUX32"}' \
		'c["process"]["user"]["umask"] = 0o77' \
		'c["process"].update(oomScoreAdj=500, ioPriority={"class": "IOPRIO_CLASS_IDLE"}, scheduler={"policy": "SCHED_BATCH", "nice": 3})' \
		'c["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 100}]' \
		'c["process"]["capabilities"] = {k: ["CAP_CHOWN"] for k in ("bounding", "effective", "permitted")}'
	start_sleeper a
	# Fields 19 and 41 of proc(5): the nice value and the policy.
	# shellcheck disable=SC2016
	local line='read -r stat </proc/self/stat; set -- ${stat##*) }; echo ${17} ${39} $(busybox uname -m) $(umask) $(cat /proc/self/oom_score_adj) \
		$(busybox ionice -p $$) $(ulimit -n) $(grep CapEff /proc/self/status)'
	process_is() { # MEMBERS
		LINE=$line python3 -c 'import json, os, sys; print(json.dumps(dict({"cwd": "/", "env": ["PATH=/bin"], "args": ["sh", "-c", os.environ["LINE"]]}, **eval(sys.argv[1]))))' "$1"
	}
	run -0 runc exec a sh -c "$line"
	equal "3 3 i686 0077 500 idle 100 CapEff: 0000000000000001" "$output"
	run -0 runc exec -p <(process_is '{}') a
	equal "3 3 i686 0077 500 idle 100 CapEff: 0000000000000001" "$output"
	run -0 runc exec -p <(process_is '{
		"user": {"uid": 0, "gid": 0, "umask": 0o27}, "oomScoreAdj": 600, "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 6},
		"scheduler": {"policy": "SCHED_OTHER", "nice": 4}, "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 90, "hard": 90}],
		"capabilities": {k: ["CAP_KILL"] for k in ("bounding", "effective", "permitted")}}') a
	equal "4 0 i686 0027 600 best-effort: prio 6 90 CapEff: 0000000000000020" "$output"
}
@test "a_detached_command_goes_on" {
	start_sleeper a
	runc exec -d --pid-file "$BATS_TEST_TMPDIR/pid" a sh -c 'sleep 0.3; echo done >/done' 3>&-
	[[ $(cat "$BATS_TEST_TMPDIR/pid") =~ ^[0-9]+$ ]]
	eventually test -s "$bundle/rootfs/done"
}
@test "a_user_with_the_capability_executes_what_is_others" {
	chmod 700 "$bundle/rootfs/bin/busybox"
	config 'c["process"]["user"] = {"uid": 1000, "gid": 1000}; c["process"]["args"] = ["/bin/busybox", "id", "-u"]' \
		'c["process"]["capabilities"] = {k: ["CAP_DAC_OVERRIDE"] for k in ("bounding", "effective", "permitted", "inheritable", "ambient")}'
	run -0 runc run -b "$bundle" a
	equal 1000 "$output"
}
@test "what_cannot_be_executed_is_told" {
	run -255 --separate-stderr runc exec none true
	told "exec failed: container does not exist: 'none'"
	start_sleeper a
	run -255 --separate-stderr runc exec a
	told "exec failed: exec args cannot be empty"
	run -255 --separate-stderr runc exec a /no/such
	[[ ${stderr_lines[-1]} == *"no such file or directory"* ]]
	run -255 --separate-stderr runc exec -u 2147483648 a true
	told "exec failed: the user of --user '2147483648' is not a number from 0 to 2147483647"
	run -255 --separate-stderr runc exec -t -d a true
	told "exec failed: cannot allocate tty if runc will detach without setting console socket"
	runc kill a KILL
	wait_for_status a stopped
	run -255 --separate-stderr runc exec a true
	told "exec failed: cannot exec in a stopped container"
}

# ---- who waits for it ----
manages() { # a service manager that writes what it is told
	export NOTIFY_SOCKET=$BATS_TEST_TMPDIR/manager
	rm -f "$NOTIFY_SOCKET"
	python3 "$BATS_TEST_DIRNAME/notify_manager.py" "$NOTIFY_SOCKET" >"$BATS_TEST_TMPDIR/told" 3>&- &
	manager=$!
	eventually test -S "$NOTIFY_SOCKET"
}
@test "a_service_manager_is_told_when_a_container_is_ready" {
	local tell='import os, socket; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"STATUS=up\nREADY=1", os.environ["NOTIFY_SOCKET"])'
	command -v busybox >/dev/null
	# What the container sends, it sends through a program of the host's, which is bound into it.
	config 'import os' "c['mounts'] += [{'destination': d, 'source': d, 'type': 'bind', 'options': ['rbind', 'ro']} for d in ('/usr', '/lib', '/lib64') if os.path.exists(d)]"
	TELL=$tell config 'import os' 'c["process"]["args"] = ["/usr/bin/python3", "-c", os.environ["TELL"] + "; import time; time.sleep(60)"]'
	manages
	run -0 timeout 50 bash -c 'fakebuild runc --root "$1" run -d -b "$2" a >/dev/null 2>&1 3>&-' _ "$state" "$bundle"
	wait "$manager"
	local pid
	pid=$(pid_of a)
	equal "READY=1 MAINPID=$pid BARRIER=1" "$(one_line <"$BATS_TEST_TMPDIR/told")"
	# Of `run` in the foreground it is the command that stands for the container.
	TELL=$tell config 'import os' 'c["process"]["args"] = ["/usr/bin/python3", "-c", os.environ["TELL"] + "; import time; time.sleep(1)"]'
	manages
	"$FAKEBUILD" runc --root "$state" run -b "$bundle" b >/dev/null 2>&1 3>&- &
	local command=$!
	wait "$manager"
	equal "READY=1 MAINPID=$command BARRIER=1" "$(one_line <"$BATS_TEST_TMPDIR/told")"
	wait "$command"
	# Created first, it is `start` that waits.
	manages
	fakebuild runc --root "$state" create -b "$bundle" c >/dev/null 2>&1 3>&-
	run -0 timeout 50 bash -c 'fakebuild runc --root "$1" start c 3>&-' _ "$state"
	wait "$manager"
	grep -q READY=1 "$BATS_TEST_TMPDIR/told"
}
@test "who_is_never_ready_keeps_nobody_waiting" {
	command_is 'echo "$NOTIFY_SOCKET"'
	manages
	run -0 timeout 20 bash -c 'fakebuild runc --root "$1" run -b "$2" a 3>&-' _ "$state" "$bundle"
	equal /run/notify/notify.sock "$output"
	run -0 timeout 20 bash -c 'fakebuild runc --root "$1" run -d -b "$2" b >/dev/null 2>&1 3>&-' _ "$state" "$bundle"
	kill "$manager"
	NOTIFY_SOCKET=/no/such run -1 --separate-stderr runc run -b "$bundle" c
	told "runc run failed: cannot connect to NOTIFY_SOCKET '/no/such': No such file or directory"
	equal b "$(runc list -q)"
}

# ---- what is shown ----
@test "containers_are_listed" {
	run -1 --separate-stderr runc list
	told "cannot read the folder of containers '$state': No such file or directory"
	mkdir "$state"
	equal "ID          PID         STATUS      BUNDLE      CREATED     OWNER" "$(runc list)"
	equal "[]" "$(runc list -f json)"
	start_sleeper b
	command_is true
	runc create -b "$bundle" a 3>&-
	equal "a b" "$(runc list -q | one_line)"
	run -0 runc list
	[[ ${lines[1]} =~ ^a\ +[0-9]+\ +created\ +$bundle\ +20[^\ ]+Z\ +[^\ ]+$ ]]
	[[ ${lines[2]} =~ ^b\ +[0-9]+\ +running\ +$bundle\ +20 ]]
	equal "created running" "$(runc list --format json |
		python3 -c 'import json, sys; print(" ".join(c["status"] for c in json.load(sys.stdin)))')"
}
@test "processes_are_listed" {
	start_sleeper a
	pid=$(pid_of a)
	[[ $(runc ps -f json a) =~ ^\[([0-9]+,)*$pid(,[0-9]+)*\]$ ]]
	command -v ps >/dev/null || return 0
	run -0 runc ps a
	[[ ${lines[0]} == *PID* && $output == *" $pid "* ]]
	run -0 runc ps a -o pid,comm
	[[ ${lines[0]} =~ ^\ *PID\ COMMAND$ ]]
}
@test "usage_is_shown" {
	start_sleeper a
	runc events --stats a | python3 -c '
import json, sys
e = json.load(sys.stdin)
assert e["type"] == "stats" and e["id"] == "a", e
assert e["data"]["memory"]["usage"]["usage"] > 0 and e["data"]["pids"]["current"] >= 1, e
u = e["data"]["cpu"]["usage"]
assert u["total"] == u["kernel"] + u["user"], e'
	run -0 runc events --interval 100ms a &
	sleep 0.5
	runc kill a KILL
	wait
	run -1 --separate-stderr runc events --stats a
	told "container with id a is not running"
}
@test "features_and_version_are_those_callers_parse" {
	runc features | python3 -c '
import json, sys
f = json.load(sys.stdin)
assert f["ociVersionMin"] == "1.0.0" and f["ociVersionMax"] == "1.2.1"
assert "rro" in f["mountOptions"] and "idmap" not in f["mountOptions"] and "poststop" in f["hooks"]
assert f["linux"]["namespaces"] == [] and "CAP_BPF" in f["linux"]["capabilities"]'
	run -0 runc --version
	[[ ${lines[0]} == "runc version "* && ${lines[1]} == "commit: "* && ${lines[2]} == "spec: 1.2.1" ]]
}
@test "an_example_is_written_but_over_nothing" {
	run -1 --separate-stderr runc spec -b "$bundle"
	told "File config.json exists. Remove it first"
	rm "$bundle/config.json"
	runc spec --rootless --bundle "$bundle"
	config 'assert {"type": "user"} in c["linux"]["namespaces"], c'
}
@test "scheduling_and_personality_are_those_of_the_configuration" {
	config 'c["process"].update(scheduler={"policy": "SCHED_BATCH", "nice": 5, "flags": ["SCHED_FLAG_RESET_ON_FORK"]}, ioPriority={"class": "IOPRIO_CLASS_IDLE", "priority": 0})' \
		'c["linux"]["personality"] = {"domain": "LINUX32"}'
	# Fields 19 and 41 of proc(5): the nice value and the policy.
	command_is 'read -r stat </proc/self/stat; set -- ${stat##*) }; echo ${17} ${39}; busybox uname -m; busybox ionice -p $$; busybox grep Cpus_allowed_list /proc/self/status'
	run -0 runc run -b "$bundle" a
	equal "5 3" "${lines[0]}"
	equal i686 "${lines[1]}"
	[[ ${lines[2]} == idle* ]]
	# The first process is number 1 to who asks for these, too.
	start_sleeper first
	[[ $(runc exec first busybox ionice -p 1) == idle* ]]
	# The affinity is that of processes that come later.
	config 'c["process"]["execCPUAffinity"] = {"initial": "0", "final": "0"}'
	start_sleeper b
	runc exec b busybox grep Cpus_allowed_list /proc/self/status | grep -q '[[:space:]]0$'
}
@test "memory_comes_from_the_nodes_of_the_configuration" {
	local n=$bundle/config.json
	[ -e /proc/self/numa_maps ] || skip "the kernel knows no nodes"
	config 'c["linux"]["memoryPolicy"] = {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]}'
	command_is 'head -n 1 /proc/self/numa_maps; sleep 60'
	runc run -d -b "$bundle" a >"$BATS_TEST_TMPDIR/out" 2>&1 3>&-
	eventually test -s "$BATS_TEST_TMPDIR/out"
	grep -q ' bind=static:0 ' "$BATS_TEST_TMPDIR/out"
	[[ $(runc exec a head -n 1 /proc/self/numa_maps) == *' bind=static:0 '* ]]
	config 'c["linux"]["memoryPolicy"] = {"mode": "MPOL_NONE"}'
	refuses_to_run "$n: linux.memoryPolicy has an invalid memory policy mode 'MPOL_NONE'"
	config 'c["linux"]["memoryPolicy"] = {"mode": "MPOL_LOCAL", "nodes": "0"}'
	refuses_to_run "$n: linux.memoryPolicy MPOL_LOCAL mode requires 0 nodes but got 1"
}
@test "what_the_profile_forbids_cannot_be_called" {
	local n=$bundle/config.json
	config 'c["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86"], "syscalls": [
		{"names": ["mkdir", "mkdirat", "no_such_call"], "action": "SCMP_ACT_ERRNO", "errnoRet": 100},
		{"names": ["faccessat2"], "action": "SCMP_ACT_ERRNO"},
		{"names": ["kill"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 1, "value": 10, "op": "SCMP_CMP_EQ"}, {"index": 1, "value": 12, "op": "SCMP_CMP_EQ"}]}]}'
	command_is 'mkdir /x; touch /y && chmod 640 /y && stat -c %a /y; for s in 0 USR1 USR2; do kill -$s $$; echo $?; done; grep Seccomp: /proc/self/status'
	run -0 runc run -b "$bundle" a
	equal "mkdir: can't create directory '/x': Network is down" "${lines[0]}"
	equal "640 0" "${lines[*]:1:2}"; equal "1 1 Seccomp:	2" "$(printf "%s\n" "${lines[@]:3}" | grep -v permitted | one_line)"
	# Who gains no new privileges takes it last; exec'd processes have it, too.
	config 'c["process"]["noNewPrivileges"] = False'
	start_sleeper b
	run -1 runc exec b mkdir /x
	equal "mkdir: can't create directory '/x': Network is down" "$output"
	config 'c["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_KILL_EVERYBODY"}'
	refuses_to_run "unable to start container process: linux.seccomp: defaultAction is 'SCMP_ACT_KILL_EVERYBODY', which is no action"
	config 'c["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]}'
	run -1 --separate-stderr runc run -b "$bundle" c
	[[ $stderr == *"SCMP_ACT_NOTIFY is not supported"* ]]
	equal b "$(runc list -q)"
}
@test "schedulers_that_are_none_are_named" {
	local n
	n=$(config 'pass' && echo "$bundle/config.json")
	config 'c["process"]["scheduler"] = {"policy": "SCHED_BEST"}'
	refuses_to_run "$n: process.scheduler.policy is 'SCHED_BEST', which is none"
	config 'c["process"]["scheduler"] = {"policy": "SCHED_OTHER", "nice": 20}'
	refuses_to_run "$n: process.scheduler.nice is not a number from -20 to 19"
	config 'del c["process"]["scheduler"]; c["process"]["ioPriority"] = {"class": "IOPRIO_CLASS_BE", "priority": 8}'
	refuses_to_run "$n: process.ioPriority.priority is not a number from 0 to 7"
	config 'del c["process"]["ioPriority"]; c["process"]["execCPUAffinity"] = {"initial": "3-1"}'
	refuses_to_run "$n: process.execCPUAffinity.initial is '3-1', which is no list of CPUs"
}
@test "limits_are_those_of_the_groups_of_a_session" {
	config 'c["linux"]["cgroupsPath"] = "/box"; c["linux"]["resources"] = {"cpu": {"quota": 50000, "period": 200000}}'
	config 'c["linux"]["resources"]["unified"] = {"memory.high": "4096000"}'
	command_is 'sleep 100'
	export bundle state
	# shellcheck disable=SC2016
	run -0 fakebuild root sh -c 'runc="fakebuild runc --root $state"
		$runc run -d -b "$bundle" a >/dev/null </dev/null 2>&1 3>&-
		cd /sys/fs/cgroup/box && cat cpu.max
		$runc update --memory 64m --memory-swap 96m --pids-limit 7 --cpu-share 2 --cpu-quota 20000 --cpu-idle 0 a
		cat memory.max memory.swap.max pids.max cpu.max
		$runc update --memory -1 --pids-limit -1 --cpu-period 100000 a
		cat memory.max pids.max cpu.max
		$runc update --memory-swap 1g --memory 2g a || true
		mkdir below
		$runc exec --cgroup below a busybox grep below /proc/self/cgroup || cat below/cgroup.procs
		$runc exec --cgroup none a true || true
		$runc exec --cgroup ../x a true || true
		$runc run -d -b "$bundle" b </dev/null 2>&1 3>&- || true
		cat memory.high
		$runc delete -f a
		ls -d /sys/fs/cgroup/box || true'
	equal "50000 200000" "${lines[0]}"
	equal $'67108864\n33554432\n7\n20000 200000\nmax\nmax\n20000 100000' "$(printf '%s\n' "${lines[@]:1:7}")"
	[[ ${lines[8]} == *"a limit of memory and swap needs one of memory that is no larger"* ]]
	[[ ${lines[9]} == *below ]]
	[[ ${lines[11]} == *"bad sub cgroup path: '../x' is not below the container's"* ]]
	[[ ${lines[12]} == *"container's cgroup is not empty: "* ]]
	equal 4096000 "${lines[13]}"
	[[ ${lines[14]} == *"No such file"* ]]
	[[ ${lines[10]} == *"error adding pid "*" to the group 'none'"* ]]
}
@test "limits_are_taken_and_told_of" {
	start_sleeper a
	run -0 runc update --memory 1g --pids-limit 5 a
	[[ $output == *"--memory is taken, but not held to"*"--pids-limit is taken, but not held to"* ]]
	run -1 --separate-stderr runc update --memory much a
	told "option '--memory' takes a size in bytes, as 512m, or -1, not 'much'"
	run -1 --separate-stderr runc update --cpu-quota 1.5 a
	told "option '--cpu-quota' takes a number, not '1.5'"
	runc update -r - a <<<'{"memory": {"limit": 5}}'
	run -1 --separate-stderr runc update -r - a <<<'[]'
	told "/dev/stdin is no JSON object"
	run -1 --separate-stderr runc checkpoint a --image-path x
	[[ $stderr == *"checkpoint is not supported"* ]]
}
@test "failures_are_logged" {
	run -1 --separate-stderr runc --log "$BATS_TEST_TMPDIR/log" --log-format json state none
	equal "container does not exist: 'none'" "$stderr"
	python3 - "$BATS_TEST_TMPDIR/log" <<'END'
import json, sys
e = json.loads(open(sys.argv[1]).readlines()[-1])
assert e["level"] == "error" and e["msg"] == "container does not exist: 'none'" and e["time"].endswith("Z"), e
END
	config 'c["linux"]["mountLabel"] = "label"'
	command_is true
	fakebuild runc --root "$state" --log "$BATS_TEST_TMPDIR/log2" run -b "$bundle" a
	equal 'level=warning msg="linux.mountLabel is taken, but not held to"' "$(sed 's/^time="[^"]*" //' "$BATS_TEST_TMPDIR/log2")"
}
@test "lines_of_debugging_tell_the_steps_of_a_process" {
	command_is 'trap "exit 0" TERM; while :; do sleep 0.1; done'
	runc --debug --log "$BATS_TEST_TMPDIR/log" create -b "$bundle" a >"$BATS_TEST_TMPDIR/out" 2>&1 3>&-
	equal "" "$(cat "$BATS_TEST_TMPDIR/out")"
	equal "nsexec container setup child process in init() init: closing the pipe to signal completion" \
		"$(sed -n 's/.*level=debug msg="\(nsexec\|child\|init:\)\(.*\)"$/\1\2/p' "$BATS_TEST_TMPDIR/log" | one_line)"
	runc start a
	echo '{"cwd": "/", "args": ["/bin/true"], "execCPUAffinity": {"initial": "0"}}' >"$BATS_TEST_TMPDIR/p"
	run -0 --separate-stderr runc --debug exec -p "$BATS_TEST_TMPDIR/p" a
	[[ $stderr == *'nsexec['*']: affinity: 0x1"'*'setns_init: about to exec"'* ]]
	run -0 --separate-stderr runc exec -p "$BATS_TEST_TMPDIR/p" a
	equal "" "$stderr"
}
@test "wrong_words_are_told" {
	run -1 --separate-stderr runc state
	told '\"state\" has too few words, usage: fakebuild-runc state [OPTIONS] CONTAINER'
	run -1 --separate-stderr runc run --nope a
	told "run: unknown option '--nope'"
	run -1 --separate-stderr runc nope
	told "No help topic for 'nope': it is no command, see 'fakebuild-runc --help'"
	run -1 --separate-stderr fakebuild runc --root / list
	told "option '--root' cannot be '/'"
	run -1 --separate-stderr runc run -b "$bundle" 'a/b'
	told "runc run failed: invalid container ID format: 'a/b'"
	run -0 runc run --help
	[[ $output == *"--no-subreaper"* ]]
	run -0 runc -h
	[[ ${lines[1]} == *"runc - Open Container Initiative runtime"* ]]
}

# ---- descriptors, hooks ----
@test "descriptors_are_handed_on" {
	command_is 'cat <&3; ls /proc/self/fd/4 2>/dev/null || echo closed'
	echo third >"$BATS_TEST_TMPDIR/third"
	run -0 runc run --preserve-fds 1 -b "$bundle" a 3<"$BATS_TEST_TMPDIR/third" 4</dev/null
	equal "third closed" "${lines[*]}"
}
@test "hooks_run_in_order_and_get_the_state" {
	out=$BATS_TEST_TMPDIR/hooks
	OUT=$out config 'import os' \
		'c["hooks"] = {k: [{"path": "/bin/sh", "args": ["sh", "-c", "(echo " + k + " $K; cat) >>" + (os.environ["OUT"] if k != "startContainer" else "/hooks")], "env": ["K=v", "PATH=/bin:/usr/bin"]}] for k in ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")}'
	command_is 'echo command; cat /hooks'
	run -0 runc run -b "$bundle" a
	[[ ${lines[0]} == command && ${lines[1]} == "startContainer v"* ]]
	equal "prestart v createRuntime v createContainer v poststart v poststop v" \
		"$(grep -oE '^[a-zA-Z]+ v|\}[a-zA-Z]+ v' "$out" | tr -d '}' | one_line)"
	grep -q '"id": *"a"' "$out"
	grep -q '"status": *"stopped"' "$out"
}

@test "a_hook_before_the_change_of_roots_is_in_the_root_to_be" {
	config 'c["hooks"] = {"createContainer": [{"path": "/bin/sh", "args": ["sh", "-c", "touch ./etc/by-hook /dev/null"], "env": ["PATH=/bin:/usr/bin"]}]}'
	command_is 'ls /etc/by-hook'
	run -0 runc run -b "$bundle" a
	equal /etc/by-hook "$output"
}
@test "a_failed_poststart_hook_ends_the_container" {
	config 'c["hooks"] = {"poststart": [{"path": "/bin/false"}]}'
	command_is 'sleep 60'
	refuses_to_run "error running poststart hook #0: exit status 1"
	equal "" "$(runc list -q)"
	runc create -b "$bundle" a 3>&-
	run -1 --separate-stderr runc start a
	told "error running poststart hook #0: exit status 1"
	equal stopped "$(status_of a)"
}
@test "a_start_hook_that_says_none_has_the_containers_environment" {
	config 'c["process"]["env"] += ["ONE=two"]' \
		'c["hooks"] = {"startContainer": [{"path": "/bin/sh", "args": ["sh", "-c", "echo $ONE >/hook"]}]}'
	command_is 'cat /hook'
	run -0 runc run -b "$bundle" a
	equal two "$output"
}

# ---- bad bundles ----
touches_nothing() { # SENTENCE
	local before after
	before=$(find "$bundle" | sort)
	run -1 --separate-stderr runc create -b "$bundle" a
	told "runc create failed: $1"
	after=$(find "$bundle" | sort)
	equal "$before" "$after"
	[ ! -e "$state" ]
}
@test "bad_bundles_are_told_and_touch_nothing" {
	local file=$bundle/config.json good
	good=$(cat "$file")
	config 'c["root"]["path"] = "none"'
	touches_nothing "$file: root.path is '$bundle/none': it does not exist"
	ln -s /etc "$bundle/link"
	config 'c["root"]["path"] = "link"'
	touches_nothing "$file: root.path is '$bundle/link', which is a symlink or behind one: it leads to '/etc'"
	rm "$bundle/link"
	echo "$good" >"$file"
	config 'c["process"]["user"]["uid"] = -1'
	touches_nothing "$file: process.user.uid is -1, not a number from 0 to 2147483647"
	config 'c["process"]["user"]["uid"] = 2**31'
	touches_nothing "$file: process.user.uid is 2147483648, not a number from 0 to 2147483647"
	echo "$good" >"$file"
	config 'c["ociVersion"] = "2.0.0"'
	touches_nothing "$file: ociVersion is '2.0.0', a version of the runtime-spec that is not known: 1.0.0 to 1.2.1 are"
	echo "$good" >"$file"
	config 'c["process"]["args"] = "sh"'
	touches_nothing "$file: process.args is a string, not an array of strings"
	truncate -s 17M "$file"
	touches_nothing "'$file' is larger than 16777216 bytes"
	rm "$file"
	touches_nothing "cannot open '$file': No such file or directory"
	mkfifo "$file"
	touches_nothing "$file is no regular file"
}
@test "a_mount_with_dots_stays_in_the_root" {
	local outside=$BATS_TEST_TMPDIR/outside
	config 'import os' "c['mounts'] += [{'destination': '/../../../../../../..$outside', 'type': 'tmpfs', 'source': 'tmpfs'}]"
	command_is "touch '$outside/x' && ls '$outside'"
	run -0 runc run -b "$bundle" a
	equal x "$output"
	[ ! -e "$outside" ]
}
@test "a_mount_behind_a_symlink_stays_in_the_root" {
	ln -s "$BATS_TEST_TMPDIR/outside" "$bundle/rootfs/out"
	mkdir "$BATS_TEST_TMPDIR/outside" "$bundle/volume"
	config 'c["mounts"] += [{"destination": "/out/x", "source": "volume", "options": ["rbind"]}]'
	command_is 'touch /out/x/y'
	run runc run -b "$bundle" a
	equal "" "$(ls "$BATS_TEST_TMPDIR/outside")"
}
