#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load store
setup_file() {
	use_store
	make_base || return 0
	fakebuild tag base:1 localhost:5000/group/other:2
}
teardown_file() { remove_store; }

@test "columns_are_dockers" {
	run -0 fakebuild images
	[[ ${lines[0]} =~ ^REPOSITORY\ +TAG\ +IMAGE\ ID\ +CREATED\ +SIZE$ ]]
	[[ $output =~ base\ +1\ +[0-9a-f]{12}\ +.*ago\ +[0-9.]+[kM]B ]]
	[[ $output =~ localhost:5000/group/other\ +2\  ]]
	equal 3 "${#lines[@]}"
}

@test "quiet_prints_ids" {
	run -0 fakebuild images -q base
	id=$(sed 's/^sha256://' "$BATS_FILE_TMPDIR/base.id")
	equal "${id:0:12}" "$output"
	run -0 fakebuild images -q --no-trunc base
	equal "sha256:$id" "$output"
}

@test "json_is_an_object_a_line" {
	run -0 fakebuild images --format json base:1
	[[ $output == '{"Repository":"base","Tag":"1","ID":"'*'"}' ]]
	equal 1 "${#lines[@]}"
}

@test "a_name_chooses" {
	run -0 fakebuild images 'nothing'
	equal 1 "${#lines[@]}"
	run -0 fakebuild images -q 'ba*'
	equal 1 "${#lines[@]}"
}

@test "digests_are_shown_when_asked_for" {
	run -0 fakebuild images --digests base
	[[ ${lines[0]} == *DIGEST* && ${lines[1]} == *sha256:* ]]
}

@test "a_store_that_cannot_be_made_is_named" {
	[ "$(id -u)" -ne 0 ] || skip "root writes everywhere"
	run -125 --separate-stderr fakebuild --root /proc/nowhere/store images
	[[ $stderr == *"/proc/nowhere/store"* ]]
}

@test "a_store_that_is_not_writable_is_told" {
	[ "$(id -u)" -ne 0 ] || skip "root writes everywhere"
	mkdir -m 555 "$BATS_TEST_TMPDIR/s"
	run -125 --separate-stderr fakebuild --root "$BATS_TEST_TMPDIR/s" images
	sentence "cannot make the store's '$BATS_TEST_TMPDIR/s/blobs/sha256': Permission denied"
}
