#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Each command, and each face, has a man page with the same options as its --help, and a .bats file; each man page
# is of one of them.
set -u
cd "$(dirname "$0")/../.." || exit 1
fakebuild=${FAKEBUILD:-build/release/fakebuild}
status=0
fail() {
	echo "$1"
	status=1
}
# "-e, --env KEY[=VALUE]" of a line of --help; a help text may stand in the next line.
help_options() {
	sed -nE 's/^ +((-[^ ], )?--[a-z0-9-]+( [^ ]+)?|-[^ -]( [^ ]+)?)(  .*)?$/\1/p' | sort -u
}
# The same of ".It Fl e , Fl -env Ar KEY[=VALUE]".
man_options() {
	sed -nE '/^\.It Fl /{s/^\.It Fl //;s/ , Fl /, -/;s/^/-/;s/ Ar / /;p}' "$1" | sort -u
}
compare() { # NAME MAN-PAGE HELP
	local difference
	difference=$(diff <(printf '%s\n' "$3" | help_options) <(man_options "$2"))
	[ -z "$difference" ] || fail "options of $1, --help (<) and $2 (>):
$difference"
}
commands=$("$fakebuild" help | sed -nE 's/^  ([a-z]+) +[A-Z].*/\1/p')
[ "$(printf '%s\n' "$commands" | wc -l)" -ge 20 ] || fail "help lists too few commands: $commands"
compare fakebuild man/fakebuild.1 "$("$fakebuild" --help)"
for command in $commands; do
	page=man/fakebuild-$command.1
	if [ ! -e "$page" ]; then
		fail "$command has no $page"
		continue
	fi
	compare "$command" "$page" "$("$fakebuild" "$command" --help)"
	grep -q "^\.It Xr fakebuild-$command 1$" man/fakebuild.1 || fail "man/fakebuild.1 does not name $command"
	[ -e "tests/cli/$command.bats" ] || fail "$command has no tests/cli/$command.bats"
done
# Other programs' command lines (program/main.c): `fakebuild help` does not list them.
faces="runc proot"
face_help() { # FACE: of its commands, too
	"$fakebuild" "$1" --help
	for command in $("$fakebuild" "$1" --help | sed -nE 's/^  ([a-z]+) +[A-Z].*/\1/p'); do
		"$fakebuild" "$1" "$command" --help
	done
}
for face in $faces; do
	compare "$face" "man/fakebuild-$face.1" "$(face_help "$face")"
	grep -q "^\.Xr fakebuild-$face 1" man/fakebuild.1 || fail "man/fakebuild.1 does not name $face"
	[ -e "tests/cli/$face.bats" ] || fail "$face has no tests/cli/$face.bats"
done
for page in man/fakebuild-*.1; do
	command=${page#man/fakebuild-}
	printf '%s\n' "$commands" "${faces// /$'\n'}" | grep -qx "${command%.1}" || fail "$page is of no command"
done
# mdoc takes it for the end of a sentence, and the blank in front of it away.
lone=$(grep -nE '^\.Dl .* [.,;:)!?]$' man/*.1)
[ -z "$lone" ] || fail "a lone mark at the end needs \\& in front of it:
$lone"
if command -v groff >/dev/null; then
	for page in man/*.1; do
		complaints=$(groff -mandoc -ww -z -Tutf8 "$page" 2>&1)
		[ -z "$complaints" ] || fail "$page: $complaints"
	done
fi
exit $status
