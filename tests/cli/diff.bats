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
C /etc/group
C /etc/passwd
D /etc/file"
	equal "$expected" "$(grep -v '^C /etc$' <<<"$output" | sort)"
	run -0 fakebuild diff --format json box
	[[ $output == *'{"Kind":"D","Path":"/etc/file"}'* ]]
}

@test "a_run_that_changes_nothing_differs_in_nothing" {
	fakebuild run --name still base:1 sh -c 'cat /etc/resolv.conf /etc/hosts /etc/hostname >/dev/null; ls /dev /proc /sys >/dev/null'
	run -0 fakebuild diff still
	equal "" "$output"
}
