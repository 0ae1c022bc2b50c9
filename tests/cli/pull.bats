#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load store
setup_file() {
	use_store
	start_registry open || return 0
	make_base || return 0
	fakebuild tag base:1 "$REGISTRY/team/base:1"
	fakebuild push -q "$REGISTRY/team/base:1"
}
teardown_file() {
	stop_registry open
	remove_store
}
setup() {
	skip_if_missing
	FAKEBUILD_ROOT=$BATS_TEST_TMPDIR/store
}
teardown() {
	# What is removed in the background may vanish meanwhile.
	chmod -R u+rwX "$BATS_TEST_TMPDIR" 2>/dev/null || true
}
# The file of the registry that holds a blob.
blob_file() { echo "$BATS_FILE_TMPDIR/open/blobs/docker/registry/v2/blobs/sha256/${1:7:2}/${1:7}/data"; }
layer_digest() {
	local root
	root=$(mktemp -d "$BATS_TEST_TMPDIR/XXXXXX")
	fakebuild --root "$root" pull -q "$REGISTRY/team/base:1" >/dev/null
	python3 - "$root" <<-'END'
		import json, sys
		blob = lambda d: json.load(open(sys.argv[1] + "/blobs/" + d.replace(":", "/")))
		index = json.load(open(sys.argv[1] + "/index.json"))
		print(blob(index["manifests"][0]["digest"])["layers"][0]["digest"])
	END
}

@test "a_pulled_image_runs" {
	run -0 --separate-stderr fakebuild pull "$REGISTRY/team/base:1"
	equal "$REGISTRY/team/base:1" "$output"
	[[ $stderr != *$'\033'* ]]
	run -0 fakebuild run --pull never "$REGISTRY/team/base:1"
	equal "base runs" "$output"
}

@test "run_pulls_what_is_missing" {
	run -0 --separate-stderr fakebuild run "$REGISTRY/team/base:1"
	equal "base runs" "$output"
}

@test "pull_never_does_not" {
	run -125 --separate-stderr fakebuild run --pull never "$REGISTRY/team/base:1"
	sentence "no such image: $REGISTRY/team/base:1"
}

@test "a_digest_can_be_pulled" {
	fakebuild pull -q "$REGISTRY/team/base:1"
	digest=$(fakebuild images --format json | sed 's/.*"Digest":"\([^"]*\)".*/\1/')
	run -0 fakebuild pull -q "$REGISTRY/team/base@$digest"
	run -0 fakebuild run "$REGISTRY/team/base@$digest"
	equal "base runs" "$output"
}

@test "an_unknown_image_is_one_sentence" {
	run -125 --separate-stderr fakebuild pull "$REGISTRY/team/nothing:1"
	[[ ${stderr_lines[-1]} == fakebuild:*"team/nothing"* ]]
	equal 1 "$(grep -c '^fakebuild:' <<<"$stderr")"
}

@test "a_registry_that_is_down_is_one_sentence" {
	run -125 --separate-stderr timeout 120 fakebuild pull -q localhost:1/x
	[[ ${stderr_lines[-1]} == fakebuild:*"localhost:1"* ]]
}

@test "a_wrong_blob_is_never_unpacked" {
	digest=$(layer_digest)
	file=$(blob_file "$digest")
	cp "$file" "$BATS_TEST_TMPDIR/good"
	printf 'X' | dd of="$file" bs=1 seek=100 conv=notrunc 2>/dev/null
	run -125 --separate-stderr fakebuild pull -q "$REGISTRY/team/base:1"
	cp "$BATS_TEST_TMPDIR/good" "$file"
	[[ ${stderr_lines[-1]} == fakebuild:*digest* ]]
	run -0 fakebuild images -q
	equal "" "$output"
	equal "" "$(ls "$FAKEBUILD_ROOT/layers")"
	# And the good one is pulled after that.
	run -0 fakebuild run "$REGISTRY/team/base:1"
}

@test "a_truncated_blob_fails" {
	digest=$(layer_digest)
	file=$(blob_file "$digest")
	cp "$file" "$BATS_TEST_TMPDIR/good"
	truncate -s 5000 "$file"
	run -125 --separate-stderr timeout 300 fakebuild pull -q "$REGISTRY/team/base:1"
	cp "$BATS_TEST_TMPDIR/good" "$file"
	[[ ${stderr_lines[-1]} == fakebuild:* ]]
	run -0 fakebuild images -q
	equal "" "$output"
}

@test "two_pulls_at_once_are_right" {
	fakebuild pull -q "$REGISTRY/team/base:1" >/dev/null 3>&- &
	first=$!
	fakebuild pull -q "$REGISTRY/team/base:1"
	wait "$first"
	run -0 fakebuild run --pull never "$REGISTRY/team/base:1"
	equal "base runs" "$output"
}

@test "a_killed_pull_leaves_a_store_that_works" {
	for delay in 0.005 0.02 0.05 0.1; do
		fakebuild pull -q "$REGISTRY/team/base:1" >/dev/null 2>&1 3>&- &
		pid=$!
		sleep "$delay"
		kill -9 "$pid" 2>/dev/null || true
		wait "$pid" || true
		fakebuild images -q >/dev/null
	done
	run -0 --separate-stderr fakebuild run "$REGISTRY/team/base:1"
	equal "base runs" "$output"
}

@test "transports_can_be_pulled" {
	command -v skopeo >/dev/null || skip "no skopeo"
	skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/team/base:1" "oci:$BATS_TEST_TMPDIR/layout:base"
	run -0 fakebuild run "oci:$BATS_TEST_TMPDIR/layout:base"
	[[ $output == *"base runs" ]]
	skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/team/base:1" "docker-archive:$BATS_TEST_TMPDIR/a.tar:base:9"
	run -0 fakebuild run "docker-archive:$BATS_TEST_TMPDIR/a.tar"
	[[ $output == *"base runs" ]]
	skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/team/base:1" "dir:$BATS_TEST_TMPDIR/dir"
	run -0 fakebuild run "dir:$BATS_TEST_TMPDIR/dir"
	[[ $output == *"base runs" ]]
}

@test "the_store_is_a_layout_that_skopeo_reads" {
	command -v skopeo >/dev/null || skip "no skopeo"
	fakebuild pull -q "$REGISTRY/team/base:1"
	run -0 skopeo inspect "oci:$FAKEBUILD_ROOT:$REGISTRY/team/base:1"
}
