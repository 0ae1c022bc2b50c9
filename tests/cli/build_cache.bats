#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Finished steps, taken from one store to another.
load store
setup_file() {
	use_store
	make_base || return 0
	start_registry registry || return 0
}
teardown_file() {
	stop_registry registry
	remove_store
}
setup() {
	skip_if_missing
	context=$BATS_TEST_TMPDIR/context
	mkdir -p "$context"
	echo text >"$context/file"
	cat >"$context/Dockerfile" <<-'E'
		FROM base:1 AS maker
		RUN echo made >/made
		COPY file /file
		FROM base:1
		COPY --from=maker /made /file /
		RUN cat /made /file >/both
	E
	other=$BATS_TEST_TMPDIR/store
	FAKEBUILD_ROOT=$other fakebuild import -c "ENV FROM_IMAGE=yes" "$BATS_FILE_TMPDIR/base.tar" base:1
}
cached() { grep -c CACHED <<<"$1" || true; }

@test "a_folder_holds_all_steps_of_mode_max" {
	fakebuild build --cache-to "type=local,dest=$BATS_TEST_TMPDIR/cache,mode=max" -t c:1 "$context"
	export FAKEBUILD_ROOT=$other
	run -0 fakebuild build --cache-from "type=local,src=$BATS_TEST_TMPDIR/cache" -t c:1 "$context"
	equal 4 "$(cached "$output")"
	run -0 fakebuild run c:1 cat /both
	equal $'made\ntext' "$output"
}

@test "a_registry_holds_steps" {
	fakebuild build --cache-to "type=registry,ref=$REGISTRY/cache:1,mode=max" -t c:2 "$context"
	export FAKEBUILD_ROOT=$other
	run -0 fakebuild build --cache-from "type=registry,ref=$REGISTRY/cache:1" -t c:2 "$context"
	equal 4 "$(cached "$output")"
	run -0 fakebuild run c:2 cat /both
	equal $'made\ntext' "$output"
}

@test "an_image_holds_its_own_steps" {
	fakebuild build --cache-to type=inline -t "$REGISTRY/inline:1" --push "$context"
	export FAKEBUILD_ROOT=$other
	run -0 fakebuild build --cache-from "$REGISTRY/inline:1" -t c:3 "$context"
	[ "$(cached "$output")" -ge 2 ]
	run -0 fakebuild run c:3 cat /both
	equal $'made\ntext' "$output"
}

@test "a_cache_that_is_not_there_is_no_failure" {
	run -0 fakebuild build --cache-from "type=registry,ref=$REGISTRY/none:1" \
		--cache-from "type=local,src=$BATS_TEST_TMPDIR/none" -t c:4 "$context"
	run -125 --separate-stderr fakebuild build --cache-from type=elsewhere,x=y "$context"
	[[ $stderr == *"--cache-from type=elsewhere"* ]]
}

@test "kaniko_keeps_steps_in_a_repository" {
	fakebuild build --context "$context" --destination k:1 --no-push --cache-repo "$REGISTRY/kaniko/cache"
	export FAKEBUILD_ROOT=$other
	run -0 fakebuild build --context "$context" --destination k:1 --no-push --cache-repo "$REGISTRY/kaniko/cache"
	equal 4 "$(cached "$output")"
}
