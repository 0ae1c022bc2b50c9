#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load store
setup_file() {
	use_store
	make_base_tar || return 0
}
teardown_file() { remove_store; }

@test "a_tar_becomes_an_image" {
	run -0 --separate-stderr fakebuild import "$BATS_FILE_TMPDIR/base.tar" one:1
	[[ $output =~ ^sha256:[0-9a-f]{64}$ ]]
	run -0 fakebuild images -q --no-trunc one:1
	[[ $output =~ ^sha256:[0-9a-f]{64}$ ]]
}

@test "a_dash_is_standard_input_and_compression_is_found_out" {
	gzip -c "$BATS_FILE_TMPDIR/base.tar" | fakebuild import - zipped
	run -0 fakebuild run zipped cat /etc/file
	equal first "$output"
}

@test "changes_are_applied" {
	fakebuild import -c 'CMD ["echo","changed"]' -c 'ENV A="b c"' -c 'WORKDIR /tmp' -c 'USER me' \
		-c 'LABEL x=y' -m 'my words' "$BATS_FILE_TMPDIR/base.tar" changed
	run -0 fakebuild run changed
	equal changed "$output"
	run -0 fakebuild run changed sh -c 'echo "$A $PWD $(id -u)"'
	equal "b c /tmp 1000" "$output"
	run -0 fakebuild inspect --format json changed
	[[ $output == *'"Labels":{"x":"y"}'* ]]
}

@test "what_is_no_tar_is_refused" {
	echo "this is no archive" >"$BATS_TEST_TMPDIR/text"
	run -125 --separate-stderr fakebuild import "$BATS_TEST_TMPDIR/text" bad
	[[ $stderr == fakebuild:* ]]
	run -125 --separate-stderr fakebuild inspect bad
	sentence "no such image: bad"
}

@test "a_missing_file_is_named" {
	run -125 --separate-stderr fakebuild import /nowhere/x.tar bad
	sentence "cannot open '/nowhere/x.tar': No such file or directory"
}

@test "a_bad_name_is_told_before_any_work" {
	run -125 --separate-stderr fakebuild import "$BATS_FILE_TMPDIR/base.tar" 'Bad Name'
	[[ $stderr == *"Bad Name"* ]]
}
