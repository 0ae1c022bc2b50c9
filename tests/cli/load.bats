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

# As docker save wrote it for years: a folder for each layer, equal layers as symlinks, all plain.
@test "an_old_docker_archive_loads" {
	mkdir -p "$BATS_TEST_TMPDIR"/old/{one,two}
	cp "$BATS_FILE_TMPDIR/base.tar" "$BATS_TEST_TMPDIR/old/one/layer.tar"
	ln -s ../one/layer.tar "$BATS_TEST_TMPDIR/old/two/layer.tar"
	id=sha256:$(sha256sum <"$BATS_FILE_TMPDIR/base.tar" | cut -d' ' -f1)
	cd "$BATS_TEST_TMPDIR/old"
	printf '{"architecture":"%s","os":"linux","config":{"Cmd":["echo","old"]},"rootfs":{"type":"layers","diff_ids":["%s","%s"]}}' \
		"$(fakebuild inspect base:1 | sed -n 's/.*"Architecture": "\(.*\)".*/\1/p')" "$id" "$id" >config.json
	printf '[{"Config":"config.json","RepoTags":["old:1"],"Layers":["one/layer.tar","two/layer.tar"]}]' >manifest.json
	tar -cf - . | FAKEBUILD_ROOT=$BATS_TEST_TMPDIR/s fakebuild load -q
	FAKEBUILD_ROOT=$BATS_TEST_TMPDIR/s run -0 --separate-stderr fakebuild run --pull never old:1
	equal old "$output"
	chmod -R u+rwX "$BATS_TEST_TMPDIR/s" 2>/dev/null || true
}
