#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load store
setup_file() {
	use_store
	make_base || return 0
}
teardown_file() { remove_store; }

@test "added_changed_deleted" {
	fakebuild run --name box base:1 sh -c 'echo x >/new; echo y >>/etc/passwd; rm /etc/file; mkdir /d; chown 9 /etc/group'
	run -0 fakebuild diff box
	expected="A /d
A /new
C /etc
C /etc/group
C /etc/passwd
D /etc/file"
	equal "$expected" "$(sort <<<"$output")"
	run -0 fakebuild diff --format json box
	[[ $output == *'{"Kind":"D","Path":"/etc/file"}'* ]]
}

@test "a_folder_of_a_change_is_listed_once" {
	fakebuild run --name deep base:1 sh -c 'mkdir -p /etc/a/b; echo 1 >/etc/a/b/c; echo 2 >/etc/a/b/d; echo 3 >>/etc/passwd'
	run -0 fakebuild diff deep
	equal "A /etc/a
A /etc/a/b
A /etc/a/b/c
A /etc/a/b/d
C /etc
C /etc/passwd" "$(sort <<<"$output")"
}

@test "mtab_is_no_change_until_the_guest_makes_its_own" {
	fakebuild run --name mtab base:1 sh -c 'grep -q proc /etc/mtab'
	run -0 fakebuild diff mtab
	equal "" "$output"
	fakebuild run --name mtab2 base:1 ln -sf ../proc/self/mounts /etc/mtab
	run -0 fakebuild diff mtab2
	equal "C /etc
A /etc/mtab" "$output"
}

@test "a_run_that_changes_nothing_differs_in_nothing" {
	fakebuild run --name still base:1 sh -c 'cat /etc/resolv.conf /etc/hosts /etc/hostname >/dev/null; ls /dev /proc /sys >/dev/null'
	run -0 fakebuild diff still
	equal "" "$output"
}

@test "a_folder_is_changed_when_names_came_and_went" {
	fakebuild run --name passing base:1 sh -c 'touch /home/me/x; rm /home/me/x; echo more >>/etc/passwd'
	run -0 fakebuild diff passing
	equal "C /etc
C /etc/passwd
C /home
C /home/me" "$output"
}

@test "writing_a_file_of_the_image_leaves_its_folder_its_time" {
	before=$(fakebuild run base:1 stat -c %Y /etc)
	run -0 fakebuild run base:1 sh -c 'sleep 1; echo more >>/etc/passwd; stat -c %Y /etc'
	equal "$before" "$output"
}
