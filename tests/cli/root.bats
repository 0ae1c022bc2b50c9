#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load store
setup_file() { use_store; }
teardown_file() { remove_store; }

@test "the_command_is_root_of_the_hosts_files" {
	cd "$BATS_TEST_TMPDIR"
	run -0 fakebuild root -- sh -c 'id -u; pwd; touch f; chown 5:6 f; stat -c %u:%g f'
	equal "0 $(pwd -P) 5:6" "${lines[*]}"
	equal "$(id -u)" "$(stat -c %u f)"
}

@test "a_tar_made_inside_has_roots_owners" {
	cd "$BATS_TEST_TMPDIR"
	fakebuild root sh -c 'mkdir d; touch d/f; chown 33:34 d/f; chmod 4755 d/f; mknod d/null c 1 3; tar -cf out.tar d'
	run -0 tar --numeric-owner -tvf out.tar
	[[ $output =~ -rwsr-xr-x\ 33/34 ]]
	[[ $output =~ crw-r--r--\ 0/0\ +1,3 ]]
}

# Whether inodes of the same number can be told apart here: without that nothing outlasts a run.
births_are_told() {
	[ "$(stat -c %W "$BATS_TEST_TMPDIR")" != 0 ] || skip "the file system tells no times of birth"
}

@test "a_later_run_sees_what_an_earlier_one_made_of_files" {
	births_are_told
	cd "$BATS_TEST_TMPDIR"
	touch f
	mkdir d
	fakebuild root sh -c 'chown 5:6 f && chmod 4750 f && chown 7 d && mknod d/null c 1 3'
	# The host has what it can have.
	equal 750 "$(stat -c %a f)"
	run -0 fakebuild root stat -c '%u:%g %a %F' f d d/null
	equal "5:6 4750 regular empty file 7:0 755 directory 0:0 644 character special file" "${lines[*]}"
	mv f g
	run -0 fakebuild root stat -c '%u:%g %a' g
	equal "5:6 4750" "$output"
}

@test "a_file_made_anew_between_runs_inherits_nothing" {
	cd "$BATS_TEST_TMPDIR"
	for i in $(seq 50); do touch "f$i"; done
	fakebuild root sh -c 'chown 5:6 f*; chmod 4700 f*'
	rm f*
	for i in $(seq 50); do touch "g$i"; done
	run -0 fakebuild root sh -c 'stat -c "%u:%g %a" g* | sort -u'
	equal "0:0 644" "$output"
}

@test "a_mode_changed_between_runs_is_the_files" {
	births_are_told
	cd "$BATS_TEST_TMPDIR"
	touch f g
	fakebuild root sh -c 'chown 5:6 f; chmod 4640 f; chown 5 g; chmod 0 g'
	chmod 755 f
	run -0 fakebuild root stat -c '%u:%g %a' f g
	equal "5:6 755 5:0 0" "${lines[*]}"
}

@test "runs_at_once_keep_what_each_has_made" {
	births_are_told
	cd "$BATS_TEST_TMPDIR"
	run_one() { # NUMBER
		fakebuild root sh -c 'for i in $(seq 40); do touch f$1.$i; chown $1:$i f$1.$i; done' - "$1" 3>&-
	}
	local number pids=()
	for number in 1 2 3 4; do
		run_one $number &
		pids+=($!)
	done
	wait "${pids[@]}"
	run -0 fakebuild root sh -c 'for n in 1 2 3 4; do for i in $(seq 40); do test "$(stat -c %u:%g f$n.$i)" = $n:$i || echo f$n.$i; done; done'
	equal "" "$output"
}

@test "what_a_run_changes_another_sees_at_once" {
	cd "$BATS_TEST_TMPDIR"
	touch f
	mkfifo go
	fakebuild root sh -c 'chown 5:6 f; echo >go; read -r _ <go; stat -c %u:%g f' >out 3>&- &
	read -r _ <go
	run -0 fakebuild root sh -c 'stat -c %u:%g f; chown 7:8 f'
	equal 5:6 "$output"
	echo >go
	wait $!
	equal 7:8 "$(cat out)"
}

@test "a_killed_run_keeps_owners_too" {
	births_are_told
	cd "$BATS_TEST_TMPDIR"
	touch f
	mkfifo go
	fakebuild root sh -c 'chown 5:6 f; chmod 4711 f; echo >go; sleep 100' 3>&- &
	read -r _ <go
	kill -9 $!
	wait $! || true
	run -0 fakebuild root stat -c '%u:%g %a' f
	equal "5:6 4711" "$output"
}

@test "nothing_is_kept_when_it_is_to_be_forgotten" {
	cd "$BATS_TEST_TMPDIR"
	touch g
	fakebuild root --forget chown 5:6 g
	run -0 fakebuild root stat -c %u:%g g
	equal 0:0 "$output"
	fakebuild root --state s chown 5:6 g
	run -0 fakebuild root --state s stat -c %u:%g g
	equal 5:6 "$output"
	run -0 fakebuild root stat -c %u:%g g
	equal 0:0 "$output"
}

