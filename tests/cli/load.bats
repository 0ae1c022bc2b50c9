#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load store
setup_file() {
	use_store
	make_base || return 0
	fakebuild save base:1 >"$BATS_FILE_TMPDIR/saved.tar"
}
teardown_file() { remove_store; }

@test "names_are_printed" {
	FAKEBUILD_ROOT=$BATS_TEST_TMPDIR/s run -0 --separate-stderr fakebuild load -i "$BATS_FILE_TMPDIR/saved.tar"
	[[ $output == "Loaded image: "*"base:1" ]]
}

@test "a_compressed_archive_loads" {
	gzip -c "$BATS_FILE_TMPDIR/saved.tar" >"$BATS_TEST_TMPDIR/saved.tgz"
	FAKEBUILD_ROOT=$BATS_TEST_TMPDIR/s fakebuild load -q -i "$BATS_TEST_TMPDIR/saved.tgz"
	FAKEBUILD_ROOT=$BATS_TEST_TMPDIR/s run -0 fakebuild run --pull never base:1
	equal "base runs" "$output"
}

@test "a_broken_archive_leaves_no_image" {
	head -c 100000 "$BATS_FILE_TMPDIR/saved.tar" >"$BATS_TEST_TMPDIR/cut.tar"
	FAKEBUILD_ROOT=$BATS_TEST_TMPDIR/s run -125 --separate-stderr fakebuild load -q -i "$BATS_TEST_TMPDIR/cut.tar"
	[[ $stderr == fakebuild:* ]]
	FAKEBUILD_ROOT=$BATS_TEST_TMPDIR/s run -0 fakebuild images -q
	equal "" "$output"
}

@test "an_archive_of_nothing_is_refused" {
	tar -cf "$BATS_TEST_TMPDIR/empty.tar" -T /dev/null
	FAKEBUILD_ROOT=$BATS_TEST_TMPDIR/s run -125 --separate-stderr fakebuild load -i "$BATS_TEST_TMPDIR/empty.tar"
	[[ $stderr == fakebuild:* ]]
}
