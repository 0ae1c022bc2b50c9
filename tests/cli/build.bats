#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The command as a whole; what it makes of Dockerfiles is compared with BuildKit's results in tests/build.
load store
setup_file() {
	use_store
	make_base || return 0
}
teardown_file() { remove_store; }
setup() {
	skip_if_missing
	context=$BATS_TEST_TMPDIR/context
	mkdir -p "$context"
}
dockerfile() { cat >"$context/Dockerfile"; }
layers() { # IMAGE: the number of its layers
	fakebuild inspect --format json "$1" | tr ',' '\n' | grep -c 'sha256:[0-9a-f]\{64\}"' || true
}

@test "a_dockerfile_becomes_an_image_that_runs" {
	echo text >"$context/file"
	dockerfile <<-'E'
		FROM base:1 AS maker
		ARG WHO=you
		WORKDIR /made
		COPY file .
		RUN echo "hello $WHO" >greeting && chown me greeting
		FROM base:1
		COPY --from=maker /made /made
		ENV X=y
		CMD ["cat", "/made/greeting", "/made/file"]
	E
	run -0 fakebuild build -t made:1 --build-arg WHO=me "$context"
	run -0 fakebuild run made:1
	equal $'hello me\ntext' "$output"
	run -0 fakebuild run made:1 stat -c '%u %g' /made/greeting /made/file
	equal $'1000 0\n0 0' "$output"
}

@test "finished_steps_are_used_again" {
	dockerfile <<-'E'
		FROM base:1
		RUN echo one >/one
		RUN echo two >/two
	E
	run -0 fakebuild build -t again:1 "$context"
	refute_in CACHED "$output"
	first=$(fakebuild inspect again:1 | grep '"Id"')
	run -0 fakebuild build -t again:2 "$context"
	equal 2 "$(grep -c CACHED <<<"$output")"
	equal "$first" "$(fakebuild inspect again:2 | grep '"Id"')"
	# What changes in the middle is made anew, and all behind it.
	sed -i 's/two/other/' "$context/Dockerfile"
	run -0 fakebuild build -t again:3 "$context"
	equal 1 "$(grep -c CACHED <<<"$output")"
	run -0 fakebuild build --no-cache -t again:4 "$context"
	refute_in CACHED "$output"
}

@test "a_cached_step_is_not_run_again" {
	dockerfile <<-'E'
		FROM base:1
		RUN --mount=type=cache,target=/c echo run >>/c/count; cp /c/count /count
	E
	fakebuild build -t count:1 "$context"
	fakebuild build -t count:2 "$context"
	run -0 fakebuild run count:2 cat /count
	equal run "$output"
	fakebuild build --no-cache -t count:3 "$context"
	run -0 fakebuild run count:3 cat /count
	equal $'run\nrun' "$output"
}

@test "a_mistake_is_told_with_its_line" {
	dockerfile <<-'E'
		FROM base:1
		RNU echo
	E
	run -125 --separate-stderr fakebuild build "$context"
	[[ $stderr == *"Dockerfile:2: RNU: unknown instruction (did you mean RUN?)"* ]]
	[[ $stderr == *"2 | >>> RNU echo"* ]]
	[ "$(fakebuild images -q | sort -u | wc -l)" -ge 1 ]
}

@test "a_failed_step_shows_its_end_and_its_line" {
	dockerfile <<-'E'
		FROM base:1
		RUN echo before it; false
	E
	run -125 --separate-stderr fakebuild build --progress=plain -t failed:1 "$context"
	[[ $stderr == *"before it"* && $stderr == *"2 | >>> RUN"* && $stderr == *"exit code: 1"* ]]
	run -125 fakebuild inspect failed:1
}

@test "secrets_are_in_no_layer" {
	echo very-secret-word >"$BATS_TEST_TMPDIR/secret"
	dockerfile <<-'E'
		FROM base:1
		RUN --mount=type=secret,id=s wc -c </run/secrets/s >/length
		RUN --mount=type=secret,id=s,env=S test "$S" && ls / >/names
	E
	run -0 fakebuild build --secret id=s,src="$BATS_TEST_TMPDIR/secret" -o type=tar,dest="$BATS_TEST_TMPDIR/root.tar" "$context"
	refute_in very-secret-word "$output"
	run -1 grep -c very-secret-word "$BATS_TEST_TMPDIR/root.tar"
	run -1 grep -rl very-secret-word "$FAKEBUILD_ROOT/snapshots" "$FAKEBUILD_ROOT/cache"
	run -0 tar -tf "$BATS_TEST_TMPDIR/root.tar"
	refute_in secrets "$output"
}

