#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load store
setup_file() {
	use_store
	make_base || return 0
}
teardown_file() { remove_store; }

@test "docker_archive_has_manifest_json_and_loads_again" {
	fakebuild save -o "$BATS_TEST_TMPDIR/a.tar" base:1
	run -0 tar -xOf "$BATS_TEST_TMPDIR/a.tar" manifest.json
	[[ $output == *'"RepoTags"'*'base:1'* ]]
	FAKEBUILD_ROOT=$BATS_TEST_TMPDIR/other fakebuild load -q <"$BATS_TEST_TMPDIR/a.tar"
	FAKEBUILD_ROOT=$BATS_TEST_TMPDIR/other run -0 fakebuild run --pull never base:1
	equal "base runs" "$output"
}

@test "skopeo_reads_both_formats" {
	command -v skopeo >/dev/null || skip "no skopeo"
	fakebuild save base:1 >"$BATS_TEST_TMPDIR/a.tar"
	run -0 skopeo inspect "docker-archive:$BATS_TEST_TMPDIR/a.tar"
	fakebuild save --format oci-archive -o "$BATS_TEST_TMPDIR/b.tar" base:1
	run -0 skopeo inspect "oci-archive:$BATS_TEST_TMPDIR/b.tar"
}

@test "several_images_in_one_archive" {
	fakebuild tag base:1 other:2
	fakebuild save base:1 other:2 >"$BATS_TEST_TMPDIR/both.tar"
	FAKEBUILD_ROOT=$BATS_TEST_TMPDIR/third run -0 --separate-stderr fakebuild load -i "$BATS_TEST_TMPDIR/both.tar"
	[[ $output == *base:1* && $output == *other:2* ]]
}

@test "a_full_disk_fails" {
	[ -w /dev/full ] || skip "no /dev/full"
	run -125 --separate-stderr fakebuild save -o /dev/full base:1
	[[ $stderr == *"No space left on device"* ]]
}

@test "unknown_image_makes_no_file" {
	run -125 --separate-stderr fakebuild save -o "$BATS_TEST_TMPDIR/no.tar" nothing
	sentence "no such image: nothing"
	[ ! -e "$BATS_TEST_TMPDIR/no.tar" ]
}
