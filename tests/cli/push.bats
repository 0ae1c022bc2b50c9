#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load store
setup_file() {
	use_store
	start_registry open || return 0
	make_base || return 0
	fakebuild run --commit "$REGISTRY/work/app:1" base:1 sh -c \
		'echo new >/new; chown 7:8 /new; rm /etc/file; mkdir -m 750 /d; touch /d/f; chmod 4755 /d/f; mknod /d/null c 1 3'
}
teardown_file() {
	stop_registry open
	remove_store
}

@test "a_committed_image_comes_back_the_same" {
	run -0 --separate-stderr fakebuild push "$REGISTRY/work/app:1"
	equal "$REGISTRY/work/app:1" "$output"
	FAKEBUILD_ROOT=$BATS_TEST_TMPDIR/other
	export FAKEBUILD_ROOT
	run -0 --separate-stderr fakebuild run "$REGISTRY/work/app:1" sh -c \
		'stat -c "%n %u:%g %a %F" /new /d /d/f /d/null; ls /etc/file 2>/dev/null || echo gone'
	equal "/new 7:8 644 regular file" "${lines[0]}"
	equal "/d 0:0 750 directory" "${lines[1]}"
	[[ ${lines[2]} == "/d/f 0:0 4755 regular"* ]]
	equal "/d/null 0:0 644 character special file" "${lines[3]}"
	equal gone "${lines[4]}"
	chmod -R u+rwX "$FAKEBUILD_ROOT" 2>/dev/null || true
}

@test "skopeo_and_umoci_accept_it" {
	command -v skopeo >/dev/null && command -v umoci >/dev/null || skip "no skopeo or umoci"
	fakebuild push -q "$REGISTRY/work/app:1"
	run -0 skopeo inspect --tls-verify=false "docker://$REGISTRY/work/app:1"
	skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/work/app:1" "oci:$BATS_TEST_TMPDIR/layout:app"
	run -0 umoci unpack --rootless --image "$BATS_TEST_TMPDIR/layout:app" "$BATS_TEST_TMPDIR/bundle"
	equal new "$(cat "$BATS_TEST_TMPDIR/bundle/rootfs/new")"
	[ ! -e "$BATS_TEST_TMPDIR/bundle/rootfs/etc/file" ]
	chmod -R u+rwX "$BATS_TEST_TMPDIR" 2>/dev/null || true
}

@test "another_destination" {
	fakebuild push -q base:1 "$REGISTRY/elsewhere/base:5"
	FAKEBUILD_ROOT=$BATS_TEST_TMPDIR/other run -0 --separate-stderr fakebuild run "$REGISTRY/elsewhere/base:5"
	equal "base runs" "$output"
	fakebuild push -q base:1 "oci:$BATS_TEST_TMPDIR/layout:x"
	[ -e "$BATS_TEST_TMPDIR/layout/index.json" ]
}

@test "an_image_that_is_not_there" {
	run -125 --separate-stderr fakebuild push "$REGISTRY/no/thing"
	sentence "no such image: $REGISTRY/no/thing"
}

@test "a_registry_that_is_down_is_one_sentence" {
	run -125 --separate-stderr timeout 120 fakebuild push -q base:1 localhost:1/x:1
	[[ ${stderr_lines[-1]} == fakebuild:*"localhost:1"* ]]
}

@test "an_archive_keeps_its_name" {
	for kind in docker-archive oci-archive; do
		fakebuild push -q base:1 "$kind:$BATS_TEST_TMPDIR/$kind.tar:kept/name:7"
		FAKEBUILD_ROOT=$BATS_TEST_TMPDIR/$kind run -0 fakebuild load -q -i "$BATS_TEST_TMPDIR/$kind.tar"
		[[ $output == *kept/name:7 ]]
		chmod -R u+rwX "$BATS_TEST_TMPDIR/$kind"
	done
}

@test "all_platforms_of_a_name_are_pushed" {
	command -v skopeo >/dev/null && command -v python3 >/dev/null || skip "no skopeo or python3"
	"$BATS_TEST_DIRNAME/index_of.py" "$FAKEBUILD_ROOT" docker.io/library/base:1 "$REGISTRY/work/both:1"
	run -0 fakebuild run "$REGISTRY/work/both:1"
	equal "base runs" "$output"
	fakebuild push -q "$REGISTRY/work/both:1"
	run -0 skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/work/both:1"
	[[ $output == *'"s390x"'*'"manifests"'* || $output == *'"manifests"'*'"s390x"'* ]]
	run -0 skopeo copy -q --all --src-tls-verify=false "docker://$REGISTRY/work/both:1" "oci:$BATS_TEST_TMPDIR/layout:both"
	run -0 --separate-stderr env FAKEBUILD_ROOT="$BATS_TEST_TMPDIR/other" fakebuild pull -q --platform linux/s390x \
		"$REGISTRY/work/both:1"
	run -0 --separate-stderr env FAKEBUILD_ROOT="$BATS_TEST_TMPDIR/other" fakebuild inspect "$REGISTRY/work/both:1"
	[[ $output == *'"Architecture": "s390x"'* ]]
	fakebuild rmi "$REGISTRY/work/both:1"
	run -0 fakebuild run base:1
}