@test "a_state_dir_has_a_lock_and_the_commands_number" {
	command -v flock >/dev/null || skip "no flock (Debian: util-linux)"
	cd "$BATS_TEST_TMPDIR"
	mkfifo go
	fakebuild root --state-dir s sh -c 'echo $$ >pid; echo >go; read -r _ <go' 3>&- &
	read -r _ <go
	equal "$(cat pid)" "$(cat s/child_pid)"
	run -1 flock -n s/lock true
	# Another command may have it, too.
	run -0 fakebuild root --state-dir s true
	kill "$(cat pid)"
	wait $! || true
	run -0 flock -n s/lock true
	[ ! -e s/child_pid ]
}

@test "the_environment_is_the_callers" {
	A_VARIABLE=x run -0 fakebuild root sh -c 'echo $A_VARIABLE $B' 
	equal x "$output"
	run -0 fakebuild root -e B=y sh -c 'echo $B'
	equal y "$output"
}

@test "chroot_works" {
	make_base_tar
	mkdir "$BATS_TEST_TMPDIR/r"
	cd "$BATS_TEST_TMPDIR"
	run -0 fakebuild root sh -c 'tar -C r -xf "$1" && chroot r cat /etc/file' - "$BATS_FILE_TMPDIR/base.tar"
	equal first "$output"
}

@test "statuses" {
	run -3 fakebuild root sh -c 'exit 3'
	run -127 --separate-stderr fakebuild root no-such-command
}

@test "it_does_not_run_inside_itself" {
	run -125 --separate-stderr fakebuild root -- fakebuild root true
	sentence "cannot run inside another fakebuild: its pages are where ours have to be"
}

@test "a_state_dir_keeps_owners_and_copies" {
	cd "$BATS_TEST_TMPDIR"
	mkdir host
	echo host >host/f
	mkdir host/d
	echo below >host/d/g
	ln -s f host/l
	touch g
	fakebuild root --state-dir s --copy-up "$PWD/host" sh -c 'chown 5:6 g; echo mine >host/f; echo new >host/n; rm host/l'
	equal host "$(cat host/f)"
	[ ! -e host/n ]
	[ -L host/l ]
	run -0 fakebuild root --state-dir s --copy-up "$PWD/host" sh -c 'stat -c %u:%g g; cat host/f host/n host/d/g; ls host'
	equal "5:6 mine new below d f n" "${lines[*]}"
}

@test "a_copied_folder_is_forgotten_without_a_state_dir" {
	cd "$BATS_TEST_TMPDIR"
	mkdir host
	run -0 fakebuild root --copy-up "$PWD/host" sh -c 'touch host/x; ls host'
	equal x "$output"
	run -0 fakebuild root --copy-up "$PWD/host" ls host
	equal "" "$output"
	equal "" "$(ls host)"
	# Nothing is left in the store either.
	equal "" "$(ls "$FAKEBUILD_ROOT/tmp")"
}

@test "a_folder_to_copy_is_absolute_and_there" {
	run -125 --separate-stderr fakebuild root --copy-up etc true
	sentence "invalid --copy-up 'etc': an absolute path of a folder below / is wanted"
	run -125 --separate-stderr fakebuild root --copy-up / true
	sentence "invalid --copy-up '/': an absolute path of a folder below / is wanted"
	run -125 --separate-stderr fakebuild root --copy-up /no/such true
	sentence "cannot open '/no/such' for --copy-up: No such file or directory"
	run -125 --separate-stderr fakebuild root --state a --state-dir b true
	sentence "--state, --state-dir and --forget exclude each other"
}

@test "the_hosts_etc_can_be_changed_in_a_copy" {
	run -0 fakebuild root --copy-up /etc sh -c 'echo "9.9.9.9 nine" >>/etc/hosts && tail -n 1 /etc/hosts && echo x:x:5:5::/:/bin/sh >>/etc/passwd && id -u x'
	equal "9.9.9.9 nine 5" "${lines[*]}"
}

@test "podmans_kin_keep_to_the_users_folders" {
	run -0 fakebuild root sh -c 'echo $_CONTAINERS_ROOTLESS_UID $_CONTAINERS_USERNS_CONFIGURED'
	[ "$(id -u)" -eq 0 ] || equal "$(id -u) done" "$output"
	_CONTAINERS_ROOTLESS_UID=7 run -0 fakebuild root sh -c 'echo $_CONTAINERS_ROOTLESS_UID'
	equal 7 "$output"
}

@test "files_of_a_runs_own_are_forgotten_with_it" {
	cd "$BATS_TEST_TMPDIR"
	fakebuild root --state-dir s sh -c 'mkdir m; mount -t tmpfs none m; for i in $(seq 200); do mknod m/$i c 1 8; done'
	# Their inode numbers come again.
	run -0 fakebuild root --state-dir s sh -c 'cd /sys/fs/cgroup; for i in $(seq 10); do mkdir g$i; done; stat -c %F g*/* | grep -v regular || true'
	equal "" "$output"
}

@test "control_groups_are_the_runs_own" {
	run -0 fakebuild root sh -c 'mkdir /sys/fs/cgroup/a && echo $$ >/sys/fs/cgroup/a/cgroup.procs && cat /proc/self/cgroup && echo 5 >/sys/fs/cgroup/a/pids.max && cat /sys/fs/cgroup/a/pids.max'
	equal "0::/a 5" "${lines[*]}"
}
