#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The examples keep to the rules of the places they are for, and their options are fakebuild's.
set -u
cd "$(dirname "$0")/../.." || exit 1
bash -n examples/slurm/images.sbatch || exit 1
python3 -c 'import yaml' 2>/dev/null || { echo "python3 has no yaml: not all is checked"; exit 0; }
tests/examples.py check || exit 1
[ -x "${FAKEBUILD-}" ] || exit 0
known=$("$FAKEBUILD" build --help; "$FAKEBUILD" login --help)
for option in $({ tests/examples.py pod | sed '1,/^--$/d'; tests/examples.py script gitlab; tests/examples.py script github
	cat examples/slurm/images.sbatch; } | grep -oE '(^|[[:space:]])--[a-z][a-z-]+' | sort -u); do
	case $option in --array | --job-name | --cpus-per-task | --mem | --output) continue ;; esac
	grep -qE -- "$option( |$)" <<<"$known" || { echo "no option of fakebuild: $option"; exit 1; }
done
