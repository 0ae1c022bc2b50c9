#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load store
setup_file() {
	use_store
	make_base || return 0
	fakebuild run --name box base:1 sh -c 'echo n >/new; chown 7:8 /new; chmod 4711 /new; mknod /zero c 1 5; ln /new /link; ln -s new /soft'
}
teardown_file() { remove_store; }

@test "owners_modes_devices_links_are_roots" {
	fakebuild export box >"$BATS_TEST_TMPDIR/root.tar"
	run -0 tar --numeric-owner -tvf "$BATS_TEST_TMPDIR/root.tar"
	[[ $output =~ -rws--x--x\ 7/8\ .*\ (\./)?(new|link) ]]
	[[ $output =~ crw-r--r--\ 0/0\ +1,5\ .*zero ]]
	[[ $output == *"soft -> new"* && $output == *"link to"* ]]
	[[ $output =~ drwxrwxrwt\ 0/0\ .*tmp/ ]]
}

@test "it_imports_again" {
	fakebuild export -o "$BATS_TEST_TMPDIR/root.tar" box
	fakebuild import "$BATS_TEST_TMPDIR/root.tar" again
	run -0 fakebuild run again stat -c '%u:%g %a %h' /new
	equal "7:8 4711 2" "$output"
}

@test "no_such_container" {
	run -125 --separate-stderr fakebuild export -o "$BATS_TEST_TMPDIR/no.tar" nobox
	sentence "no such container: nobox"
	[ ! -e "$BATS_TEST_TMPDIR/no.tar" ]
}
