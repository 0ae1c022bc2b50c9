#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# PRoot's face.
load store

setup_file() {
	use_store
	make_base_tar || return 0
	ln -s "$(realpath "$FAKEBUILD")" "$BATS_FILE_TMPDIR/proot"
	mkdir "$BATS_FILE_TMPDIR/root"
	tar --no-same-owner -C "$BATS_FILE_TMPDIR/root" -xf "$BATS_FILE_TMPDIR/base.tar"
	mkdir "$BATS_FILE_TMPDIR/root/proc"
}
teardown_file() { remove_store; }
setup() {
	skip_if_missing
	PATH=$BATS_FILE_TMPDIR:$PATH
	ROOT=$BATS_FILE_TMPDIR/root
	cd "$BATS_TEST_TMPDIR" || return
}

@test "without_options_the_guest_is_the_user_on_the_hosts_files" {
	run -0 proot sh -c 'id; pwd; echo $PWD; stat -c %u:%g /etc/passwd'
	equal "$(id)
$(pwd -P)
$(pwd -P)
$(stat -c %u:%g /etc/passwd)" "$output"
	# The other way to say it.
	run -0 fakebuild proot id -u
	equal "$(id -u)" "$output"
}

@test "calls_on_files_give_the_user_what_the_kernel_gives" {
	command -v python3 >/dev/null || skip "no python3"
	# Root's own is another matter.
	[ "$(id -u)" -ne 0 ] || skip "for a user who is not root"
	mkdir native plain through
	python3 "$BATS_TEST_DIRNAME/plain_calls.py" native >native.txt
	proot python3 "$BATS_TEST_DIRNAME/plain_calls.py" plain >plain.txt
	FAKEBUILD_TEST_FALL_THROUGH=2 proot python3 "$BATS_TEST_DIRNAME/plain_calls.py" through >through.txt
	[ "$(wc -l <native.txt)" -gt 150 ]
	diff native.txt plain.txt
	diff native.txt through.txt
	# And so they are afterwards.
	diff <(cd native && stat -c '%n %a %u %g %h %F' -- *) <(cd plain && stat -c '%n %a %u %g %h %F' -- *)
	chmod -R u+rwX native plain through
}

@test "a_root_has_its_own_files" {
	run -0 proot -r "$ROOT" -w /etc cat file
	equal first "$output"
	run -0 proot --rootfs="$ROOT" --pwd=/etc cat file
	run -0 proot --rootfs "$ROOT" --cwd /etc cat file
	run -1 --separate-stderr proot -r "$BATS_TEST_TMPDIR/none" true
	[[ $stderr = "proot: cannot open '$BATS_TEST_TMPDIR/none': No such file or directory" ]]
	# The last one counts, and a binding at / is one.
	run -0 proot -r /etc -r "$ROOT" -w / cat /etc/file
	run -0 proot -r /etc -b "$ROOT:/" -w / cat /etc/file
}

@test "the_working_directory_is_the_callers_when_the_guest_has_it" {
	run -0 proot -r "$ROOT" -b "$BATS_TEST_TMPDIR" pwd
	equal "$BATS_TEST_TMPDIR" "$output"
	run -0 --separate-stderr proot -r "$ROOT" pwd
	equal / "$output"
	[[ $stderr = *"there is no folder '$BATS_TEST_TMPDIR' in the guest"* ]]
	run -0 --separate-stderr proot -v -1 -r "$ROOT" pwd
	equal "" "$stderr"
	run -0 proot -r "$ROOT" -w /etc/../home/./me sh -c 'pwd; echo $PWD'
	equal "/home/me /home/me" "${lines[*]}"
}

