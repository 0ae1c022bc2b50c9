# SPDX-License-Identifier: Apache-2.0
# What the .bats files share: a store of their own, a small image, a registry on loopback.
# shellcheck shell=bash
bats_require_minimum_version 1.5.0
FAKEBUILD=${FAKEBUILD:-$BATS_TEST_DIRNAME/../../build/release/fakebuild}
PATH=$(dirname "$FAKEBUILD"):$PATH
unset XDG_DATA_HOME http_proxy https_proxy HTTP_PROXY HTTPS_PROXY

# What a machine lacks makes tests be skipped. In setup_file, where bats cannot skip, this is noted for
# the setup of each test, and setup_file ends by `|| return 0`.
missing() { # REASON
	[ -z "${BATS_TEST_NUMBER-}" ] || skip "$1"
	echo "$1" >"$BATS_FILE_TMPDIR/missing"
	return 1
}
skip_if_missing() {
	[ ! -e "$BATS_FILE_TMPDIR/missing" ] || skip "$(cat "$BATS_FILE_TMPDIR/missing")"
}
setup() { skip_if_missing; }

# A store for this file of tests; folders in it may have no write bit at the end.
use_store() {
	export FAKEBUILD_ROOT=$BATS_FILE_TMPDIR/store
	# No credentials but those of the tests, neither for us nor for skopeo.
	export DOCKER_CONFIG=$BATS_FILE_TMPDIR/docker XDG_RUNTIME_DIR=$BATS_FILE_TMPDIR/run
	unset REGISTRY_AUTH_FILE
	mkdir -p "$DOCKER_CONFIG" "$XDG_RUNTIME_DIR"
}
remove_store() {
	chmod -R u+rwX "$BATS_FILE_TMPDIR" 2>/dev/null || true
}

# A root of one static program, as a tar: $BATS_FILE_TMPDIR/base.tar.
make_base_tar() {
	local busybox root=$BATS_FILE_TMPDIR/base applet
	busybox=$(command -v busybox) || missing "no busybox (Debian: busybox-static)" || return
	mkdir -p "$root"/{bin,etc,root,tmp,usr/bin,var,home/me}
	cp "$busybox" "$root/bin/busybox"
	for applet in sh ls cat echo id env pwd stat mkdir rm touch chown chmod ln mv sleep true false kill \
		mknod hostname test printf readlink grep wc cp tail head tty seq nc ps dd sync; do
		ln -s busybox "$root/bin/$applet"
	done
	printf 'root:x:0:0:root:/root:/bin/sh\nme:x:1000:1001:Me:/home/me:/bin/sh\n' >"$root/etc/passwd"
	printf 'root:x:0:\nmine:x:1001:\nextra:x:50:me,you\nother:x:60:you\n' >"$root/etc/group"
	echo first >"$root/etc/file"
	chmod 1777 "$root/tmp"
	tar --numeric-owner --owner=0 --group=0 -C "$root" -cf "$BATS_FILE_TMPDIR/base.tar" .
}

# The image base:1; options go to `import`.
make_base() {
	make_base_tar || return
	fakebuild import -c 'CMD ["sh","-c","echo base runs"]' -c 'ENV FROM_IMAGE=yes' "$@" \
		"$BATS_FILE_TMPDIR/base.tar" base:1 >"$BATS_FILE_TMPDIR/base.id"
}

# A registry on a free port of loopback: $REGISTRY. With a user name, it wants NAME:secret.
start_registry() { # NAME [USER]
	command -v docker-registry >/dev/null || missing "no docker-registry (Debian: docker-registry)" || return
	local folder=$BATS_FILE_TMPDIR/$1 try port auth=
	mkdir -p "$folder"
	if [ -n "${2-}" ]; then
		# bcrypt of "secret"
		# shellcheck disable=SC2016
		echo "$2"':$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a' >"$folder/passwd"
		auth="auth: {htpasswd: {realm: tests, path: $folder/passwd}}"
	fi
	for try in 1 2 3 4 5 6 7 8; do
		port=$((20000 + (RANDOM + try) % 20000))
		printf '%s\n' "version: 0.1" "log: {level: error}" \
			"storage: {filesystem: {rootdirectory: $folder/blobs}, delete: {enabled: true}}" \
			"http: {addr: '127.0.0.1:$port'}" "$auth" >"$folder/config.yml"
		docker-registry serve "$folder/config.yml" >"$folder/log" 2>&1 3>&- 4>&- &
		echo $! >"$folder/pid"
		for _ in $(seq 100); do
			if (exec 9<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
				REGISTRY=localhost:$port
				export REGISTRY
				return 0
			fi
			kill -0 "$(cat "$folder/pid")" 2>/dev/null || break
			sleep 0.1
		done
	done
	cat "$folder/log"
	return 1
}
stop_registry() { # NAME
	[ ! -e "$BATS_FILE_TMPDIR/$1/pid" ] || kill "$(cat "$BATS_FILE_TMPDIR/$1/pid")" || true
}

# The last line of standard error must be this sentence.
sentence() {
	# shellcheck disable=SC2154
	[ "${stderr_lines[-1]}" = "fakebuild: $1" ] || {
		printf 'expected: %s\nactual:   %s\n' "fakebuild: $1" "$stderr"
		return 1
	}
}
# Expected and actual.
equal() {
	[ "$1" = "$2" ] || {
		printf 'expected: %s\nactual:   %s\n' "$1" "$2"
		return 1
	}
}
# This text must not be in that one.
refute_in() { # TEXT WHERE
	[[ $2 != *"$1"* ]] || {
		echo "'$1' is in: $2"
		return 1
	}
}

# Until the container NAME says "ready".
wait_until_ready() {
	for _ in $(seq 200); do
		[ ! -s "$BATS_TEST_TMPDIR/$1.out" ] || return 0
		sleep 0.05
	done
	false
}
# NAME SCRIPT: in the background.
begin() {
	fakebuild run --name "$1" base:1 sh -c "$2" >"$BATS_TEST_TMPDIR/$1.out" 3>&- &
	wait_until_ready "$1"
}
