#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# images.sh ROOT-TAR [ROUNDS]: what pulling and starting an image takes, beside skopeo and umoci: a registry on
# loopback, the image of a root tar, both ways in turn. Prints the medians of the ratios, and how much memory the
# tracer of 1,000 processes has. As an ordinary user; $FAKEBUILD is the program (build/release/fakebuild).
set -eu
tar=$(realpath "${1:?usage: images.sh ROOT-TAR [ROUNDS]}")
rounds=${2:-5}
cd "$(dirname "$0")/../.."
fakebuild=$(realpath "${FAKEBUILD:-build/release/fakebuild}")
here=$(mktemp -d "${TMPDIR:-/var/tmp}/fakebuild-bench-XXXXXX")
registry=
clean() {
	[ -z "$registry" ] || kill "$registry" || true
	chmod -R u+rwX "$here"
	rm -rf "$here"
}
trap clean EXIT
port=$((20000 + RANDOM % 20000))
printf '%s\n' "version: 0.1" "log: {level: error}" "storage: {filesystem: {rootdirectory: $here/blobs}}" \
	"http: {addr: '127.0.0.1:$port'}" >"$here/config.yml"
docker-registry serve "$here/config.yml" >"$here/log" 2>&1 &
registry=$!
for _ in $(seq 100); do
	(exec 9<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
	sleep 0.1
done
FAKEBUILD_ROOT=$here/made "$fakebuild" import "$tar" image:1 >/dev/null
FAKEBUILD_ROOT=$here/made "$fakebuild" push -q image:1 "localhost:$port/image:1"

usec() { # COMMAND...: how long it took
	local begin end
	begin=$(date +%s%N)
	"$@" >/dev/null
	end=$(date +%s%N)
	echo $(((end - begin) / 1000))
}
by_skopeo() {
	skopeo copy -q --src-tls-verify=false "docker://localhost:$port/image:1" "oci:$here/layout:1"
	umoci unpack --rootless --image "$here/layout:1" "$here/bundle" 2>/dev/null
}
by_us() {
	FAKEBUILD_ROOT=$here/store "$fakebuild" pull -q "localhost:$port/image:1"
}
median() {
	sort -n | sed -n "$(((rounds + 1) / 2))p"
}
for _ in $(seq "$rounds"); do
	chmod -R u+rwX "$here/store" "$here/bundle" 2>/dev/null || true
	rm -rf "$here/store" "$here/bundle" "$here/layout"
	theirs=$(usec by_skopeo)
	ours=$(usec by_us)
	echo $((ours * 1000 / theirs))
done >"$here/ratios"
echo "pull and unpack: $(median <"$here/ratios") thousandths of skopeo copy + umoci unpack --rootless"
export FAKEBUILD_ROOT=$here/store
for _ in $(seq "$rounds"); do
	usec "$fakebuild" run "localhost:$port/image:1" true
done >"$here/starts"
files=$(find "$here/store/layers" -type f | wc -l)
echo "run of the unpacked image of $files files: $(median <"$here/starts") usec"
# shellcheck disable=SC2016
"$fakebuild" run "localhost:$port/image:1" perl -e \
	'for (1 .. 1000) { my $p = fork(); die "fork: $!" if !defined $p; if (!$p) { sleep 60; exit } } $| = 1; print "made\n"; sleep 60' >"$here/made.log" 2>&1 &
run=$!
for _ in $(seq 300); do
	grep -q made "$here/made.log" && break
	sleep 0.1
done
echo "tracer of 1,000 processes: $(awk '/^VmRSS/ { print $2 }' "/proc/$run/status") KiB"
kill "$run" || true
wait "$run" || true
