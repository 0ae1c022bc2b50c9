#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh BUILD-FOLDER [SECONDS]: storm.c in a directory, with the fast path, with one call in three fallen through, and without;
# and on the host's own tree while gcc compiles beside it.  Speaks TAP.
set -u
cd "$(dirname "$0")/../.." || exit 1
fakebuild=$(realpath "${1:?usage: tests/stress/run.sh BUILD-FOLDER [SECONDS]}/fakebuild")
seconds=${2:-${SECONDS_EACH:-5}}
here=$(mktemp -d "${TMPDIR:-/var/tmp}/fakebuild-stress-XXXXXX")
clean() {
	chmod -R u+rwX "$here" 2>/dev/null
	rm -rf "$here"
}
trap clean EXIT
export FAKEBUILD_ROOT=$here/store
mkdir -p "$here"/root/{bin,dev,etc,proc,tmp} "$here/built"
cp build/stress/storm "$here/root/bin/"
for n in 1 2 3 4 5 6 7 8; do
	printf '#include <stdio.h>\n#include <stdlib.h>\nint f%d(int x) { return x + %d; }\n' $n $n >"$here/built/f$n.c"
done
# shellcheck disable=SC2016
printf 'all: $(patsubst %%.c,%%.o,$(wildcard *.c))\nclean:\n\trm -f *.o\n' >"$here/built/Makefile"

number=0
tell() { # NAME COMMAND...
	local name=$1 output
	shift
	if output=$("$@" 2>&1); then
		echo "ok $((++number)) $name"
	else
		printf '%s\n' "$output" | sed 's/^/# /'
		echo "not ok $((++number)) $name"
	fi
}

storm() { # WORK OPTION...
	local work=$1
	shift
	mkdir "$here/root/$work"
	timeout $((seconds * 3 + 60)) "$fakebuild" run -w "/$work" "$@" --rootfs "$here/root" -- /bin/storm "$seconds"
}

# Builds, one after the other, until the time is over, each with all its objects.
builds() {
	local end=$((SECONDS + seconds))
	while [ $SECONDS -lt $end ]; do
		make -s -C "$here/built" clean && make -s -j4 -C "$here/built" || return
		[ "$(find "$here/built" -name '*.o' -uid 0 | wc -l)" -eq 8 ] || return
	done
}
export -f builds
export here seconds

echo 1..4
tell "storm, fast" storm fast
export FAKEBUILD_TEST_FALL_THROUGH=3
tell "storm, one call in three fallen through" storm falling
unset FAKEBUILD_TEST_FALL_THROUGH
tell "storm, slow" storm slow --no-fast-path
tell "parallel builds" timeout $((seconds * 3 + 60)) "$fakebuild" root -- bash -c builds
