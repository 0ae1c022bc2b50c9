#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# How fakebuild build is shown, on a terminal and elsewhere.
load store

setup_file() {
	use_store
	make_base || return 0
}
teardown_file() { remove_store; }

# A context of one Dockerfile, which is read from standard input.
context() {
	context=$BATS_TEST_TMPDIR/context
	mkdir -p "$context"
	cat >"$context/Dockerfile"
}

@test "plain lines tell of steps, their output and what was cached" {
	context <<-'EOF'
		FROM base:1
		RUN echo out; echo err >&2
	EOF
	run --separate-stderr fakebuild build --progress plain -t plain:1 "$context"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	[[ $stderr =~ '#'([0-9]+)' [2/2] RUN echo out; echo err >&2' ]]
	n=${BASH_REMATCH[1]}
	[[ $stderr =~ "#$n "0\.[0-9]{3}' out' ]]
	[[ $stderr =~ "#$n "0\.[0-9]{3}' err' ]]
	[[ $stderr =~ "#$n DONE "[0-9.]+s ]]
	run --separate-stderr fakebuild build --progress plain -t plain:1 "$context"
	[ "$status" -eq 0 ]
	[[ $stderr =~ '#'([0-9]+)' [2/2] RUN echo out' ]]
	[[ $stderr == *"#${BASH_REMATCH[1]} CACHED"* ]]
}

@test "a failed step is shown with its last lines, and the Dockerfile's" {
	context <<-'EOF'
		FROM base:1
		RUN seq 1 20; echo last words; exit 3
	EOF
	run --separate-stderr fakebuild build --progress plain "$context"
	[ "$status" -eq 125 ]
	[[ $stderr == *"ERROR: "*"exit code: 3"* ]]
	tail=${stderr#*------}
	[[ $tail == *" > [2/2] RUN seq 1 20; echo last words; exit 3:"* ]]
	[[ $tail == *" last words"* ]]
	[ "$(grep -cE '^[0-9.]+ ' <<<"$tail")" -eq 10 ]
	[[ $tail == *">>> RUN seq 1 20"* ]]
}

@test "rawjson is an object a line, and every step in it comes to an end" {
	command -v python3 >/dev/null || skip "no python3"
	context <<-'EOF'
		FROM base:1
		RUN printf 'a\377\n'
	EOF
	run --separate-stderr fakebuild build --progress rawjson "$context"
	[ "$status" -eq 0 ]
	python3 -c '
import base64, json, sys
begun, ended, logs = {}, set(), b""
for line in sys.stdin:
    status = json.loads(line)
    for v in status.get("vertexes", []):
        begun[v["digest"]] = v["name"]
        if "completed" in v: ended.add(v["digest"])
    for log in status.get("logs", []):
        assert log["vertex"] in begun
        logs += base64.b64decode(log["data"])
assert set(begun) == ended, (begun, ended)
assert any("RUN printf" in name for name in begun.values()), begun
assert b"a\xff\n" in logs, logs
' <<<"$stderr"
}

@test "--quiet shows the image's id and nothing else" {
	context <<<'FROM base:1'
	run --separate-stderr fakebuild build -q -t quiet:1 "$context"
	[ "$status" -eq 0 ]
	[ -z "$stderr" ]
	[[ $output =~ ^sha256:[0-9a-f]{64}$ ]]
}

@test "a terminal has a line a step, and the plain format where it cannot move its cursor" {
	command -v script >/dev/null || skip "no script"
	context <<-'EOF'
		FROM base:1
		RUN echo on a terminal; sleep 1
	EOF
	TERM=xterm run script -qec "fakebuild build --no-cache '$context'" /dev/null
	[ "$status" -eq 0 ]
	[[ $output == *"[+] Building "*" FINISHED"* ]]
	[[ $output == *" => [2/2] RUN echo on a terminal; sleep 1 "* ]]
	[[ $output == *" => => # on a terminal"* ]]
	TERM=dumb run script -qec "fakebuild build --no-cache '$context'" /dev/null
	[ "$status" -eq 0 ]
	[[ $output != *$'\033'* ]]
	[[ $output == *"#"*" DONE "* ]]
}

@test "--report writes a page, also of a build that failed" {
	context <<-'EOF'
		FROM base:1
		RUN echo '<b>markup</b>'; exit 1
	EOF
	run fakebuild build --report "$BATS_TEST_TMPDIR/report.html" "$context"
	[ "$status" -eq 125 ]
	page=$(<"$BATS_TEST_TMPDIR/report.html")
	[[ $page == "<!DOCTYPE html>"*"</html>" ]]
	[[ $page == *"Build failed"* ]]
	[[ $page == *"&lt;b&gt;markup&lt;/b&gt;"* ]]
	[[ $page != *"<b>markup"* ]]
	run fakebuild build --report "$BATS_TEST_TMPDIR/nowhere/report.html" "$context"
	[ "$status" -eq 125 ]
}

@test "the page tells which step made the largest files that are left" {
	context <<-'EOF'
		FROM base:1
		RUN seq 1 300000 >/large && ln /large /other-name && seq 1 400000 >/gone && touch /empty
		RUN rm /gone && seq 1 200000 >/smaller
	EOF
	run fakebuild build --report "$BATS_TEST_TMPDIR/report.html" "$context"
	[ "$status" -eq 0 ]
	rows=$(sed -n '/<table id="files">/,/<[/]table>/p' "$BATS_TEST_TMPDIR/report.html" | grep '^<tr><td')
	# seq's, and the one program of the base image
	[ "$(wc -l <<<"$rows")" -ge 3 ]
	[ "$(grep -cE '/(large|other-name)<.*\[2/3\] RUN seq 1 300000' <<<"$rows")" -eq 1 ]
	[ "$(grep -cE '/(large|other-name)<' <<<"$rows")" -eq 1 ]
	grep -qE '/smaller<.*\[3/3\] RUN rm' <<<"$rows"
	grep -q '/bin/busybox<.*the base image' <<<"$rows"
	run ! grep -E '"mono">/(gone|empty)<' <<<"$rows"
}
