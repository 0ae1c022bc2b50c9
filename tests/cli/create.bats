#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load store
setup_file() {
	use_store
	make_base || return 0
}
teardown_file() { remove_store; }

@test "it_is_started_with_its_own_options" {
	run -0 fakebuild create --name box -e SAID=here -w /tmp base:1 sh -c 'echo "$SAID in $(pwd)"; echo x >>/log; exit 3'
	[[ $output =~ ^[0-9a-f]{64}$ ]]
	[[ $(fakebuild ps) == *Created*box* ]]
	run -125 --separate-stderr fakebuild cp box:/log -
	sentence "'box:/log' does not exist"
	run -3 fakebuild start -a box
	equal "here in /tmp" "$output"
	run -3 fakebuild start box
	run -0 fakebuild exec box wc -l /log
	equal "2 /log" "$output"
	fakebuild rm box
}

@test "without_a_name_it_is_kept_under_the_beginning_of_its_id" {
	id=$(fakebuild create base:1 true)
	run -0 fakebuild gc
	run -0 fakebuild start "${id:0:12}"
	run -0 fakebuild rm "$id"
	equal "$id" "$output"
}

@test "with_rm_it_goes_with_its_first_run" {
	fakebuild create --rm --name once base:1 echo ran
	run -0 fakebuild start once
	equal ran "$output"
	run -125 --separate-stderr fakebuild start once
	sentence "no such container: once"
}

@test "host_paths_count_from_where_it_was_made" {
	mkdir "$BATS_TEST_TMPDIR/there"
	echo found >"$BATS_TEST_TMPDIR/there/file"
	(cd "$BATS_TEST_TMPDIR" && fakebuild create --name bound -v ./there:/in base:1 cat /in/file)
	cd /
	run -0 fakebuild start bound
	equal found "$output"
	fakebuild rm bound
}

@test "a_folder_is_no_image" {
	run -2 --separate-stderr fakebuild create --rootfs / base:1
	sentence "create: --rootfs makes no container, an image is needed"
	equal "" "$(fakebuild ps -q)"
}

@test "the_id_is_written_into_a_new_file" {
	run -0 fakebuild create --cidfile "$BATS_TEST_TMPDIR/id" base:1 true
	equal "$output" "$(cat "$BATS_TEST_TMPDIR/id")"
	fakebuild rm "$output"
	run -125 --separate-stderr fakebuild run --cidfile "$BATS_TEST_TMPDIR/id" base:1 echo ran
	sentence "cannot create '$BATS_TEST_TMPDIR/id': File exists"
	equal "" "$output"
	equal "" "$(fakebuild ps -q)"
}

@test "what_docker_has_beside_is_taken_or_refused_with_a_reason" {
	run -0 fakebuild run --ulimit nofile=100 --shm-size 1g --dns 127.0.0.1 --expose 80 --userns host base:1 echo ran
	equal ran "$output"
	run -2 --separate-stderr fakebuild create --restart always base:1
	sentence "create: option '--restart' is not possible: there is no daemon that could start it again"
}
