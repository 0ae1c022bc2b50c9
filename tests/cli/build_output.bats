#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Where a build goes, and that others take it; which words --output has, tests/unit/outputs_test.c knows.
load store
setup_file() {
	use_store
	start_registry open || return 0
	make_base || return 0
	export CONTEXT=$BATS_FILE_TMPDIR/context
	mkdir "$CONTEXT"
	cat >"$CONTEXT/Dockerfile" <<-'E'
		FROM base:1
		RUN echo made >/made && chown 1000:1001 /made && rm /etc/file
		CMD ["cat", "/made"]
	E
}
teardown_file() {
	stop_registry open
	remove_store
}
build() { fakebuild build -q "$@" "$CONTEXT" >"$BATS_TEST_TMPDIR/built"; }
needs() {
	local tool
	for tool; do command -v "$tool" >/dev/null || skip "no $tool"; done
}

@test "umoci_unpacks_an_oci_layout" {
	needs umoci
	build -t app:1 -o "type=oci,tar=false,dest=$BATS_TEST_TMPDIR/layout"
	run -0 umoci unpack --rootless --image "$BATS_TEST_TMPDIR/layout:1" "$BATS_TEST_TMPDIR/bundle"
	equal made "$(cat "$BATS_TEST_TMPDIR/bundle/rootfs/made")"
	[ ! -e "$BATS_TEST_TMPDIR/bundle/rootfs/etc/file" ]
	chmod -R u+rwX "$BATS_TEST_TMPDIR" 2>/dev/null || true
}

@test "skopeo_reads_both_archives_and_zstd" {
	needs skopeo
	build -t app:1 -o "type=oci,dest=$BATS_TEST_TMPDIR/oci.tar,compression=zstd,force-compression=true" \
		-o "type=docker,dest=$BATS_TEST_TMPDIR/docker.tar"
	run -0 skopeo inspect --raw "oci-archive:$BATS_TEST_TMPDIR/oci.tar"
	equal 2 "$(grep -o "tar+zstd" <<<"$output" | wc -l)"
	run -0 skopeo copy -q "docker-archive:$BATS_TEST_TMPDIR/docker.tar" "dir:$BATS_TEST_TMPDIR/dir"
	run -0 skopeo copy -q "oci-archive:$BATS_TEST_TMPDIR/oci.tar" "dir:$BATS_TEST_TMPDIR/dir2"
}

@test "a_push_says_the_digest_that_the_registry_has" {
	needs skopeo
	build -t "$REGISTRY/built/app:1" --push --metadata-file "$BATS_TEST_TMPDIR/meta" --iidfile "$BATS_TEST_TMPDIR/id"
	digest=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/built/app:1")
	run -0 cat "$BATS_TEST_TMPDIR/meta"
	[[ $output == *'"containerimage.digest"'*"$digest"* ]]
	[[ $(cat "$BATS_TEST_TMPDIR/id") =~ ^sha256:[0-9a-f]{64}$ ]]
	export FAKEBUILD_ROOT=$BATS_TEST_TMPDIR/other
	run -0 --separate-stderr fakebuild run "$REGISTRY/built/app:1"
	equal made "$output"
	chmod -R u+rwX "$FAKEBUILD_ROOT" 2>/dev/null || true
}

@test "a_root_goes_to_a_pipe_with_its_owners" {
	fakebuild build -q -o - "$CONTEXT" >"$BATS_TEST_TMPDIR/root.tar"
	run -0 tar --numeric-owner -tvf "$BATS_TEST_TMPDIR/root.tar" made
	[[ $output == *1000/1001*made ]]
}

@test "a_root_goes_to_a_folder_of_the_user" {
	build -o "$BATS_TEST_TMPDIR/out"
	equal made "$(cat "$BATS_TEST_TMPDIR/out/made")"
	[ -O "$BATS_TEST_TMPDIR/out/made" ]
	[ -L "$BATS_TEST_TMPDIR/out/bin/sh" ]
}

@test "two_builds_of_one_epoch_are_the_same_bytes" {
	export SOURCE_DATE_EPOCH=1700000000
	for n in 1 2; do
		FAKEBUILD_ROOT=$BATS_TEST_TMPDIR/store$n
		export FAKEBUILD_ROOT
		fakebuild import "$BATS_FILE_TMPDIR/base.tar" base:1 >/dev/null
		cp -R "$CONTEXT" "$BATS_TEST_TMPDIR/path$n"
		touch "$BATS_TEST_TMPDIR/path$n/Dockerfile"
		fakebuild build -q -t same:1 -o "type=oci,dest=$BATS_TEST_TMPDIR/$n.tar,rewrite-timestamp=true" \
			"$BATS_TEST_TMPDIR/path$n" >/dev/null
		sleep 1.1
		chmod -R u+rwX "$FAKEBUILD_ROOT" 2>/dev/null || true
	done
	cmp "$BATS_TEST_TMPDIR/1.tar" "$BATS_TEST_TMPDIR/2.tar"
}

@test "attestations_are_beside_the_image" {
	needs skopeo python3
	build -t "$REGISTRY/built/attested:1" --push --provenance=mode=min --sbom=true
	run -0 skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/built/attested:1"
	[[ $output == *'"vnd.docker.reference.type":"attestation-manifest"'* ]]
	# The entry that it is of is there.
	run -0 python3 -c 'import json,sys
m = json.load(sys.stdin)["manifests"]
print(m[1]["annotations"]["vnd.docker.reference.digest"] == m[0]["digest"])' <<<"$output"
	equal True "$output"
	run -0 fakebuild run "$REGISTRY/built/attested:1"
	equal made "$output"
	# What is pushed again is the same.
	fakebuild push -q "$REGISTRY/built/attested:1" "$REGISTRY/built/attested:2"
	equal "$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/built/attested:1")" \
		"$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/built/attested:2")"
}

@test "without_docker_load_is_one_sentence" {
	export DOCKER_HOST=unix://$BATS_TEST_TMPDIR/none.sock
	run -125 --separate-stderr fakebuild build -q --load "$CONTEXT"
	[[ $stderr == *"there is no docker daemon to load into: '$BATS_TEST_TMPDIR/none.sock': No such file or directory"* ]]
}

@test "finished_steps_come_from_a_registry" {
	build -t app:1 --cache-to "type=registry,ref=$REGISTRY/built/cache:1,mode=max"
	export FAKEBUILD_ROOT=$BATS_TEST_TMPDIR/other
	fakebuild import -c 'CMD ["sh","-c","echo base runs"]' -c 'ENV FROM_IMAGE=yes' "$BATS_FILE_TMPDIR/base.tar" base:1
	run -0 fakebuild build -t app:1 --cache-from "$REGISTRY/built/cache:1" "$CONTEXT"
	grep -q CACHED <<<"$output"
	run -0 fakebuild run app:1
	equal made "$output"
	chmod -R u+rwX "$FAKEBUILD_ROOT" 2>/dev/null || true
}
