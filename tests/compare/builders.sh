#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Whole builders and OCI runtimes under `fakebuild root`, unprivileged, as far as they are installed.
# Speaks TAP.
set -u
fakebuild=$(realpath "${FAKEBUILD:-build/release/fakebuild}")
here=$(mktemp -d "${TMPDIR:-/var/tmp}/fakebuild-builders-XXXXXX")
clean() {
	chmod -R u+rwX "$here" 2>/dev/null
	rm -rf "$here"
}
trap clean EXIT
export FAKEBUILD_ROOT=$here/store HOME=$here/home XDG_DATA_HOME=$here/home/data XDG_RUNTIME_DIR=$here/runtime
export TMPDIR=$here/tmp
mkdir -p "$HOME" "$TMPDIR" "$here/context" "$here/root/bin"
mkdir -m 700 "$XDG_RUNTIME_DIR"
number=0
check() { # NAME COMMAND...
	local name=$1 output
	shift
	if output=$("$@" 2>&1 </dev/null); then
		echo "ok $((++number)) $name"
	else
		echo "not ok $((++number)) $name"
		printf '%s\n' "$output" | tail -n 20 | sed 's/^/# /'
	fi
}
has() { # NAME PROGRAM
	command -v "$2" >/dev/null && return
	echo "ok $((++number)) $1 # skip $2 is not installed"
	return 1
}
as_root() {
	timeout 60 "$fakebuild" root -- "$@"
}

if ! busybox=$(command -v busybox); then
	echo "ok 1 builders # skip busybox is not installed"
	echo 1..1
	exit
fi
cp "$busybox" "$here/root/bin/busybox"
for name in sh cat id chown stat mkdir sleep; do ln -s busybox "$here/root/bin/$name"; done
tar --numeric-owner --owner=0 --group=0 -C "$here/root" -cf "$here/context/base.tar" .
cat >"$here/context/Dockerfile" <<'END'
FROM scratch
ADD base.tar /
RUN echo first >/file && chown 5:6 /file && mkdir /d && chown 33:34 /d
RUN test "$(stat -c %u:%g /file)" = 5:6 && test "$(id -u)" = 0 && chmod 4755 /file
END
printf '{"default":[{"type":"insecureAcceptAnything"}]}\n' >"$here/policy.json"

# The runtimes themselves: a bundle of theirs, on a terminal and without, from create to delete.
ln -s "$fakebuild" "$here/fakebuild-runc"
mkdir -p "$here/bundle/rootfs"/{proc,sys,dev,etc}
cp -r "$here/root/bin" "$here/bundle/rootfs/"
cat >"$here/life.sh" <<'END'
set -eu
cd "$2"
state=$2/$(basename "$1").state
run() { "$1" --root "$state" "${@:2}"; }
configure() { # TERMINAL COMMAND...
	local words
	words=$(printf ',"%s"' "${@:2}")
	sed -e "s/\"terminal\": true/\"terminal\": $1/" -e "s|^[[:space:]]*\"sh\"|${words#,}|" spec.json >config.json
}
[ -e spec.json ] || { "$1" spec && mv config.json spec.json; }
configure false sh -c 'id -u; exit 3'
[ "$(run "$1" run box </dev/null || echo $?)" = $'0\n3' ]
configure true sh -c 'if test -t 0; then stat -c %u:%a /dev/console; fi'
script -qec "$1 --root $state run box" /dev/null </dev/null | grep -Eq '0:6[02]0'
configure false sleep 60
run "$1" run -d --pid-file pid box </dev/null >out 2>&1
[ "$(run "$1" exec box id -u)" = 0 ]
run "$1" exec box sh -c 'exit 7' || [ $? -eq 7 ]
is() { run "$1" state box | grep -Eq "\"status\": *\"$2\""; }
run "$1" pause box
is "$1" paused
run "$1" resume box
is "$1" running
run "$1" kill box KILL
for ((i = 0; i < 100; i++)); do ! is "$1" stopped || break; sleep 0.05; done
run "$1" delete box
! run "$1" state box 2>/dev/null
END
for runtime in runc crun "$here/fakebuild-runc"; do
	name="${runtime##*/} gets its container, on a terminal and without"
	if has "$name" "$runtime"; then
		check "$name" as_root bash "$here/life.sh" "$runtime" "$here/bundle"
	fi
done