@test "bindings_show_the_hosts_files" {
	echo one >one
	echo two >two
	mkdir -p d/e
	echo deep >d/e/f
	run -0 proot -r "$ROOT" -w / -b "$PWD/one:/etc/file" cat /etc/file
	equal one "$output"
	# A place that is not there, and folders above that are not either.
	run -0 proot -r "$ROOT" -w / -b d:/new/place sh -c 'cat /new/place/e/f; ls /new; cd /new/place/..; pwd'
	equal "deep place /new" "${lines[*]}"
	[ ! -e "$ROOT/new" ]
	# Parents first, whatever the order; of one place the last.
	run -0 proot -r "$ROOT" -w / --bind="$PWD/one:/x/e/f" -m "$PWD/d:/x" cat /x/e/f
	equal one "$output"
	run -0 proot -r "$ROOT" -w / --mount="$PWD/one:/x" -b "$PWD/two:/x" cat /x
	equal two "$output"
	# Without a second name it is the host's; relative ones are the caller's.
	run -0 proot -r "$ROOT" -w / -b d cat "$PWD/d/e/f"
	equal deep "$output"
	# A symlink in the guest is followed, unless "!" says not to.
	ln -sf file "$ROOT/etc/to-file"
	run -0 proot -r "$ROOT" -w / -b "$PWD/one:/etc/to-file" cat /etc/file
	equal one "$output"
	run -0 proot -r "$ROOT" -w / -b "$PWD/one:/etc/to-file!" cat /etc/file /etc/to-file
	equal "first one" "${lines[*]}"
}

@test "a_binding_that_the_host_has_not_is_left_out" {
	run -0 --separate-stderr proot -r "$ROOT" -w / -b /no/such:/x true
	equal "proot: warning: '/no/such' is not bound: No such file or directory" "$stderr"
	PROOT_IGNORE_MISSING_BINDINGS=1 run -0 --separate-stderr proot -r "$ROOT" -w / -b /no/such:/x true
	equal "" "$stderr"
}

@test "proc_is_the_guests_own" {
	run -0 proot -r "$ROOT" -w /etc -b /proc sh -c 'for l in cwd root exe; do readlink /proc/self/$l; done; ls /proc | grep -c "^[0-9]"'
	equal "/etc / /bin/busybox" "${lines[*]:0:3}"
	[ "${lines[3]}" -lt 5 ]
	run -0 proot -r "$ROOT" -w /etc -b /:/host sh -c 'readlink /host/proc/self/cwd'
	equal /etc "$output"
	# What is bound of /proc/self is of the process that looks.
	run -0 proot -r "$ROOT" -w /etc -b /proc -b /proc/self/fd:/dev/fd -b /proc/self/mounts:/etc/mtab sh -c \
		'readlink /dev/fd/7 7</etc/file; grep -c " /proc " /etc/mtab'
	equal "/etc/file 1" "${lines[*]}"
}

@test "root_has_owners_that_are_kept_for_the_next_run" {
	run -0 proot -0 -r "$ROOT" -w / sh -c 'id -u; umask 022; touch f; chown 5:6 f; mknod n c 1 3; chmod 4755 f'
	equal 0 "$output"
	run -0 proot --root-id -r "$ROOT" -w / stat -c '%u:%g %a %F' f n
	equal "5:6 4755 regular empty file 0:0 644 character special file" "${lines[*]}"
	# It is the table of --rootfs.
	run -0 fakebuild run --rootfs "$ROOT" stat -c %u:%g /f
	equal 5:6 "$output"
	run -0 proot -0 -i "7:8" -r "$ROOT" -w / id -u
	equal 7 "$output"
	run -0 proot -i 7:8 -0 -r "$ROOT" -w / id -u
	equal 0 "$output"
	rm -f "$ROOT"/[fn]
}

@test "on_the_hosts_tree_modes_are_left_as_root_gave_them" {
	mkdir -p d/e
	chmod 0 d/e d
	proot -0 sh -c 'echo x >d/e/f; chmod 0444 d/e/f; mkdir -m 0 d/e/g'
	equal 0 "$(stat -c %a d)"
	chmod 700 d
	equal 0 "$(stat -c %a d/e)"
	chmod 700 d/e
	equal "444 0" "$(stat -c %a d/e/f d/e/g | tr '\n' ' ' | sed 's/ $//')"
	# Also those that processes have told themselves.
	proot -0 sh -c 'i=0; while [ $i -lt 20 ]; do : >$i; chmod 0400 $i; chown 5:6 $i; i=$((i + 1)); done'
	equal 400 "$(stat -c %a -- [0-9]* | sort -u)"
}

