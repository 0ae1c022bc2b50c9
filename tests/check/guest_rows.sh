#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every call that the tracer answers or refuses is named by a "covers:" line of a guest test, and used in that test;
# and every name there is a row.
set -u
cd "$(dirname "$0")/../.." || exit 1
status=0
# MACRO(call of each row; ALLOW leaves it to the kernel, ABSENT is what a call without a row gets.
rows=$(sed -e '1,/^const struct row rows/d' -e 's|/\*.*\*/||' tracer/rows.c | grep -oE '\b[A-Z][A-Z_]*\([a-z][a-z0-9_]*[,)]' |
	tr -d ',)' | sort -u)
covered=$(sed -nE 's|^/\* covers: (.*) \*/$|\1|p' tests/guest/*.c | tr ' ' '\n' | sort -u)
[ "$(printf '%s\n' "$rows" | wc -l)" -gt 300 ] || { echo "cannot read tracer/rows.c"; exit 1; }
for call in $(printf '%s\n' "$rows" | grep -vE '^(ALLOW|ABSENT)' | sed 's/.*(//'); do
	printf '%s\n' "$covered" | grep -qx "$call" || { echo "no test in tests/guest/ covers $call"; status=1; }
done
for call in $covered; do
	printf '%s\n' "$rows" | grep -qE "\($call\$" || { echo "tests/guest/ covers $call, which has no row"; status=1; }
done
exit $status
