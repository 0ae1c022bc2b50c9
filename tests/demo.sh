#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# make demo: from a fresh machine to an image that was changed by its own package manager and runs.
# It needs root for one thing only, and says so before: installing what the build needs, when that is missing.
set -eu
cd "$(dirname "$0")/.."
say() { printf '\n== %s\n' "$*"; }

# ---- what the build needs ----
missing() {
	command -v make >/dev/null && command -v pkg-config >/dev/null && command -v "${CC:-cc}" >/dev/null || return 0
	! pkg-config --exists talloc libarchive zlib libseccomp libcurl jansson libcrypto libzstd
}
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		echo "sudo $*"
		sudo "$@"
	else
		echo "Neither root nor sudo: please have this run by root, then 'make demo' again:" >&2
		echo "  $*" >&2
		exit 1
	fi
}
install_needs() {
	if command -v apt-get >/dev/null; then
		as_root apt-get update -q
		as_root apt-get install -y -q --no-install-recommends gcc make pkg-config libc6-dev libtalloc-dev \
			libarchive-dev zlib1g-dev libseccomp-dev libcurl4-openssl-dev libjansson-dev libssl-dev libzstd-dev \
			ca-certificates
	elif command -v dnf >/dev/null || command -v yum >/dev/null; then
		as_root "$(command -v dnf || command -v yum)" install -y gcc make pkgconfig libtalloc-devel \
			libarchive-devel zlib-devel libseccomp-devel libcurl-devel jansson-devel openssl-devel libzstd-devel
	else
		echo "No apt, dnf or yum here; README.md names the libraries that are needed." >&2
		exit 1
	fi
}
if missing; then
	say "Installing the libraries that fakebuild is built with"
	install_needs
else
	say "All that the build needs is here; nothing is installed"
fi

# ---- build ----
say "Building"
make all
PATH=$PWD/build/release:$PATH
FAKEBUILD_ROOT=${FAKEBUILD_ROOT:-$PWD/build/demo-store}
export PATH FAKEBUILD_ROOT
echo "Images are kept in $FAKEBUILD_ROOT"

# ---- a base image ----
# The package mirror that this machine uses, so that no other host needs to be reached.
mirror_of_host() {
	{
		sed -nE 's/^URIs:[[:space:]]*([^[:space:]]+).*/\1/p' /etc/apt/sources.list.d/*.sources
		sed -nE 's/^deb[[:space:]]+(\[[^]]*\][[:space:]]+)?([^[:space:]]+).*/\2/p' /etc/apt/sources.list /etc/apt/sources.list.d/*.list
	} 2>/dev/null | grep -E '^https?://' | grep -v security | head -n 1
}
debootstrap_script() {
	command -v debootstrap && return
	[ -x /usr/sbin/debootstrap ] && echo /usr/sbin/debootstrap
}
base_from_registry() {
	timeout 300 fakebuild pull docker.io/library/debian:12 && fakebuild tag docker.io/library/debian:12 demo-base
}
base_from_mirror() {
	local script mirror folder suite
	mirror=$(mirror_of_host)
	# shellcheck source=/dev/null
	suite=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
	if [ -z "$mirror" ] || [ -z "$suite" ]; then
		mirror=http://deb.debian.org/debian suite=bookworm
	fi
	script=$(debootstrap_script) || {
		say "Installing debootstrap"
		if command -v apt-get >/dev/null; then as_root apt-get install -y -q --no-install-recommends debootstrap
		else as_root "$(command -v dnf || command -v yum)" install -y debootstrap; fi
		script=$(debootstrap_script)
	}
	folder=$(mktemp -d "${TMPDIR:-/var/tmp}/fakebuild-demo-XXXXXX")
	# shellcheck disable=SC2064
	trap "chmod -R u+rwX '$folder'; rm -rf '$folder'" EXIT
	say "No registry in reach: making a base of $suite from $mirror, as fake root"
	# shellcheck disable=SC2016
	fakebuild root -e "PATH=/usr/sbin:/sbin:$PATH" -- sh -euc '
		"$1" --variant=minbase "$4" "$2/root" "$3" >&2
		rm -rf "$2"/root/var/cache/apt/archives/*.deb
		tar -C "$2/root" --numeric-owner --exclude=./proc/* --exclude=./sys/* --exclude=./dev/* -cf - .
	' - "$script" "$folder" "$mirror" "$suite" |
		fakebuild import -c 'CMD ["bash"]' - demo-base
}
if fakebuild inspect demo-base >/dev/null 2>&1; then
	say "The base image of an earlier demo is used"
elif curl --version >/dev/null 2>&1 && ! curl -sS -m 10 -o /dev/null https://registry-1.docker.io/v2/; then
	base_from_mirror
else
	say "Pulling debian:12 from Docker Hub"
	base_from_registry || base_from_mirror
fi

# ---- the main job ----
say "Installing a package in it, by apt-get, as root that is none"
fakebuild run --commit demo demo-base -- sh -c \
	'apt-get update && apt-get install -y --no-install-recommends cron sudo'
say "The image that was made, and a command of it"
fakebuild images
# shellcheck disable=SC2016
fakebuild run demo -- sh -c \
	'echo "I am $(id -un) in Debian $(cat /etc/debian_version)"; ls -l /usr/bin/sudo /usr/bin/crontab; sudo -u nobody id'
cat <<-END

	Done, and no root was used to do it. More:
	  export PATH=$PWD/build/release:\$PATH FAKEBUILD_ROOT=$FAKEBUILD_ROOT
	  fakebuild run -it demo bash
	  fakebuild push demo registry.example.org/you/demo:1
END