@test "other_ids_show_in_place_of_the_users" {
	[ "$(id -u)" -ne 0 ] || skip "for a user who is not root"
	touch f
	run -0 proot -i 123:456 sh -c 'id -u; id -g; stat -c %u:%g f /etc/passwd; chown 123:456 f && chown 124 f 2>/dev/null || echo refused; touch g'
	equal "123 456 123:456 $(stat -c %u:%g /etc/passwd) refused" "${lines[*]}"
	equal "$(id -u)" "$(stat -c %u g)"
	run -0 proot --change-id=123:456 sh -c 'chmod 0 f; cat f 2>/dev/null || echo no; stat -c %a f'
	equal "no 0" "${lines[*]}"
	for bad in 1 1:x x:1 -1:0 1: 4294967295:0; do
		run -1 --separate-stderr proot -i "$bad" true
		equal "proot: invalid ids '$bad': UID:GID is wanted" "$stderr"
	done
}

@test "the_kernels_names_are_those_asked_for" {
	run -0 proot -k 3.10.0-x sh -c 'uname -r; cat /proc/sys/kernel/osrelease; cut -d" " -f1-3 /proc/version'
	equal "3.10.0-x 3.10.0-x Linux version 3.10.0-x" "${lines[*]}"
	all='\Linux\host\6.17.0-PRoot\#1 SMP\aarch64\localdomain\-1\ '
	run -0 proot --kernel-release="${all% }" uname -snrvm
	equal 'Linux host 6.17.0-PRoot #1 SMP aarch64' "$output"
	all='\\\5.5\\\\\ '
	run -0 proot -k "${all% }" uname -sr
	equal "$(uname -s) 5.5" "$output"
	run -1 --separate-stderr proot -k '\a\b' true
	[[ $stderr = "proot: invalid kernel release '\\a\\b'"* ]]
}

@test "without_a_command_it_is_a_login_shell" {
	run -0 proot -r "$ROOT" -w / <<<'echo $0 runs; exit'
	[[ $output = *"/bin/sh runs"* ]]
}

@test "commands_are_found_as_by_execvp" {
	run -127 --separate-stderr proot -r "$ROOT" -w / no-such-command
	run -127 --separate-stderr proot -r "$ROOT" -w / /etc/none
	run -126 --separate-stderr proot -r "$ROOT" -w / /etc
	run -1 --separate-stderr env PATH= "$BATS_FILE_TMPDIR/proot" -r "$ROOT" -w /bin true
	run -0 env PATH= "$BATS_FILE_TMPDIR/proot" -r "$ROOT" -w /bin ./true
	echo 'echo no program, $1' >script
	chmod 755 script
	run -0 proot ./script x
	equal "no program, x" "$output"
	run -7 proot sh -c 'exit 7'
	run -137 proot sh -c 'kill -9 $$'
}

@test "it_ends_with_its_last_process_or_kills_them" {
	proot sh -c '(sleep 1; echo late >late) & exit 3' || equal 3 $?
	equal late "$(cat late)"
	rm late
	run -3 proot --kill-on-exit sh -c '(sleep 1; echo late >late) & exit 3'
	sleep 1.5
	[ ! -e late ]
}

@test "descriptors_umask_and_ignored_signals_are_the_callers" {
	echo text >f
	umask 0077
	run -0 proot sh -c 'cat <&7; umask; touch g; stat -c %a g' 7<f
	equal "text 0077 600" "${lines[*]}"
	(
		trap '' HUP
		run -0 proot sh -c 'kill -HUP $$; echo on'
		equal on "$output"
	)
}

@test "ports_are_others_on_the_host" {
	command -v python3 >/dev/null || skip "no python3"
	cat >listen.py <<-'PYTHON'
		import socket, sys
		s = socket.socket()
		s.bind(("127.0.0.1", int(sys.argv[1])))
		s.listen()
		c = socket.create_connection(s.getsockname())
		print(s.getsockname()[1], c.getpeername()[1])
		print([int(l.split()[1].split(":")[1], 16) for l in open("/proc/net/tcp").readlines()[1:]
		       if l.split()[9] == str(__import__("os").fstat(s.fileno()).st_ino)][0])
	PYTHON
	port=$((30000 + RANDOM % 2000))
	run -0 proot -p $port:$((port + 2000)) python3 listen.py $port
	equal "$port $port $((port + 2000))" "${lines[*]}"
	run -0 proot -n python3 listen.py $port
	equal "$port $port" "${lines[0]}"
	[ "${lines[1]}" -ne $port ]
	for bad in 1:0 1:65536 1:x; do
		run -1 --separate-stderr proot -p $bad true
		[[ $stderr = "proot: invalid ports '$bad'"* ]]
	done
	# termux/proot's -p has no value.
	run -0 proot -0 -p sh -c 'echo runs'
	equal runs "$output"
}

