#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load store
setup_file() {
	use_store
	make_base || return 0
	fakebuild import -c 'ENTRYPOINT ["echo","entry"]' -c 'CMD ["default"]' -c 'WORKDIR /work/dir' \
		"$BATS_FILE_TMPDIR/base.tar" entry:1
	fakebuild import -c 'USER me' "$BATS_FILE_TMPDIR/base.tar" user:1
	fakebuild import "$BATS_FILE_TMPDIR/base.tar" plain:1
}
teardown_file() { remove_store; }
# Run a line in base:1 and compare what it prints.
prints() { # EXPECTED LINE [OPTIONS...]
	local expected=$1 line=$2
	shift 2
	run -0 fakebuild run "$@" base:1 sh -c "$line"
	equal "$expected" "$output"
}

# ---- what runs ----
@test "the_images_command_runs" {
	run -0 fakebuild run base:1
	equal "base runs" "$output"
}
@test "dashes_before_the_command_are_optional" {
	run -0 fakebuild run base:1 -- echo -n x
	equal x "$output"
	run -0 fakebuild run -- base:1 echo y
	equal y "$output"
}
@test "options_behind_the_image_are_the_commands" {
	run -0 fakebuild run base:1 echo x -e --rm
	equal "x -e --rm" "$output"
}
@test "entrypoint_and_command_are_joined" {
	run -0 fakebuild run entry:1
	equal "entry default" "$output"
	run -0 fakebuild run entry:1 given
	equal "entry given" "$output"
	run -0 fakebuild run --entrypoint pwd entry:1
	equal "/work/dir" "$output"
	run -0 fakebuild run --entrypoint "" entry:1 echo alone
	equal alone "$output"
	run -125 --separate-stderr fakebuild run --entrypoint "" entry:1
	sentence "no command specified"
}
@test "an_image_without_command_needs_one" {
	run -125 --separate-stderr fakebuild run plain:1
	sentence "no command specified"
}
@test "an_id_runs" {
	run -0 fakebuild run "$(fakebuild images -q base:1)"
	equal "base runs" "$output"
}

# ---- statuses ----
@test "the_commands_status_is_ours" {
	run -0 fakebuild run base:1 true
	run -42 fakebuild run base:1 sh -c 'exit 42'
}
@test "a_signal_is_128_and_its_number" {
	run -137 fakebuild run base:1 sh -c 'kill -9 $$'
	run -143 fakebuild run base:1 sh -c 'kill -15 $$'
}
@test "an_orphans_status_is_nobodys" {
	run -3 fakebuild run base:1 sh -c '(sleep 0.2; exit 9) & exit 3'
}
@test "not_found_is_127" {
	run -127 --separate-stderr fakebuild run base:1 no-such-command
	[[ ${stderr_lines[-1]} == fakebuild:*no-such-command* ]]
	run -127 --separate-stderr fakebuild run base:1 /no/such/command
}
@test "not_executable_is_126" {
	run -126 --separate-stderr fakebuild run base:1 /etc/passwd
	[[ ${stderr_lines[-1]} == fakebuild:*/etc/passwd* ]]
	run -126 --separate-stderr fakebuild run base:1 /etc
}
@test "an_unknown_image_is_125" {
	run -125 --separate-stderr fakebuild run --pull never nothing:1
	sentence "no such image: nothing:1"
}
@test "where_tracing_is_forbidden_it_is_said_by_what" {
	run -125 --separate-stderr "$BATS_TEST_DIRNAME/../../build/elsewhere" docker-old fakebuild run base:1 true
	sentence "tracing is forbidden here by a seccomp filter around us; Docker's default profile has it on Linux before 4.8, where the container needs --security-opt seccomp=unconfined or --cap-add=SYS_PTRACE: Operation not permitted"
	run -0 fakebuild ps -q
	equal "" "$output"
}
# What `signals @ROLE` prints where its calls are hindered (tests/hindered.c).
hindered() { # ROLE
	local tests=$BATS_TEST_DIRNAME/../../build
	[ -x "$tests/hindered" ] || skip "build/hindered is not built"
	mkdir -p "$BATS_TEST_TMPDIR/root/"{etc,work}
	cp "$tests/guest/signals" "$BATS_TEST_TMPDIR/root/"
	run "$tests/hindered" fakebuild run -w /work --rootfs "$BATS_TEST_TMPDIR/root" -- /signals "@$1"
	[ "$status" -ne 125 ] || skip "the kernel has no filters that wait"
	[ "$status" -eq 0 ]
}
@test "what_a_signal_has_interrupted_for_good_says_so" {
	hindered interrupted
	equal "-1 EINTR, 1 handled, not there
-1 EINTR, 1 handled, not there
0 0, 1 handled, there" "$output"
}
@test "what_the_hosts_keys_lead_to_outlives_a_run" {
	local ipc=$BATS_TEST_DIRNAME/../../build/guest/ipc key=$((0x46430000 + BASHPID % 65536))
	[ -e "$ipc" ] || skip "the guest programs are not built"
	mkdir -p "$BATS_TEST_TMPDIR/root/etc"
	cp "$ipc" "$BATS_TEST_TMPDIR/root/"
	"$ipc" @get "$key" || skip "no shared memory is to be had"
	run fakebuild run --rootfs "$BATS_TEST_TMPDIR/root" -- /ipc @get "$key"
	local left=0
	"$ipc" @remove "$key" || left=$?
	[ "$status" -eq 0 ]
	[ "$left" -eq 0 ]
	# What a run has made itself goes with it.
	run -0 fakebuild run --rootfs "$BATS_TEST_TMPDIR/root" -- /ipc @get "$key"
	run -1 "$ipc" @remove "$key"
}
@test "a_way_over_a_directory_is_void_when_that_is_removed" {
	[ -e /etc/passwd ] || skip "the host has no /etc/passwd"
	hindered removed_late
	equal "0 -1" "$output"
}

