# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A bundle for each test, of the small root that store.bash makes, and what is asked of its containers.
setup() {
	skip_if_missing
	bundle=$BATS_TEST_TMPDIR/bundle
	state=$BATS_TEST_TMPDIR/state
	mkdir -p "$bundle"
	cp -a "$BATS_FILE_TMPDIR/base" "$bundle/rootfs"
	fakebuild runc spec -b "$bundle"
	config 'c["process"]["terminal"] = False; c["root"]["readonly"] = False'
}
teardown() {
	[ -d "${state-/none}" ] || return 0
	for id in $(runc list -q); do
		runc delete -f "$id" || true
	done
}
runc() { fakebuild runc --root "$state" "$@"; }
# Change config.json by a line of Python.
config() { # PYTHON...
	python3 - "$bundle/config.json" "$@" <<'END'
import json, sys
c = json.load(open(sys.argv[1]))
for line in sys.argv[2:]:
    exec(line)
json.dump(c, open(sys.argv[1], "w"))
END
}
# What the container runs.
command_is() { # SHELL-LINE
	LINE=$1 python3 - "$bundle/config.json" <<'END'
import json, os, sys
c = json.load(open(sys.argv[1]))
c["process"]["args"] = ["sh", "-c", os.environ["LINE"]]
json.dump(c, open(sys.argv[1], "w"))
END
}
# It counts in /count without end.
# shellcheck disable=SC2016
command_counts() { command_is 'i=0; while :; do i=$((i+1)); echo $i >/count; sleep 0.05; done'; }
state_of() { # MEMBER ID
	runc state "$2" | python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}
status_of() { state_of status "$1"; }
pid_of() { state_of pid "$1"; }
one_line() { tr -s '\n' ' ' | sed 's/ $//'; }
eventually() { # COMMAND...
	for _ in $(seq 100); do
		! "$@" || return 0
		sleep 0.1
	done
	echo "never came true: $*"
	return 1
}
has_status() { [ "$(status_of "$1")" = "$2" ]; }
wait_for_status() { eventually has_status "$1" "$2"; }
is_gone() { ! kill -0 "$1" 2>/dev/null; }
start_sleeper() { # ID
	command_is 'trap "exit 7" TERM; echo up; while :; do sleep 0.1; done'
	runc run -d -b "$bundle" "$1" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&-
	wait_for_status "$1" running
	eventually test -s "$BATS_TEST_TMPDIR/out"
}
# The bundle is not run, and this is why.
refuses_to_run() { # SENTENCE
	run -1 --separate-stderr runc run -b "$bundle" refused
	told "runc run failed: $1"
}
# The last line of the log on standard error has this message.
told() { # MESSAGE
	# shellcheck disable=SC2154
	[[ ${stderr_lines[-1]} == 'time="'*'" level=error msg="'"$1"'"' ]] || {
		printf 'expected: %s\nactual:   %s\n' "$1" "$stderr"
		return 1
	}
}
