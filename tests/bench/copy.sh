#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# copy.sh FAKEBUILD [FILES]: COPY of many small files (50,000) beside `cp -a` of the same tree, in one run: the digest
# and the layer are in the figure. Then the same build again, which has it in its cache.
set -eu
fakebuild=$(realpath "${1:?usage: copy.sh FAKEBUILD [FILES]}")
files=${2:-50000}
work=$(mktemp -d "${TMPDIR:-/var/tmp}/fakebuild-bench-copy.XXXXXX")
trap 'rm -rf "$work"' EXIT
export FAKEBUILD_ROOT=$work/store
mkdir "$work/context"
python3 - "$work/context/tree" "$files" <<'PYTHON'
import os, sys
for n in range(int(sys.argv[2])):
    folder = f"{sys.argv[1]}/d{n // 2000}/s{n // 200}"
    if n % 200 == 0:
        os.makedirs(folder)
    with open(f"{folder}/file{n % 200}.js", "w") as f:
        f.write(f"x{n} " * ((n * 7919) % 400 + 5))
PYTHON
printf 'FROM scratch\nCOPY . /app/\n' >"$work/context/Dockerfile"
# Files written in the last seconds are not remembered.
sync
sleep 3
seconds() {
	local start
	start=$(date +%s%N)
	"$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
	echo $((($(date +%s%N) - start) / 1000000))
}
for round in 1 2 3; do
	copied=$(seconds cp -a "$work/context/tree" "$work/copy$round")
	export FAKEBUILD_ROOT=$work/store$round
	built=$(seconds "$fakebuild" build -t copy "$work/context")
	again=$(seconds "$fakebuild" build -t copy "$work/context")
	echo "cp -a $copied ms, build $built ms ($((built * 100 / copied)) %), again $again ms"
done