# ---- environment ----
@test "environment_is_the_images_and_the_options" {
	prints "yes" 'echo $FROM_IMAGE'
	prints "no" 'echo $FROM_IMAGE' -e FROM_IMAGE=no
	prints "" 'echo $FROM_IMAGE' -e FROM_IMAGE
	OWN=mine prints "mine" 'echo $OWN' -e OWN
	OWN=mine prints "" 'echo $OWN'
	prints "b c" 'echo $A $D' --env A=b -eD=c
	prints "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" 'echo $PATH'
}
@test "environment_files" {
	printf '# comment\nA=1 "2"\n\nOWN\nNOTHERE\n' >"$BATS_TEST_TMPDIR/env"
	OWN=o prints '1 "2" o unset' 'echo "$A $OWN ${NOTHERE-unset}"' --env-file "$BATS_TEST_TMPDIR/env"
	echo 'a b=c' >"$BATS_TEST_TMPDIR/bad"
	run -125 --separate-stderr fakebuild run --env-file "$BATS_TEST_TMPDIR/bad" base:1
	sentence "--env-file: '$BATS_TEST_TMPDIR/bad': variable 'a b' contains blanks"
	run -125 --separate-stderr fakebuild run --env-file /no/file base:1
	sentence "--env-file: cannot open '/no/file': No such file or directory"
}
@test "home_is_of_passwd" {
	prints /root 'echo $HOME'
	prints /home/me 'echo $HOME' -u me
	prints / 'echo $HOME' -u 4711
	prints /x 'echo $HOME' -u me -e HOME=/x
}

# ---- user ----
@test "root_is_the_default" {
	prints "0 0 0" 'echo $(id -u) $(id -g) $(id -G)'
}
@test "users_by_name_and_number" {
	prints "1000 1001 1001 50" 'echo $(id -u) $(id -g) $(id -G)' -u me
	prints "1000 1001 1001 50" 'echo $(id -u) $(id -g) $(id -G)' -u 1000
	prints "4711 0" 'echo $(id -u) $(id -g)' -u 4711
	prints "4711 12 12" 'echo $(id -u) $(id -g) $(id -G)' -u 4711:12
	prints "1000 60 60" 'echo $(id -u) $(id -g) $(id -G)' -u me:other
	run -0 fakebuild run user:1 id -u
	equal 1000 "$output"
}
@test "unknown_and_wrong_users_are_told" {
	run -125 --separate-stderr fakebuild run -u nobody-here base:1 true
	sentence "no such user: 'nobody-here' is not in the image's /etc/passwd"
	run -125 --separate-stderr fakebuild run -u me:no-group base:1 true
	sentence "no such group: 'no-group' is not in the image's /etc/group"
	run -125 --separate-stderr fakebuild run -u 2147483648 base:1 true
	sentence "user id 2147483648 is larger than 2147483647"
	run -125 --separate-stderr fakebuild run -u 4294967296:0 base:1 true
}
@test "a_passwd_that_is_no_file_is_refused" {
	fakebuild run --commit odd:1 base:1 sh -c 'rm /etc/passwd; ln -s /dev/zero /etc/passwd'
	run -125 --separate-stderr fakebuild run -u me odd:1 true
	[[ $stderr == *"not a regular file"* ]]
}

# ---- working directory ----
@test "workdir_is_made_when_missing" {
	run -0 fakebuild run entry:1
	prints /a/b/c pwd -w /a/b/c
	prints "755 0:0" 'stat -c "%a %u:%g" .' -w /made
	run -125 --separate-stderr fakebuild run -w relative base:1 true
	sentence "the working directory 'relative' is invalid, it needs to be an absolute path"
	run -126 --separate-stderr fakebuild run -w /etc/passwd base:1 true
	sentence "cannot use '/etc/passwd' as the working directory: Not a directory"
}

