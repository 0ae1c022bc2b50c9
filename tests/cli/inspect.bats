#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load store
setup_file() {
	use_store
	make_base -c 'ENTRYPOINT []' -c 'EXPOSE 80/tcp' -c 'WORKDIR /tmp' || return 0
}
teardown_file() { remove_store; }
field() { python3 -c 'import json,sys; print(eval("json.load(sys.stdin)"+sys.argv[1]))' "$1"; }

@test "an_image_has_dockers_fields" {
	run -0 fakebuild inspect base:1
	equal "$(cat "$BATS_FILE_TMPDIR/base.id")" "$(field '[0]["Id"]' <<<"$output")"
	equal "['base:1']" "$(field '[0]["RepoTags"]' <<<"$output")"
	equal "/tmp" "$(field '[0]["Config"]["WorkingDir"]' <<<"$output")"
	equal "{'80/tcp': {}}" "$(field '[0]["Config"]["ExposedPorts"]' <<<"$output")"
	equal "['FROM_IMAGE=yes']" "$(field '[0]["Config"]["Env"]' <<<"$output")"
	equal "linux" "$(field '[0]["Os"]' <<<"$output")"
	equal 1 "$(field '[0]["RootFS"]["Layers"].__len__()' <<<"$output")"
}

@test "a_container_is_found_by_name" {
	fakebuild run --name box base:1 sh -c 'exit 3' || true
	run -0 fakebuild inspect --format json box
	equal 3 "$(field '[0]["State"]["ExitCode"]' <<<"$output")"
	equal exited "$(field '[0]["State"]["Status"]' <<<"$output")"
}

@test "an_unknown_name_still_prints_json" {
	run -125 --separate-stderr fakebuild inspect base:1 nothing
	equal 1 "$(field '.__len__()' <<<"$output")"
	sentence "no such image: nothing"
}

@test "an_ambiguous_or_odd_name_is_no_image" {
	run -125 --separate-stderr fakebuild inspect 'sha256:zz'
	[[ $stderr == fakebuild:* ]]
}