# The layers of an OCI layout: what real root's would have.
layers_are_roots() { # LAYOUT
	local blob list=""
	for blob in "$1"/blobs/sha256/*; do
		list+=$(tar --numeric-owner -tvf "$blob" 2>/dev/null)$'\n'
	done
	grep -Eq '^-rwsr-xr-x 5/6 .* file$' <<<"$list" && grep -Eq '^drwxr-xr-x 33/34 .* d/$' <<<"$list" && return
	printf '%s\n' "$list"
	return 1
}
name="buildah bud, isolated by chroot"
if has "$name" buildah; then
	check "$name" as_root buildah --storage-driver vfs bud --isolation chroot --layers \
		--signature-policy "$here/policy.json" -t one "$here/context"
	check "buildah push in a later run" as_root buildah --storage-driver vfs push \
		--signature-policy "$here/policy.json" one "oci:$here/buildah"
	check "its layers are real root's" layers_are_roots "$here/buildah"
	check "buildah unshare finds itself root already" as_root buildah unshare chown 5:6 "$here/policy.json"
fi
# The runtime finds itself inside, and lets the tracer that is there do the rest.
runtime=(--runtime "$here/fakebuild-runc" --runtime-flag "root=$here/runtime/runc")
name="buildah bud by fakebuild-runc"
if has "$name" buildah; then
	check "$name" as_root buildah --storage-driver vfs bud "${runtime[@]}" --isolation oci --network host \
		--signature-policy "$here/policy.json" -t three "$here/context"
fi
name="buildah bud by crun"
if has "$name" buildah && has "$name" crun; then
	check "$name" as_root buildah --storage-driver vfs bud --runtime crun --isolation oci --network host \
		--signature-policy "$here/policy.json" -t four "$here/context"
fi
name="podman build, isolated by chroot"
if has "$name" podman; then
	check "$name" as_root podman --storage-driver vfs build --isolation chroot --no-cache \
		--signature-policy "$here/policy.json" -t two "$here/context"
	check "podman save in a later run" as_root podman --storage-driver vfs save --format oci-dir -o "$here/podman" two
	check "and its layers are real root's" layers_are_roots "$here/podman"
	network=host
	status_of_podman_run() {
		# shellcheck disable=SC2016
		as_root podman --storage-driver vfs "${runtime[@]}" run --rm --network "$network" two \
			sh -c 'test "$(id -u)$(stat -c %u:%g /file)" = 05:6 && exit 4'
		[ $? -eq 4 ]
	}
	check "podman run by fakebuild-runc tells the status" status_of_podman_run
	# With no option at all.
	status_of_plain_podman_run() {
		# shellcheck disable=SC2016
		as_root podman run --rm plain sh -c 'test "$(id -u)$(stat -c %u:%g /file)" = 05:6 && exit 4'
		[ $? -eq 4 ]
	}
	mkdir -p "$HOME/.config/containers"
	cp "$here/policy.json" "$HOME/.config/containers/"
	check "podman build needs no option" as_root podman build -t plain "$here/context"
	check "podman run needs none, either" status_of_plain_podman_run
	printf '[containers]\nnetns = "none"\n' >"$HOME/.config/containers/containers.conf"
	# shellcheck disable=SC2016
	check "a network of the user's own choice stays" as_root sh -c 'test -z "$CONTAINERS_CONF$CONTAINERS_CONF_OVERRIDE"'
	rm -f "$HOME/.config/containers/containers.conf"
	runtime=(--runtime crun)
	! has "podman run by crun" crun || check "podman run by crun tells the status" status_of_podman_run
	runtime=(--runtime runc --runtime-flag "root=$here/runtime/runc")
	network=none
	! has "podman run by runc" runc || check "podman run by runc, in a network of its own, tells the status" status_of_podman_run
fi
# BuildKit's own worker.  What the host's root has at /run is covered, and is then one's own.
cat >"$here/worker.sh" <<'END'
set -eu
here=$1
for folder in /run/runc /run/buildkit; do [ ! -d $folder ] || chmod 700 $folder; done
buildkitd --root "$here/buildkit" --addr "unix://$here/buildkit.sock" --oci-worker-snapshotter=native --oci-worker-net=host \
	--oci-worker-binary="$here/fakebuild-runc" --containerd-worker=false >"$here/buildkitd.log" 2>&1 &
daemon=$!
call() { buildctl --addr "unix://$here/buildkit.sock" "$@"; }
for ((i = 0; i < 100; i++)); do ! call debug workers >/dev/null 2>&1 || break; sleep 0.1; done
status=0
call build --progress plain --frontend dockerfile.v0 --local context="$here/context" --local dockerfile="$here/context" \
	--output "type=oci,tar=false,dest=$here/worker" || status=$?
kill $daemon
wait $daemon || true
exit $status
END
name="BuildKit's own worker by fakebuild-runc"
if has "$name" buildkitd && has "$name" buildctl; then
	covers=()
	for folder in /run/runc /run/buildkit; do [ ! -d $folder ] || covers+=(--tmpfs "$folder"); done
	check "$name" timeout 60 "$fakebuild" root "${covers[@]}" -- bash "$here/worker.sh" "$here"
	check "the worker's layers are real root's" layers_are_roots "$here/worker"
fi
echo "1..$number"
