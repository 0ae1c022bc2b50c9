#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh BUILD-FOLDER [TEST...]: run all tests of a build, or only those named, and count them.
# Each kind of test speaks TAP; what failed is shown whole. The last line is "N passed, N failed".
# JOBS=N runs so many at once.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${1:?usage: tests/run.sh BUILD-FOLDER [TEST...]}
shift
FAKEBUILD=$(realpath "$build/fakebuild")
export FAKEBUILD
# A sanitizer must not look for leaks by ptrace in what ptraces itself; unit tests look for them.
export ASAN_OPTIONS=${ASAN_OPTIONS-detect_leaks=0:abort_on_error=0}
passed=0 failed=0 skipped=0

# Tests at once; each has folders and a store of its own.
jobs=${JOBS:-1}
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

# count NAME COMMAND...: run it and tell its TAP lines' sums, in one go; the numbers go to a file.
count() {
	local name=$1 log ok bad skip status start=$SECONDS
	shift
	log=$(mktemp "$results/log-XXXXXX")
	"$@" >"$log" 2>&1 </dev/null
	status=$?
	skip=$(grep -cE '^ok .*# (skip|SKIP)' "$log")
	ok=$(($(grep -cE '^ok ' "$log") - skip))
	bad=$(grep -cE '^not ok ' "$log")
	# Ended badly without a failed test: killed, or nothing was run.
	if [ "$bad" -eq 0 ] && { [ "$status" -ne 0 ] || [ $((ok + skip)) -eq 0 ]; }; then
		bad=1
	fi
	{
		printf '%-40s %4d passed %4d failed %4d skipped, %d s\n' "$name" "$ok" "$bad" "$skip" $((SECONDS - start))
		grep -E '^ok .*# (skip|SKIP)' "$log" | sed 's/^ok [0-9]*/    skipped/'
		if [ "$bad" -gt 0 ]; then
			echo "---- $name, status $status ----"
			grep -vE '^ok ' "$log"
			echo "----"
		fi
	} >"$log.told"
	flock "$results" cat "$log.told"
	echo "$ok $bad $skip" >"$log.numbers"
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
	# The longest ones first, so that they are not what all wait for at the end.
	for test in tests/guest/run.sh tests/build/run.sh tests/cli/*.bats "$build"/tests/unit/*_test tests/fuzz/corpus/* tests/check/*.sh; do
		[ -e "$test" ] && tests+=("$test")
	done
fi
run_test() {
	case $1 in
	*.bats) count "$1" bats --tap "$1" ;;
	tests/fuzz/corpus/*) count "$1" "$build/tests/fuzz/${1##*/}" "$1" ;;
	native) count "guest programs as real root" tests/guest/run.sh native ;;
	tests/compare/*.sh) count "$1" "$1" ;;
	tests/guest/run.sh | tests/build/run.sh | tests/stress/run.sh) count "$1" "$1" "$build" ;;
	*.sh) count "$1" one "$1" ;;
	*) count "$1" env CMOCKA_MESSAGE_OUTPUT=TAP "$1" ;;
	esac
}
for test in "${tests[@]}"; do
	[ "$(jobs -pr | wc -l)" -lt "$jobs" ] || wait -n
	run_test "$test" &
done
wait
while read -r ok bad skip; do
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
done < <(cat "$results"/*.numbers)
# A test that was never counted is none that passed.
lost=$((${#tests[@]} - $(find "$results" -name '*.numbers' | wc -l)))
failed=$((failed + lost))
[ "$lost" -eq 0 ] || echo "$lost tests ended without a count"
[ "$skipped" -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
