#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load store
setup_file() {
	use_store
	make_base || return 0
	fakebuild run --name box base:1 sh -c 'echo new >/new'
}
teardown_file() { remove_store; }

@test "a_container_becomes_an_image" {
	run -0 fakebuild commit -c 'CMD ["cat","/new"]' -m words -a me box made:1
	[[ $output =~ ^sha256:[0-9a-f]{64}$ ]]
	run -0 fakebuild run made:1
	equal new "$output"
	run -0 fakebuild inspect --format json made:1
	[[ $output == *'"FROM_IMAGE=yes"'* && $output == *'"Author":"me"'* ]]
}

@test "without_a_name_the_id_is_all" {
	id=$(fakebuild commit box)
	run -0 fakebuild run "${id:7:12}" cat /new
	equal new "$output"
}

@test "run_commit_makes_an_image_only_of_success" {
	fakebuild run --commit good:1 base:1 sh -c 'echo a >/a'
	run -0 fakebuild run good:1 cat /a
	equal a "$output"
	run -3 fakebuild run --commit bad:1 base:1 sh -c 'exit 3'
	run -125 --separate-stderr fakebuild inspect bad:1
	sentence "no such image: bad:1"
}

@test "bound_files_are_in_no_layer" {
	fakebuild run --commit net:1 base:1 sh -c 'cat /etc/resolv.conf >/dev/null; echo a >/etc/a'
	fakebuild save --format oci-archive -o "$BATS_TEST_TMPDIR/net.tar" net:1
	mkdir "$BATS_TEST_TMPDIR/x"
	tar -C "$BATS_TEST_TMPDIR/x" -xf "$BATS_TEST_TMPDIR/net.tar"
	for blob in "$BATS_TEST_TMPDIR"/x/blobs/sha256/*; do
		tar -tf "$blob" 2>/dev/null || true
	done >"$BATS_TEST_TMPDIR/names"
	grep -q '^etc/a$' "$BATS_TEST_TMPDIR/names"
	run ! grep -E '^(\./)?(etc/(resolv.conf|hosts|hostname)|dev|proc|sys)' "$BATS_TEST_TMPDIR/names"
}

@test "a_bad_name_is_told_before_the_run" {
	run -125 --separate-stderr fakebuild run --commit 'Bad:::' base:1 sh -c 'echo ran'
	[[ $output != *ran* && $stderr == fakebuild:*Bad* ]]
}

@test "the_same_epoch_makes_the_same_image" {
	export SOURCE_DATE_EPOCH=1700000000
	run -0 fakebuild inspect --format json "$(fakebuild commit box)"
	[[ $output == *'"Created":"2023-11-14T22:13:20Z"'* ]]
}