# ---- bindings ----
@test "volumes_are_shared" {
	mkdir "$BATS_TEST_TMPDIR/v"
	echo host >"$BATS_TEST_TMPDIR/v/file"
	prints host 'cat /v/file; echo guest >/v/new' -v "$BATS_TEST_TMPDIR/v:/v"
	equal guest "$(cat "$BATS_TEST_TMPDIR/v/new")"
}
@test "read_only_volumes" {
	mkdir "$BATS_TEST_TMPDIR/v"
	run -1 fakebuild run -v "$BATS_TEST_TMPDIR/v:/v:ro" base:1 touch /v/x
	[[ $output == *"Read-only file system"* ]]
	[ ! -e "$BATS_TEST_TMPDIR/v/x" ]
}
@test "a_file_can_be_bound" {
	echo bound >"$BATS_TEST_TMPDIR/f"
	prints bound 'cat /etc/file' -v "$BATS_TEST_TMPDIR/f:/etc/file"
	prints bound 'cat /not/there/yet' -v "$BATS_TEST_TMPDIR/f:/not/there/yet"
}
@test "missing_host_folders_are_made_and_relative_ones_are_named" {
	prints "" 'ls /v' -v "$BATS_TEST_TMPDIR/new:/v"
	[ -d "$BATS_TEST_TMPDIR/new" ]
	run -125 --separate-stderr fakebuild run -v a/b:/v base:1 true
	[[ $stderr == *'"a/b" includes invalid characters'*"absolute path"* ]]
	run -125 --separate-stderr fakebuild run -v /tmp:v base:1 true
	sentence "invalid mount path: 'v', mount path must be absolute"
	run -125 --separate-stderr fakebuild run -v /tmp:/v:rox base:1 true
	sentence "invalid mode: rox"
	run -125 --separate-stderr fakebuild run -v /tmp:/ base:1 true
	sentence "invalid specification: destination can't be '/'"
	cd "$BATS_TEST_TMPDIR"
	echo here >here
	prints here 'cat /v/here' -v .:/v
}
@test "named_volumes_stay" {
	fakebuild run -v data:/data base:1 sh -c 'echo kept >/data/x'
	prints kept 'cat /d/x' -v data:/d:ro
}
@test "mount_and_tmpfs" {
	mkdir "$BATS_TEST_TMPDIR/v"
	echo m >"$BATS_TEST_TMPDIR/v/f"
	prints m 'cat /m/f' --mount "type=bind,source=$BATS_TEST_TMPDIR/v,target=/m,readonly"
	prints 1777 'echo x >/t/x; stat -c %a /t' --tmpfs /t
	run -125 --separate-stderr fakebuild run --mount type=bind,source=/no/where,target=/m base:1 true
	sentence "invalid --mount: source '/no/where': No such file or directory"
}
@test "network_files_are_the_hosts_and_read_only" {
	prints "$(cat /etc/resolv.conf)" 'cat /etc/resolv.conf'
	run -1 fakebuild run base:1 sh -c 'echo x >>/etc/hosts'
	prints "10.1.2.3	there" 'grep there /etc/hosts' --add-host there:10.1.2.3
	prints "boxname boxname" 'echo $(hostname) $(cat /etc/hostname)' -h boxname
	prints "boxname" 'echo $HOSTNAME' --hostname boxname
}
@test "settings_of_the_kernel_are_read_only" {
	run -1 --separate-stderr fakebuild run base:1 sh -c 'echo x >/proc/sys/kernel/hostname'
	[[ $stderr == *"Read-only file system"* ]]
	prints 0 'echo 0 >/proc/self/oom_score_adj && cat /proc/self/oom_score_adj'
	# Real root's capabilities, when it is he who runs this.
	fakebuild run base:1 sleep 5 &
	sleep 1
	pid=$(pgrep -P $! -x sleep || pgrep -x -n sleep)
	equal 0 $((0x$(sed -n 's/^CapEff:[[:space:]]*//p' "/proc/$pid/status") & 1 << 21))
	kill %1
	wait || true
}
@test "terminals_of_others_are_not_listed" {
	# A terminal of ours is open meanwhile.
	run -0 python3 - <<'END'
import os, subprocess
ours, end = os.openpty()
number = os.path.basename(os.ttyname(end))
def run(*words):
    return subprocess.run(["fakebuild", "run", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True).stdout.split()
listed = run("base:1", "ls", "/dev/pts")
print("ptmx" in listed, number in listed)
listed = [name for name in run("-t", "base:1", "ls", "/dev/pts") if name.isdigit()]
print(len(listed), number in listed)
END
	equal "True False 1 False" "${lines[*]}"
}
@test "mountinfo_tells_what_of_the_hosts_file_system_a_volume_shows" {
	mkdir "$BATS_TEST_TMPDIR/v"
	local root
	root=$(python3 - "$BATS_TEST_TMPDIR/v" <<'END'
import os, sys
path, found = os.path.realpath(sys.argv[1]), ("", "")
for line in open("/proc/self/mountinfo"):
    root, point = line.split()[3:5]
    if (path + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(found[1]):
        found = root, point
print(found[0].rstrip("/") + path[len(found[1].rstrip("/")):])
END
	)
	prints "$root" 'while read -r _ _ _ root point _; do if [ "$point" = /v ]; then echo "$root"; fi; done </proc/self/mountinfo' \
		-v "$BATS_TEST_TMPDIR/v:/v"
}
@test "a_small_dev" {
	prints ok 'echo x >/dev/null && head -c 1 /dev/zero >/dev/null && head -c 4 /dev/urandom >/dev/null && echo ok'
	prints "/proc/self/fd /proc/self/fd/1" 'echo $(readlink /dev/fd) $(readlink /dev/stdout)'
	prints ok 'echo x >/dev/shm/x && [ -k /dev/shm ] && [ -d /dev/pts ] && [ ! -e /dev/sda ] && [ ! -e /dev/kmsg ] && echo ok'
	prints "character special file 0:0" 'stat -c "%F %u:%g" /dev/null'
}
@test "proc_and_sys_are_there" {
	prints ok '[ -d /proc/self ] && [ -d /sys/kernel ] && echo ok'
	prints "/bin/busybox" 'readlink /proc/self/exe'
}
@test "read_only_root" {
	run -1 fakebuild run --read-only base:1 touch /x
	[[ $output == *"Read-only file system"* ]]
	prints ok 'echo x >/t/x && echo ok' --read-only --tmpfs /t
}
@test "network_none" {
	run fakebuild run --network none base:1 nc -w 1 127.0.0.1 9
	[ "$status" -ne 0 ]
	[[ $output == *nreachable* || $output == *"not supported"* || $output == *"ermission"* ]]
}

# ---- standard descriptors ----
@test "a_pipe_is_standard_input" {
	run -0 bash -c 'echo piped | fakebuild run -i base:1 cat'
	equal piped "$output"
	run -0 bash -c 'echo piped | fakebuild run base:1 cat'
	equal piped "$output"
}
@test "output_and_errors_stay_apart" {
	run -0 --separate-stderr fakebuild run base:1 sh -c 'echo out; echo err >&2'
	equal out "$output"
	equal err "$stderr"
}
@test "no_descriptor_leaks_in" {
	run -0 bash -c 'exec 7</etc/passwd; fakebuild run base:1 sh -c "ls /proc/self/fd | wc -l"'
	[ "$output" -le 4 ]
}
@test "a_broken_pipe_ends_the_guest" {
	run -0 bash -c 'fakebuild run base:1 sh -c "while true; do echo y; done" | head -n 1'
	equal y "$output"
}

# ---- a terminal ----
terminal() { # LINE: run it in a terminal of script(1), print what is seen
	command -v script >/dev/null || skip "no script(1)"
	script -qec "$1" /dev/null </dev/null | tr -d '\r'
}
@test "tty_gives_a_terminal" {
	run terminal "fakebuild run -t base:1 sh -c 'tty; [ -t 0 ] && [ -t 1 ] && echo yes; echo \$TERM; exit 5'; echo status \$?"
	[[ $output == */dev/*yes*xterm*"status 5"* ]]
}
@test "without_tty_there_is_none" {
	run terminal "fakebuild run base:1 sh -c '[ -t 0 ] || echo no input terminal'"
	[[ $output == *"no input terminal"* ]]
}
@test "interactive_tty_needs_a_terminal" {
	run -125 --separate-stderr bash -c 'fakebuild run -it base:1 sh </dev/null'
	sentence "the input device is not a TTY"
}
@test "ctrl_c_and_typed_input_reach_the_guest" {
	run -0 python3 "$BATS_TEST_DIRNAME/type.py" "fakebuild run -it base:1 sh" \
		'echo begin-$((1+1))' begin-2 \
		'sleep 100' '' $'\003' '' \
		'echo again-$((2+2))' again-4 \
		'exit 6' ''
	equal "6" "${lines[-1]}"
}

# ---- what a run leaves ----
@test "changes_are_gone_after_the_run" {
	fakebuild run base:1 sh -c 'echo x >/new; rm /etc/file'
	prints first 'cat /etc/file; ls /new 2>/dev/null || true'
}
@test "layers_are_not_written_through" {
	before=$(cd "$FAKEBUILD_ROOT/layers" && find . -type f -exec sha256sum {} + | sort)
	fakebuild run base:1 sh -c 'echo changed >>/etc/file; chmod 600 /etc/passwd; : >/etc/group; mv /bin/busybox /b; cp /b /c; touch /etc/file'
	equal "$before" "$(cd "$FAKEBUILD_ROOT/layers" && find . -type f -exec sha256sum {} + | sort)"
	prints first 'cat /etc/file'
}
@test "a_name_is_kept_once" {
	fakebuild run --name once base:1 true
	run -125 --separate-stderr fakebuild run --name once base:1 true
	[[ ${stderr_lines[-1]} == fakebuild:*once* ]]
}
@test "two_runs_at_once" {
	fakebuild run base:1 sh -c 'echo one >/f; sleep 0.5; cat /f' >"$BATS_TEST_TMPDIR/one" 3>&- &
	pid=$!
	prints two 'echo two >/f; sleep 0.5; cat /f'
	wait "$pid"
	equal one "$(cat "$BATS_TEST_TMPDIR/one")"
}
@test "nothing_temporary_stays" {
	fakebuild run base:1 true
	# A container's files are removed in the background.
	for _ in $(seq 50); do
		[ -z "$(ls "$FAKEBUILD_ROOT/tmp")" ] && break
		sleep 0.1
	done
	equal "" "$(ls "$FAKEBUILD_ROOT/tmp")"
	equal "" "$(fakebuild ps --format json | grep -v '"Names":"[a-z]' || true)"
}
@test "signals_are_passed_on" {
	fakebuild run base:1 sh -c 'trap "exit 9" TERM; echo ready; while true; do sleep 0.1; done' >"$BATS_TEST_TMPDIR/out" 3>&- &
	pid=$!
	for _ in $(seq 100); do
		grep -q ready "$BATS_TEST_TMPDIR/out" && break
		sleep 0.1
	done
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	equal 9 "$status"
}

# ---- a folder ----
@test "rootfs_works_in_place" {
	root=$BATS_TEST_TMPDIR/root
	mkdir "$root"
	tar -C "$root" -xf "$BATS_FILE_TMPDIR/base.tar"
	run -0 fakebuild run --rootfs "$root" -- sh -c 'echo x >/x; chown 7:8 /x; chmod 0 /x; mknod /n b 1 2; stat -c "%u:%g %a %t,%T" /x /n'
	equal "7:8 0 0,0 0:0 644 1,2" "${lines[*]}"
	run -0 fakebuild run --rootfs "$root" stat -c '%u:%g %a %F' /x /n
	equal "7:8 0 regular file" "${lines[0]}"
	equal "0:0 644 block special file" "${lines[1]}"
	[ ! -e "$root/etc/hosts" ]
	[ ! -e "$root/proc" ]
}
# By its descriptor it is found as before; what is above it is where it now is.
@test "a_directory_that_others_move_stays_open_where_it_is" {
	root=$BATS_TEST_TMPDIR/root
	mkdir "$root"
	tar -C "$root" -xf "$BATS_FILE_TMPDIR/base.tar"
	mkdir -p "$root/a/d"
	echo text >"$root/a/d/f"
	(
		for _ in {1..500}; do
			[ ! -e "$root/ready" ] || break
			sleep 0.02
		done
		mv "$root/a" "$root/b"
		ln -s b "$root/a"
		touch "$root/go"
	) &
	run -0 fakebuild run --no-fast-path --rootfs "$root" -- sh -c 'exec 3</a/d; cat /proc/self/fd/3/f /proc/self/fd/3/f
		: >/ready; until [ -e /go ]; do sleep 0.02; done
		cat /proc/self/fd/3/f; stat -c %F /proc/self/fd/3/..'
	wait
	equal "text text text directory" "${lines[*]}"
}
# Only where numbers are used again at once.
@test "what_replaced_a_file_of_a_rootfs_is_not_taken_for_it" {
	root=$BATS_TEST_TMPDIR/root
	mkdir "$root"
	tar -C "$root" -xf "$BATS_FILE_TMPDIR/base.tar"
	for i in 1 2 3 4 5 6 7 8; do echo old >"$root/gone$i"; done
	run -0 fakebuild run --rootfs "$root" -- sh -c 'for i in 1 2 3 4 5 6 7 8; do echo >/kept$i; done
		chown 7:8 /kept* /gone*; chmod 4755 /gone*'
	numbers=" $(stat -c %i "$root"/gone? | tr '\n' ' ')"
	rm "$root"/gone?
	for i in {1..1000}; do
		echo new >"$root/new$i"
		[[ $numbers != *" $(stat -c %i "$root/new$i") "* ]] || break
	done
	[ "$i" -lt 1000 ] || skip "the file system gives no number twice"
	for _ in 1 2; do
		run -0 fakebuild run --rootfs "$root" -- sh -c 'stat -c "%u:%g %a" /new* | sort -u; stat -c "%u:%g %a" /kept? | sort -u'
		equal "0:0 $(stat -c %a "$root/new1")" "${lines[0]}"
		equal "7:8 $(stat -c %a "$root/kept1")" "${lines[1]}"
	done
	[ ${#lines[@]} -eq 2 ]
}
@test "entries_of_an_earlier_run_need_no_stops" {
	root=$BATS_TEST_TMPDIR/root
	mkdir "$root"
	tar -C "$root" -xf "$BATS_FILE_TMPDIR/base.tar"
	mkdir "$root"/d
	for i in {1..300}; do echo x >"$root/d/f$i"; done
	run -0 fakebuild run --rootfs "$root" -- chown -R 7:8 /d
	run -0 --separate-stderr fakebuild run --stats --rootfs "$root" -- sh -c 'cd /d; stat -c "%u:%g" * | sort | uniq -c; chmod 600 *; rm *'
	read -r count owner <<<"$output"
	equal "300 7:8" "$count $owner"
	stops=$(awk '/ in all,/ { print $1 }' <<<"$stderr")
	[[ $(stat -c %W "$root") != [0-] ]] || skip "the file system tells no births"
	[ "$stops" -lt 150 ] || { echo "$stderr"; false; }
}
@test "files_of_odd_modes_are_made_and_removed_without_stops" {
	root=$BATS_TEST_TMPDIR/root
	mkdir "$root"
	tar -C "$root" -xf "$BATS_FILE_TMPDIR/base.tar"
	mkdir "$root/s"
	for i in {1..200}; do echo x >"$root/s/$i"; done
	chmod 444 "$root"/s/*
	run -0 --separate-stderr fakebuild run --stats --rootfs "$root" -- sh -c 'cp -r /s /d; cd /d; stat -c %a * | sort | uniq -c; rm -f *; ls'
	read -r count mode <<<"$output"
	equal "200 444" "$count $mode"
	stops=$(awk '/ in all,/ { print $1 }' <<<"$stderr")
	[ "$stops" -lt 100 ] || { echo "$stderr"; false; }
}
@test "a_link_proc_to_itself_is_covered" {
	root=$BATS_TEST_TMPDIR/root
	mkdir "$root"
	tar -C "$root" -xf "$BATS_FILE_TMPDIR/base.tar"
	rm -rf "$root/proc"
	ln -s /proc "$root/proc"
	run -0 fakebuild run --rootfs "$root" -- sh -c 'read -r line </proc/self/status; echo "$line"'
	[[ $output == Name:* ]]
	[ "$(readlink "$root/proc")" = /proc ]
}
@test "the_table_of_a_rootfs_is_found_under_the_name_of_earlier_versions" {
	export FAKEBUILD_ROOT=$BATS_TEST_TMPDIR/store
	root=$BATS_TEST_TMPDIR/'a+b %r'
	mkdir -p "$root"
	tar -C "$root" -xf "$BATS_FILE_TMPDIR/base.tar"
	path=$(realpath "$root")
	fakebuild run --rootfs "$root" chown 7:8 /bin
	name=${path//%/%25} name=${name//+/%2B} name=${name//\//+}
	mv "$FAKEBUILD_ROOT/cache/rootfs/$name" "$FAKEBUILD_ROOT/cache/rootfs/$(printf %s "$path" | sha256sum | cut -d' ' -f1)"
	run -0 fakebuild run --rootfs "$root" stat -c %u:%g /bin
	equal 7:8 "$output"
	[ -d "$FAKEBUILD_ROOT/cache/rootfs/$name" ]
}

@test "nothing_of_a_run_is_in_the_dev_of_the_next" {
	root=$BATS_TEST_TMPDIR/root
	mkdir "$root"
	tar -C "$root" -xf "$BATS_FILE_TMPDIR/base.tar"
	run -0 fakebuild run --rootfs "$root" -- sh -c 'ls -a /dev /dev/shm; stat -c "%u:%g %a" /dev /dev/shm /dev/mqueue'
	clean=$output
	for change in 'true' 'echo x >/dev/shm/x' 'echo x >/dev/x' 'chown 7:8 /dev /dev/mqueue' 'chmod 700 /dev/shm' 'rm /dev/core' \
		'rmdir /dev/shm' 'ln -sf /etc/passwd /dev/fd'; do
		run fakebuild run --rootfs "$root" -- sh -c "$change"
		run -0 fakebuild run --rootfs "$root" -- sh -c 'ls -a /dev /dev/shm; stat -c "%u:%g %a" /dev /dev/shm /dev/mqueue'
		equal "$clean" "$output"
		run -0 fakebuild run --rootfs "$root" -- readlink /dev/fd
		equal /proc/self/fd "$output"
	done
}

@test "rootfs_has_no_images_options" {
	run -125 --separate-stderr fakebuild run --rootfs / --commit x true
	sentence "--commit needs an image, a --rootfs keeps its changes in place"
	run -125 --separate-stderr fakebuild run --rootfs /no/where true
	sentence "cannot open '/no/where': No such file or directory"
	run -2 --separate-stderr fakebuild run
	sentence "run: an image, or --rootfs DIR, is needed"
}

# ---- seeing it ----
@test "stats_tell_of_stops_and_answers" {
	run -3 --separate-stderr fakebuild run --stats base:1 sh -c 'ls / >/dev/null; exit 3'
	[[ $stderr == *" execve"*"in all"*"calls answered without a stop"* ]]
}
@test "a_trace_is_a_timeline" {
	run -0 fakebuild run --trace "$BATS_TEST_TMPDIR/t.json" base:1 ls /
	run -0 python3 -c 'import json, sys; e = json.load(open(sys.argv[1]))["traceEvents"]; print(any(x["name"] == "execve" for x in e), any(x["ph"] == "M" for x in e))' "$BATS_TEST_TMPDIR/t.json"
	equal "True True" "$output"
	run -125 --separate-stderr fakebuild run --trace /no/folder/t base:1 true
	sentence "cannot create '/no/folder/t': No such file or directory"
}
@test "without_the_fast_path_all_is_the_same" {
	for line in 'find / -xdev' 'ls -lan /etc /bin' 'cat /etc/file; cd /etc; pwd; [ -x /bin/sh ] && readlink /proc/self/cwd'; do
		run -0 fakebuild run --no-fast-path base:1 sh -c "$line"
		expected=$output
		run -0 fakebuild run base:1 sh -c "$line"
		equal "$expected" "$output"
	done
}
@test "verifying_ends_the_run_when_the_fast_path_answers_otherwise" {
	for line in 'find / -xdev' 'cd /etc; ls -lan; pwd; mkdir -p d/e; echo >d/f; ls d; mv d/f d/g; chmod 600 d/g; rm -r d'; do
		FAKEBUILD_TEST_VERIFY=1 run -0 fakebuild run base:1 sh -c "$line"
	done
	# A program that puts the state of another process into its own memory (tracer/shim/abi.h).
	command -v cc >/dev/null || skip "no C compiler"
	mkdir -p "$BATS_TEST_TMPDIR/root/bin"
	cat >"$BATS_TEST_TMPDIR/p.c" <<-'END'
		#include <stdio.h>
		#include <unistd.h>
		int main(void)
		{
			volatile unsigned *state = (volatile unsigned *)0x70050000;
			int ready[2];
			char byte;
			if (pipe(ready) < 0)
				return 1;
			if (fork() == 0) {
				close(ready[0]);
				return setuid(1000) < 0 || write(ready[1], "", 1) != 1 || pause();
			}
			if (read(ready[0], &byte, 1) != 1)
				return 2;
			for (unsigned n = 1; n < 8; n++) {
				*state = n;
				if (getuid() == 1000)
					puts("the other's");
			}
			return 0;
		}
	END
	cc -static -o "$BATS_TEST_TMPDIR/root/bin/p" "$BATS_TEST_TMPDIR/p.c" || skip "no static libc"
	run -0 fakebuild run --rootfs "$BATS_TEST_TMPDIR/root" -- /bin/p
	equal "the other's" "$output"
	FAKEBUILD_TEST_VERIFY=1 run -125 --separate-stderr fakebuild run --rootfs "$BATS_TEST_TMPDIR/root" -- /bin/p
	sentence "the fast path answers getuid of '' with 1000 (0x3e8), the slow path with 0 (0)"
}

# A program that looks 2,000 times answers right, in both modes, and nearly all of it without a stop.
looks_without_stops() { # PROGRAM [AT-LEAST]
	mkdir -p "$BATS_TEST_TMPDIR/root"/{bin,d}
	echo text >"$BATS_TEST_TMPDIR/root/d/file"
	cp "$1" "$BATS_TEST_TMPDIR/root/bin/p"
	run -0 --separate-stderr fakebuild run --stats --rootfs "$BATS_TEST_TMPDIR/root" -- /bin/p
	equal "2000 right" "$output"
	local answered
	answered=$(awk '/calls answered without a stop/ { print $1 }' <<<"$stderr")
	[ "$answered" -ge "${2:-1900}" ] || { echo "$stderr"; false; }
	FAKEBUILD_TEST_VERIFY=1 run -0 fakebuild run --rootfs "$BATS_TEST_TMPDIR/root" -- /bin/p
	equal "2000 right" "$output"
}
@test "code_without_padding_has_its_stubs_in_front" {
	command -v cc >/dev/null || skip "no C compiler"
	# 400 calls, functions close together: more than a page of stubs.
	cat >"$BATS_TEST_TMPDIR/p.c" <<-'END'
		#define CALL(n) long call##n(long x) { long r; __asm__ volatile("mov $102,%%eax\n\tsyscall" : "=a"(r) : : "rcx", "r11", "memory"); return r + x; }
		#define TEN(n) CALL(n##0) CALL(n##1) CALL(n##2) CALL(n##3) CALL(n##4) CALL(n##5) CALL(n##6) CALL(n##7) CALL(n##8) CALL(n##9)
		#define HUNDRED(n) TEN(n##0) TEN(n##1) TEN(n##2) TEN(n##3) TEN(n##4) TEN(n##5) TEN(n##6) TEN(n##7) TEN(n##8) TEN(n##9)
		HUNDRED(1) HUNDRED(2) HUNDRED(3) HUNDRED(4)
		static long say(long n, long a, long b, long c) { long r; register long d __asm__("r10") = 0; __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(d) : "rcx", "r11", "memory"); return r; }
		static char text[65536];
		void _start(void)
		{
			long sum = call100(0);
			for (int i = 0; i < 1000; i++)
				sum += call499(0) + call250(1);
			long fd = say(257, -100, (long)"/proc/self/maps", 0), n = say(0, fd, (long)text, sizeof(text));
			say(1, 1, (long)text, n);
			say(231, sum == 1000 ? 0 : 1, 0, 0);
		}
	END
	cc -Os -falign-functions=1 -fno-stack-protector -ffreestanding -nostdlib -static-pie -fpie -o "$BATS_TEST_TMPDIR/p" "$BATS_TEST_TMPDIR/p.c" ||
		skip "no static-pie"
	mkdir -p "$BATS_TEST_TMPDIR/root/bin" "$BATS_TEST_TMPDIR/root/proc"
	cp "$BATS_TEST_TMPDIR/p" "$BATS_TEST_TMPDIR/root/bin/p"
	run -0 --separate-stderr fakebuild run --stats --rootfs "$BATS_TEST_TMPDIR/root" -- /bin/p
	# The guest sees nothing of them.
	[[ $output == *" /bin/p"* && $output != *"-front"* && $output != *"$FAKEBUILD_ROOT"* ]]
	[[ $stderr =~ " 4"[0-9]{2}" "+"sites patched, 0 unproven, 0 without room: ".*/bin/p ]]
	[[ ! $stderr =~ [0-9]{3,}" "+[0-9]+" "+getuid ]]
}
@test "programs_of_i386_look_without_stops" {
	# By their libc's way, and by an interrupt as ld.so and old programs do.
	cat >"$BATS_TEST_TMPDIR/p.c" <<-'END'
		#include <fcntl.h>
		#include <stdio.h>
		#include <sys/stat.h>
		#include <unistd.h>
		static int access_by_interrupt(const char *path)
		{
			int r;
			__asm__ volatile("movl $33, %%eax\n\tint $0x80" : "=a"(r) : "b"(path), "c"(R_OK) : "memory");
			return r;
		}
		int main(void)
		{
			struct stat st;
			int right = 0;
			for (int i = 0; i < 1000; i++) {
				int fd = open("/d/file", O_RDONLY);
				right += fd >= 0 && fstat(fd, &st) == 0 && st.st_size == 5 && st.st_uid == 0;
				close(fd);
				right += access_by_interrupt("/d/file") == 0;
			}
			printf("%d right\n", right);
			return 0;
		}
	END
	cc -m32 -O1 -static -o "$BATS_TEST_TMPDIR/p" "$BATS_TEST_TMPDIR/p.c" || skip "no 32-bit libc (Debian: gcc-multilib)"
	looks_without_stops "$BATS_TEST_TMPDIR/p" 2900
}
@test "static_programs_of_musl_look_without_stops" {
	command -v musl-gcc >/dev/null || skip "no musl-gcc (Debian: musl-tools)"
	cat >"$BATS_TEST_TMPDIR/p.c" <<-'END'
		#include <stdio.h>
		#include <sys/stat.h>
		int main(void)
		{
			int right = 0;
			for (int i = 0; i < 2000; i++) {
				struct stat st;
				right += stat("/d/file", &st) == 0 && st.st_size == 5 && st.st_uid == 0;
			}
			printf("%d right\n", right);
			return 0;
		}
	END
	musl-gcc -O1 -static -o "$BATS_TEST_TMPDIR/p" "$BATS_TEST_TMPDIR/p.c"
	looks_without_stops "$BATS_TEST_TMPDIR/p"
}
@test "programs_of_go_look_without_stops" {
	command -v go >/dev/null || skip "no go (Debian: golang-go)"
	cat >"$BATS_TEST_TMPDIR/p.go" <<-'END'
		package main

		import (
			"fmt"
			"os"
		)

		// Goroutines have small stacks, and signals interrupt them.
		func main() {
			done := make(chan int)
			for i := 0; i < 4; i++ {
				go func() {
					right := 0
					for n := 0; n < 500; n++ {
						if st, err := os.Stat("/d/file"); err == nil && st.Size() == 5 {
							right++
						}
					}
					done <- right
				}()
			}
			fmt.Println(<-done+<-done+<-done+<-done, "right")
		}
	END
	HOME=$BATS_TEST_TMPDIR GOFLAGS=-mod=mod GO111MODULE=off CGO_ENABLED=0 go build -o "$BATS_TEST_TMPDIR/p" "$BATS_TEST_TMPDIR/p.go"
	looks_without_stops "$BATS_TEST_TMPDIR/p"
}

@test "the_command_is_process_1_when_asked" {
	run -0 fakebuild run --pid private base:1 sh -c 'echo $$; readlink /proc/self; exec 3</proc/1/comm; read -r name <&3; echo $name'
	equal "1 2 sh" "${lines[*]}"
	# Orphans are its children, and end with it.
	run -0 fakebuild run --pid private base:1 \
		sh -c 'sh -c "sh -c \"sleep 60\" & "; sleep 0.2; for i in /proc/[0-9]*/status; do grep PPid $i; done'
	equal "PPid:	0 PPid:	1" "${lines[*]}"
	# What it has no handler for does not reach it.
	run -3 fakebuild run --pid private base:1 sh -c 'kill -9 1; kill -TERM 1; exit 3'
	run -0 fakebuild run --pid host base:1 sh -c 'echo $$'
	[ "$output" -gt 1 ]
}

@test "an_init_of_the_hosts_reaps_and_hands_signals_on" {
	command -v docker-init tini-static catatonit >/dev/null || skip "no docker-init, tini-static or catatonit (Debian: tini)"
	run -3 fakebuild run --pid private --init base:1 sh -c 'echo $$; cat /proc/1/cmdline | tr "\0" " "; exit 3'
	equal 2 "${lines[0]}"
	[[ ${lines[1]} == "/sbin/docker-init -- sh -c"* ]]
	fakebuild run --pid private --init base:1 sleep 60 3>&- &
	pid=$!
	sleep 1
	kill -TERM "$pid"
	wait "$pid" && false
	equal 143 $?
}

@test "init_without_an_init" {
	run -125 --separate-stderr env PATH="$BATS_TEST_TMPDIR" "$FAKEBUILD" run --pid private --init base:1 true
	sentence "--init: there is no docker-init, tini-static or catatonit in PATH"
	# The command's own choice, without a namespace of its own.
	run -0 fakebuild run --init base:1 true
}