@test "r_and_s_bind_what_programs_need_of_the_host" {
	run -0 proot -R "$ROOT" -w / sh -c 'cat /etc/passwd; test -e /dev/null -a -d /proc/self; cat "$1/etc/file"; id -u' - "$ROOT"
	equal "$(cat /etc/passwd)
first
$(id -u)" "$output"
	run -0 proot -S "$ROOT" -w / sh -c 'cat /etc/passwd; id -u; test -d /proc/self'
	equal "$(cat "$ROOT/etc/passwd")
0" "$output"
}

@test "options_of_others_are_taken" {
	mkdir -p "$ROOT/root"
	# As proot-distro calls it, and udocker.
	all='\Linux\h\6.17.0\#1\x86_64\localdomain\-1\ '
	run -0 proot --kill-on-exit --link2symlink --sysvipc --kernel-release="${all% }" -L \
		--change-id=0:0 --rootfs="$ROOT" --cwd=/root --bind=/dev --bind=/proc --bind=/sys \
		--bind="$ROOT/tmp:/dev/shm" /bin/env -i HOME=/root PATH=/bin sh -c 'id -u; pwd; uname -r; ls -d /dev/shm'
	equal "0 /root 6.17.0 /dev/shm" "${lines[*]}"
	run -0 proot --kill-on-exit -b /etc/resolv.conf:/etc/resolv.conf -b /dev:/dev -i 1000:1000 -k "$(uname -r)" \
		-r "$ROOT" -w /tmp sh -c 'id -u; pwd'
	equal "1000 /tmp" "${lines[*]}"
}

@test "the_emulator_is_the_one_asked_for" {
	run -1 --separate-stderr proot -q no-such-qemu true
	equal "proot: there is no static program 'no-such-qemu', and no 'no-such-qemu-static', to run programs for other machines" "$stderr"
	local qemu program=${FAKEBUILD_TEST_GUESTS-}/foreign-arm64.tar
	qemu=$(command -v qemu-aarch64-static) || skip "no qemu-aarch64-static (Debian: qemu-user-static)"
	[ -e "$program" ] || skip "no arm64 guest"
	mkdir arm
	tar --no-same-owner -C arm --exclude='./dev/*' -xf "$program"
	run -0 env PATH=/none "$BATS_FILE_TMPDIR/proot" -q "$qemu -cpu max" -r arm -w / -b /proc \
		/bin/busybox sh -c 'uname -m; /bin/busybox tr "\0" " " </proc/self/cmdline'
	equal "aarch64" "${lines[0]}"
	# The emulator's own words are not there.
	[[ ${lines[1]} = "/bin/busybox sh -c uname"* ]]
}

@test "the_private_folder_is_where_proot_tmp_dir_says" {
	mkdir t closed
	PROOT_TMP_DIR=$PWD/t run -0 proot true
	equal "" "$(ls t)"
	chmod 500 closed
	[ "$(id -u)" -ne 0 ] || skip "for a user who is not root"
	PROOT_TMP_DIR=$PWD/closed run -1 --separate-stderr proot true
	equal "proot: no program can be put into '$PWD/closed', which PROOT_TMP_DIR names" "$stderr"
}

@test "bad_options_are_named" {
	run -1 --separate-stderr proot --no-such true
	equal "proot: unknown option '--no-such'" "$stderr"
	run -1 --separate-stderr proot -b
	equal "proot: option '-b' needs a value: HOST[:GUEST[!]]" "$stderr"
	run -1 --separate-stderr proot --root-id=1 true
	equal "proot: option '--root-id' takes no value" "$stderr"
	run -1 --separate-stderr proot -v x true
	equal "proot: invalid verbosity 'x': a number is wanted" "$stderr"
	run -1 --separate-stderr proot -b :/x true
	equal "proot: invalid binding ':/x': HOST[:GUEST] is wanted" "$stderr"
	run -1 --separate-stderr proot
	[[ $stderr = "Usage: proot"* ]]
	run -0 proot --help
	[[ $output = "Usage: proot"*--kill-on-exit* ]]
	run -0 proot -V
	[[ $output = "proot of fakebuild "* ]]
}
