#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh BUILD-FOLDER [CASE...]: the cases of tests/build/cases built by fakebuild, and compared with what BuildKit
# made of them (compare.py). Speaks TAP.
set -u
cd "$(dirname "$0")/../.." || exit 1
fakebuild=$(realpath "${1:?usage: tests/build/run.sh BUILD-FOLDER [CASE...]}/fakebuild")
shift
for tool in python3 busybox bzip2 xz zstd; do
	command -v "$tool" >/dev/null || { echo "ok 1 builds # skip no $tool"; exit 0; }
done
exec python3 tests/build/compare.py "$fakebuild" "$@"
