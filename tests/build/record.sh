#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# record.sh [--check] [CASE...]: make tests/data/build/ again with BuildKit (record.py), as root; buildkitd, buildctl
# and runc are in the PATH. The records are of BuildKit 0.32.
set -eu
here=$(dirname "$(realpath "$0")")
[ "$(id -u)" -eq 0 ] || { echo "record.sh: needs root" >&2; exit 1; }
work=$(mktemp -d /var/tmp/fakebuild-buildkit.XXXXXX)
address=unix://$work/socket
# No proxy of this shell's is for the builds.
unset http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY
buildkitd --root "$work/root" --addr "$address" --oci-worker-net=host --oci-worker-binary="$(command -v runc)" \
	--containerd-worker=false >"$work/log" 2>&1 &
pid=$!
clean_up() {
	kill $pid
	wait $pid || true
	rm -rf --one-file-system "$work"
}
trap clean_up EXIT
for _ in $(seq 100); do
	buildctl --addr "$address" debug workers >/dev/null 2>&1 && break
	sleep 0.1
done
python3 "$here/record.py" "$address" "$@"