@test "a_secret_is_gone_when_the_build_is_killed" {
	echo very-secret-word >"$BATS_TEST_TMPDIR/secret"
	dockerfile <<-'E'
		FROM base:1
		RUN --mount=type=secret,id=s echo has-begun; sleep 30
	E
	for signal in TERM KILL; do
		fakebuild build --progress=plain --secret id=s,src="$BATS_TEST_TMPDIR/secret" "$context" \
			>"$BATS_TEST_TMPDIR/log" 2>&1 3>&- &
		pid=$!
		for _ in $(seq 100); do
			! grep -q '[0-9] has-begun' "$BATS_TEST_TMPDIR/log" || break
			sleep 0.1
		done
		run -0 grep -rl very-secret-word "$FAKEBUILD_ROOT/tmp"
		kill -$signal $pid
		wait $pid || true
		for _ in $(seq 50); do
			grep -rlqs very-secret-word "$FAKEBUILD_ROOT/tmp" || break
			sleep 0.1
		done
		run grep -rls very-secret-word "$FAKEBUILD_ROOT/tmp"
		[ -z "$output" ]
	done
}

@test "stages_that_share_a_cache_keep_each_others_owners" {
	dockerfile <<-'E'
		FROM base:1 AS a
		RUN --mount=type=cache,target=/c,id=owners touch /c/a; chown 7:7 /c/a; sleep 1
		FROM base:1 AS b
		RUN --mount=type=cache,target=/c,id=owners touch /c/b; chown 8:8 /c/b; sleep 2
		FROM base:1
		COPY --from=a /bin /a
		COPY --from=b /bin /b
		RUN --mount=type=cache,target=/c,id=owners test "$(stat -c %u /c/a) $(stat -c %u /c/b)" = "7 8"
	E
	run -0 fakebuild build --jobs 2 "$context"
}

@test "only_what_the_target_needs_is_built" {
	dockerfile <<-'E'
		FROM base:1 AS first
		RUN echo first >/first
		FROM base:1 AS broken
		RUN false
		FROM first
		RUN cat /first >/last
	E
	run -0 fakebuild build -t target:1 "$context"
	run -0 fakebuild build --target first -t target:2 "$context"
	run -125 fakebuild build --target broken "$context"
	run -125 --separate-stderr fakebuild build --target none "$context"
	[[ $stderr == *'target stage "none" could not be found'* ]]
}

@test "the_dockerfile_may_come_from_standard_input" {
	echo x >"$context/file"
	printf 'FROM base:1\nCOPY file /file\n' | fakebuild build -t input:1 -f - "$context"
	run -0 fakebuild run input:1 cat /file
	equal x "$output"
	printf 'FROM base:1\nRUN echo y >/file\n' | fakebuild build -t input:2 -
	run -0 fakebuild run input:2 cat /file
	equal y "$output"
	tar -C "$context" -c . --transform 's,^\./file,named,' | { printf 'FROM base:1\nCOPY named /\n' >"$context/D"; cat >"$BATS_TEST_TMPDIR/c.tar"; }
	printf 'FROM base:1\nCOPY named /\n' >"$context/Dockerfile"
	tar -C "$context" -rf "$BATS_TEST_TMPDIR/c.tar" Dockerfile
	fakebuild build -t input:3 - <"$BATS_TEST_TMPDIR/c.tar"
	run -0 fakebuild run input:3 cat /named
	equal x "$output"
}

@test "a_build_that_was_killed_is_built_by_the_next_one" {
	for time in 0.1 0.3 0.6 1.1; do
		dockerfile <<-E
			FROM base:1 AS a
			RUN echo $time >/a; sleep 0.3
			FROM base:1
			RUN sleep 0.2; echo $time >/b
			COPY --from=a /a /a
			RUN sleep 0.2; cat /a /b >/c
		E
		fakebuild build -t killed:1 "$context" >/dev/null 2>&1 3>&- &
		sleep "$time"
		kill -9 $! 2>/dev/null || true
		wait $! 2>/dev/null || true
		run -0 timeout 60 fakebuild build -t killed:1 "$context"
		run -0 fakebuild run killed:1 cat /c
		equal "$time"$'\n'"$time" "$output"
	done
	run -0 fakebuild gc
}

@test "two_builds_at_once_do_a_step_once" {
	dockerfile <<-'E'
		FROM base:1
		RUN --mount=type=cache,target=/c,id=once sleep 0.5; echo run >>/c/count; cp /c/count /count
	E
	fakebuild build -t once:1 "$context" >/dev/null 2>&1 3>&- &
	fakebuild build -t once:2 "$context" >/dev/null 2>&1
	wait $!
	run -0 fakebuild run once:1 cat /count
	equal run "$output"
	run -0 fakebuild run once:2 cat /count
	equal run "$output"
}

