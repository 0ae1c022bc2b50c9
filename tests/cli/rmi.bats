#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load store
setup() {
	BATS_FILE_TMPDIR=$BATS_TEST_TMPDIR
	use_store
	make_base
}
teardown() { remove_store; }

@test "the_last_name_takes_blobs_and_layers_with_it" {
	run -0 fakebuild rmi base:1
	equal "Untagged: base:1" "$output"
	run -0 fakebuild images -q
	equal "" "$output"
	equal "" "$(ls "$FAKEBUILD_ROOT/blobs/sha256")"
	equal "" "$(ls "$FAKEBUILD_ROOT/layers")"
}

@test "another_name_keeps_the_image" {
	fakebuild tag base:1 second
	fakebuild rmi base:1
	run -0 fakebuild run second
	equal "base runs" "$output"
}

@test "an_id_with_several_names_needs_force" {
	fakebuild tag base:1 second
	id=$(fakebuild images -q base:1)
	run -125 --separate-stderr fakebuild rmi "$id"
	sentence "image $id has 2 names: remove them one by one, or use --force"
	fakebuild rmi -f "$id"
	run -0 fakebuild images -q
	equal "" "$output"
}

@test "an_unknown_image_is_told" {
	run -125 --separate-stderr fakebuild rmi nothing
	sentence "no such image: nothing"
}
