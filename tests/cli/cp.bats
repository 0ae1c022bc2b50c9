#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load store
setup_file() {
	use_store
	make_base || return 0
}
teardown_file() { remove_store; }

@test "out_of_a_container" {
	cd "$BATS_TEST_TMPDIR"
	fakebuild run --name box base:1 sh -c 'mkdir -p /d/sub; echo text >/d/sub/f; chown 7:8 /d/sub/f; chmod 4751 /d/sub/f
		ln -s sub /d/link; ln /d/sub/f /d/hard; ln -s /etc/passwd /leads'
	fakebuild cp box:/d new
	equal text "$(cat new/sub/f)"
	equal "4751 2" "$(stat -c '%a %h' new/sub/f)"
	equal sub "$(readlink new/link)"
	mkdir dir dir2
	fakebuild cp box:d dir
	[ -e dir/d/sub/f ]
	fakebuild cp box:/d/. dir2
	[ -e dir2/sub/f ]
	fakebuild cp box:/d/sub/f dir/name
	equal text "$(cat dir/name)"
	fakebuild cp box:/leads .
	equal /etc/passwd "$(readlink leads)"
	rm leads
	fakebuild cp -L box:/leads .
	[ "$(head -c 4 passwd)" = root ]
	run -0 bash -c "fakebuild cp box:/d/sub - | tar tv --numeric-owner"
	[[ $output == *"-rwsr-x--x 7/8"*" sub/f"* ]]
}

@test "into_a_container" {
	cd "$BATS_TEST_TMPDIR"
	mkdir -p tree/sub
	echo one >tree/sub/one
	chmod 4755 tree/sub/one
	fakebuild create --name into base:1 true
	fakebuild cp tree into:/new
	fakebuild cp tree into:/etc
	fakebuild cp tree/. into:/tmp
	fakebuild cp tree/sub/one into:/etc/file
	run -0 fakebuild exec into stat -c '%a %u:%g %n' /new/sub/one /etc/tree/sub/one /tmp/sub/one /etc/file /tmp
	equal "4755 0:0 /new/sub/one
4755 0:0 /etc/tree/sub/one
4755 0:0 /tmp/sub/one
4755 0:0 /etc/file
1777 0:0 /tmp" "$output"
	# Of the image itself nothing has changed.
	run -0 fakebuild run base:1 cat /etc/file
	equal first "$output"
	run -0 bash -c "tar -C tree --owner=5 --group=6 -c sub | fakebuild cp - into:/home"
	run -0 fakebuild exec into stat -c '%u:%g' /home/sub/one
	equal 5:6 "$output"
	run -0 fakebuild diff into
	[[ $output == *"C /etc/file"* && $output == *"A /home/sub/one"* ]]
	fakebuild commit into copied:1
	run -0 fakebuild run copied:1 stat -c '%a %u' /home/sub/one
	equal "4755 5" "$output"
}

@test "while_it_runs" {
	cd "$BATS_TEST_TMPDIR"
	echo late >late
	begin live 'echo ready; while [ ! -e /tmp/late ]; do sleep 0.05; done; cat /tmp/late; stat -c %u /tmp/late'
	fakebuild cp late live:/tmp
	run -0 fakebuild wait live
	equal $'ready\nlate\n0' "$(cat live.out)"
}

@test "symlinks_lead_nowhere_else" {
	cd "$BATS_TEST_TMPDIR"
	mkdir outside
	echo secret >outside/secret
	fakebuild run --name sly base:1 sh -c "ln -s $PWD/outside /out; ln -s ../../../../../../..$PWD/outside /up"
	for link in out up; do
		run -125 --separate-stderr fakebuild cp "sly:/$link/secret" stolen
		sentence "'sly:/$link/secret' does not exist"
		run -125 --separate-stderr fakebuild cp outside/secret "sly:/$link/"
		[ ! -e stolen ]
	done
	equal secret "$(ls outside)"
	# Nor of a tar.
	mkdir t
	ln -s "$PWD/outside" t/way
	tar -C t -cf evil.tar way
	tar -rf evil.tar --transform 's,^outside/,way/,' outside/secret
	fakebuild cp - sly:/tmp <evil.tar || true
	equal secret "$(ls outside)"
}

@test "a_file_takes_no_directorys_place" {
	cd "$BATS_TEST_TMPDIR"
	mkdir -p d/file f
	echo x >f/d
	fakebuild create --name strict base:1 true
	run -125 --separate-stderr fakebuild cp d strict:/etc/file
	sentence "cannot copy the directory 'd' to the file 'strict:/etc/file'"
	run -125 --separate-stderr fakebuild cp d/. strict:/etc
	sentence "cannot put the folder 'etc/file' in the place of a file"
	run -125 --separate-stderr fakebuild cp f/d strict:/nothing/
	sentence "the directory 'strict:/nothing/' does not exist"
	run -125 --separate-stderr fakebuild cp f/d strict:/nothing/there
	sentence "the directory that 'strict:/nothing/there' is to be made in does not exist"
	run -125 --separate-stderr fakebuild cp missing strict:/
	sentence "'missing' does not exist"
	run -2 --separate-stderr fakebuild cp a b
	sentence "cp: want one of the two to be CONTAINER:PATH"
	run -2 --separate-stderr fakebuild cp strict:/etc strict:/tmp
	sentence "cp: want one of the two to be CONTAINER:PATH"
}