@test "two_builds_with_an_epoch_are_the_same_bytes" {
	echo text >"$context/file"
	dockerfile <<-'E'
		FROM base:1
		RUN date >/dev/null; mkdir /d && echo x >/d/f
		COPY file /
	E
	for n in 1 2; do
		SOURCE_DATE_EPOCH=1000000000 FAKEBUILD_ROOT=$BATS_TEST_TMPDIR/store$n fakebuild import "$BATS_FILE_TMPDIR/base.tar" base:1
		SOURCE_DATE_EPOCH=1000000000 FAKEBUILD_ROOT=$BATS_TEST_TMPDIR/store$n fakebuild build \
			-o type=oci,rewrite-timestamp=true,dest="$BATS_TEST_TMPDIR/$n.tar" "$context"
		touch "$context/file"
	done
	cmp "$BATS_TEST_TMPDIR/1.tar" "$BATS_TEST_TMPDIR/2.tar"
}

@test "files_tell_what_was_built" {
	printf 'FROM base:1\nLABEL a=b\n' >"$context/Dockerfile"
	run -0 --separate-stderr fakebuild build -q --label c=d -t told:1 --iidfile "$BATS_TEST_TMPDIR/id" \
		--metadata-file "$BATS_TEST_TMPDIR/meta" "$context"
	[[ $output =~ ^sha256:[0-9a-f]{64}$ ]]
	equal "$output" "$(cat "$BATS_TEST_TMPDIR/id")"
	grep -q "\"containerimage.config.digest\": \"$output\"" "$BATS_TEST_TMPDIR/meta"
	run -0 fakebuild inspect told:1
	[[ $output == *'"a": "b"'* && $output == *'"c": "d"'* ]]
}

@test "a_folder_takes_the_files_of_the_result" {
	printf 'FROM scratch\nCOPY file /in/\n' >"$context/Dockerfile"
	echo x >"$context/file"
	run -0 fakebuild build -o "$BATS_TEST_TMPDIR/out" "$context"
	equal x "$(cat "$BATS_TEST_TMPDIR/out/in/file")"
}

@test "kaniko_and_buildctl_name_the_same_things" {
	printf 'FROM base:1\nARG A\nRUN echo $A >/a\n' >"$context/Dockerfile"
	run -0 fakebuild build --context "dir://$context" --destination kaniko:1 --no-push --build-arg A=k \
		--tar-path "$BATS_TEST_TMPDIR/k.tar" --digest-file "$BATS_TEST_TMPDIR/digest"
	[[ $(cat "$BATS_TEST_TMPDIR/digest") =~ ^sha256: ]]
	fakebuild load -i "$BATS_TEST_TMPDIR/k.tar"
	run -0 fakebuild run kaniko:1 cat /a
	equal k "$output"
	run -0 fakebuild build --frontend dockerfile.v0 --local context="$context" --local dockerfile="$context" \
		--opt build-arg:A=b --output type=image,name=buildctl:1
	run -0 fakebuild run buildctl:1 cat /a
	equal b "$output"
}

@test "checks_are_printed_without_building" {
	printf 'from base:1\nRUN false\nCMD echo x\n' >"$context/Dockerfile"
	run -1 fakebuild build --check "$context"
	[[ $output == *"JSONArgsRecommended"* ]]
	printf 'FROM base:1\nCMD ["x"]\n' >"$context/Dockerfile"
	run -0 fakebuild build --check "$context"
	[[ $output == *"no warnings found"* ]]
	# What the base image has set is no mistake.
	fakebuild import -c 'ENV KNOWN=yes' "$BATS_FILE_TMPDIR/base.tar" known:1
	printf 'FROM known:1\nLABEL a=$KNOWN\n' >"$context/Dockerfile"
	run -0 fakebuild build --check "$context"
	printf 'FROM known:1\nLABEL a=$KNOWM\n' >"$context/Dockerfile"
	run -1 fakebuild build --check "$context"
	[[ $output == *"UndefinedVar"* ]]
}

@test "wrong_words_are_refused_before_any_work" {
	run -2 --separate-stderr fakebuild build
	sentence "build: a context is needed: a folder, a URL, or '-'"
	run -125 --separate-stderr fakebuild build -t UPPER "$context"
	run -125 --separate-stderr fakebuild build -o type=nothing "$context"
	run -125 --separate-stderr fakebuild build --secret id=s,src=/no/such "$context"
	run -125 --separate-stderr fakebuild build /no/such/folder
	run -125 --separate-stderr fakebuild build "$context"
}

@test "a_shell_is_offered_where_a_step_failed" {
	printf 'FROM base:1\nWORKDIR /w\nRUN echo half >done; false\n' >"$context/Dockerfile"
	run -0 python3 "$BATS_TEST_DIRNAME/type.py" "fakebuild build --on-error=shell $context" \
		'echo "$(cat done)-$(pwd)"' half-/w 'exit' 'exit code: 1'
	equal 125 "${lines[-1]}"
}
