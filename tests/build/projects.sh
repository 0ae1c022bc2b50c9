#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# projects.sh BUILD-FOLDER [NAME...]: images of real projects built on Debian with its own packages, run, and loaded
# by other tools: those of docker, podman, skopeo and umoci that are here. Takes the network and a few minutes each.
# Of projects/NAME, `says` is what the image prints, `command` the words given to it. The store stays in
# $FAKEBUILD_PROJECTS_STORE when that is set. As root, fakebuild itself is run as $FAKEBUILD_TEST_USER, and docker and
# podman as root. Speaks TAP.
set -u
here=$(dirname "$(realpath "$0")")
fakebuild=$(realpath "${1:?usage: tests/build/projects.sh BUILD-FOLDER [NAME...]}/fakebuild")
shift
guest=${FAKEBUILD_TEST_GUESTS-}/debian.tar user=${FAKEBUILD_TEST_USER:-nobody}
[ -e "$guest" ] || { echo "ok 1 projects # skip no \$FAKEBUILD_TEST_GUESTS/debian.tar"; exit 0; }
work=$(mktemp -d /var/tmp/fakebuild-projects.XXXXXX)
store=${FAKEBUILD_PROJECTS_STORE:-$work/store}
# shellcheck disable=SC2317
clean_up() {
	chmod -R u+rwX "$work"
	rm -rf --one-file-system "$work"
}
trap clean_up EXIT
[ "$(id -u)" -ne 0 ] || chown "$user" "$work"

# As somebody with nothing.
unprivileged() {
	if [ "$(id -u)" -eq 0 ]; then
		setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
			env -i HOME="$work" PATH="$PATH" LC_ALL=C.UTF-8 FAKEBUILD_ROOT="$store" "$@"
	else
		FAKEBUILD_ROOT=$store "$@"
	fi
}

number=0
told() { # NAME COMMAND...: a test of its exit status
	local name=$1 start=$SECONDS
	shift
	number=$((number + 1))
	if "$@" >"$work/log" 2>&1 </dev/null; then
		echo "ok $number $name ($((SECONDS - start)) s)"
	else
		echo "not ok $number $name ($((SECONDS - start)) s)"
		tail -n 40 "$work/log" | sed 's/^/  /'
		return 1
	fi
}
left_out() {
	number=$((number + 1))
	echo "ok $number $1 # skip $2"
}

says() { # NAME COMMAND...: its output ends with what NAME/says has
	local name=$1
	shift
	"$@" >"$work/said" || return
	tail -n 1 "$work/said" | diff - "$here/projects/$name/says"
}

build() {
	local name=$1 folder=$here/projects/$1
	local options=()
	# Where a proxy signs what comes from the network.
	[ -z "${NODE_EXTRA_CA_CERTS-}" ] || options=(--secret "id=authority,src=$NODE_EXTRA_CA_CERTS")
	unprivileged "$fakebuild" build --progress=plain "${options[@]}" -t "$name:1" -f "$folder/Dockerfile" "$work/context"
}
to_oci() { rm -rf "$work/oci" && unprivileged skopeo copy --insecure-policy "docker-archive:$work/$1.tar" "oci:$work/oci:$1"; }
unpack() { unprivileged umoci unpack --rootless --image "$work/oci:$1" "$work/bundle"; }
docker_says() { says "$1" docker run --rm --network none "$1:1" "${@:2}"; }

[ -n "$(unprivileged "$fakebuild" images -q localhost/debian:1 2>/dev/null)" ] ||
	told "import Debian" unprivileged "$fakebuild" import "$guest" localhost/debian:1 || exit 1
names=("$@")
[ ${#names[@]} -gt 0 ] || mapfile -t names < <(cd "$here/projects" && ls)
for name in "${names[@]}"; do
	read -ra words < <(cat "$here/projects/$name/command" 2>/dev/null)
	rm -rf "$work/context"
	mkdir "$work/context"
	[ ! -d "$here/projects/$name/context" ] || cp -r "$here/projects/$name/context/." "$work/context/"
	chmod -R a+rX "$work/context"
	told "$name: build" build "$name" || continue
	told "$name: build again, from the cache" build "$name"
	told "$name: run" says "$name" unprivileged "$fakebuild" run --rm "$name:1" -- "${words[@]}"
	told "$name: save" unprivileged "$fakebuild" save -o "$work/$name.tar" "$name:1" || continue
	if command -v skopeo >/dev/null; then
		told "$name: skopeo copies it" to_oci "$name"
		if command -v umoci >/dev/null; then
			told "$name: umoci unpacks it" unpack "$name"
			chmod -R u+rwX "$work/bundle"
			rm -rf "$work/bundle"
		fi
	fi
	for tool in docker podman; do
		if "$tool" info >/dev/null 2>&1; then
			told "$name: $tool loads it" "$tool" load -i "$work/$name.tar"
			[ "$tool" != docker ] || told "$name: docker runs it" docker_says "$name" "${words[@]}"
			"$tool" rmi "$name:1" >/dev/null 2>&1
		else
			left_out "$name: $tool loads it" "no $tool"
		fi
	done
	rm -f "$work/$name.tar"
done
echo "1..$number"
