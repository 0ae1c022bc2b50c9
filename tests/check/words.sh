#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Functions that overflow, words of unfinished work, and file names that never say no.
set -u
cd "$(dirname "$0")/../.." || exit 1
status=0
mapfile -t rooms < <(ls -d tracer oci builder compat 2>/dev/null)
fail() {
	echo "$1"
	status=1
}
mapfile -t sources < <(find "${rooms[@]}" tests -name '*.[ch]' | sort)
banned='strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|alloca|tmpnam|mktemp|system'
hits=$(grep -nE "(^|[^a-zA-Z0-9_>.])($banned)[[:space:]]*\(" "${sources[@]}" /dev/null | grep -vE ':[[:space:]]*(/?\*|//)')
[ -z "$hits" ] || fail "banned functions:
$hits"
words='TODO|FIXME|XXX|HACK'
# The pattern of mkstemp(3) is no unfinished work.
hits=$(grep -nE "\b($words)\b" -r --include='*.[chS]' --include='*.sh' --include='*.bats' --include='*.md' --include='*.mk' \
	--exclude=words.sh "${rooms[@]}" tests README.md)
[ -z "$hits" ] || fail "words of unfinished work:
$hits"
names=$(find "${rooms[@]}" -regextype posix-extended -regex '.*/(utils?|common|misc|linux|helpers?)\.[ch]')
[ -z "$names" ] || fail "file names that say nothing:
$names"
while IFS= read -r file; do
	head -n 1 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || fail "$file does not begin with its licence"
done < <(find "${rooms[@]}" -name '*.[ch]')
exit $status
