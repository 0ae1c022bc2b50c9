#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Each room has a page that says what it owns.
set -u
cd "$(dirname "$0")/../.." || exit 1
status=0
for room in . builder compat oci tracer tests; do
	if [ ! -s "$room/README.md" ]; then
		echo "$room has no README.md"
		status=1
	fi
done
exit $status
