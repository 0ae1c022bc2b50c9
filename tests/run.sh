#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh BUILD-FOLDER [TEST...]: run all tests of a build, or only those named, and count them.
# Each kind of test speaks TAP; what failed is shown whole. The last line is "N passed, N failed".
set -u
cd "$(dirname "$0")/.." || exit 1
build=${1:?usage: tests/run.sh BUILD-FOLDER [TEST...]}
shift
FAKEBUILD=$(realpath "$build/fakebuild")
export FAKEBUILD
# A sanitizer must not look for leaks by ptrace in what ptraces itself; unit tests look for them.
export ASAN_OPTIONS=${ASAN_OPTIONS-detect_leaks=0:abort_on_error=0}
passed=0 failed=0 skipped=0

# count NAME COMMAND...: run it, add up its TAP lines.
count() {
	local name=$1 log ok bad skip status
	shift
	log=$(mktemp)
	"$@" >"$log" 2>&1 </dev/null
	status=$?
	skip=$(grep -cE '^ok .*# (skip|SKIP)' "$log")
	ok=$(($(grep -cE '^ok ' "$log") - skip))
	bad=$(grep -cE '^not ok ' "$log")
	# Ended badly without a failed test: killed, or nothing was run.
	if [ "$bad" -eq 0 ] && { [ "$status" -ne 0 ] || [ $((ok + skip)) -eq 0 ]; }; then
		bad=1
	fi
	printf '%-40s %4d passed %4d failed %4d skipped\n' "$name" "$ok" "$bad" "$skip"
	grep -E '^ok .*# (skip|SKIP)' "$log" | sed 's/^ok [0-9]*/    skipped/'
	if [ "$bad" -gt 0 ]; then
		echo "---- $name, status $status ----"
		grep -vE '^ok ' "$log"
		echo "----"
	fi
	rm -f "$log"
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
}

# A script that says nothing but with its exit status.
one() {
	local output
	if output=$("$@" 2>&1); then
		echo "ok 1 $1"
	else
		echo "not ok 1 $1"
		printf '%s\n' "$output"
	fi
}

tests=("$@")
if [ ${#tests[@]} -eq 0 ]; then
	for test in "$build"/tests/unit/*_test tests/fuzz/corpus/* tests/check/*.sh tests/guest/run.sh tests/build/run.sh tests/cli/*.bats; do
		[ -e "$test" ] && tests+=("$test")
	done
fi
for test in "${tests[@]}"; do
	case $test in
	*.bats) count "$test" bats --tap "$test" ;;
	tests/fuzz/corpus/*) count "$test" "$build/tests/fuzz/${test##*/}" "$test" ;;
	native) count "guest programs as real root" tests/guest/run.sh native ;;
	tests/compare/*.sh) count "$test" "$test" ;;
	tests/guest/run.sh | tests/build/run.sh | tests/stress/run.sh) count "$test" "$test" "$build" ;;
	*.sh) count "$test" one "$test" ;;
	*) count "$test" env CMOCKA_MESSAGE_OUTPUT=TAP "$test" ;;
	esac
done
[ "$skipped" -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
