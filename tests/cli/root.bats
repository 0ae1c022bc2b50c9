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

@test "owners_are_forgotten_unless_a_state_file_keeps_them" {
	cd "$BATS_TEST_TMPDIR"
	touch g
	fakebuild root chown 5:6 g
	run -0 fakebuild root stat -c %u:%g g
	equal 0:0 "$output"
	fakebuild root --state s chown 5:6 g
	run -0 fakebuild root --state s stat -c %u:%g g
	equal 5:6 "$output"
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
