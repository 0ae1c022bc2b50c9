#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Real root's `fakebuild run --rootfs` leaves the files that a chroot leaves: commands.sh is run both ways, and the
# trees are compared entry by entry (entries.py).  And what a caller without root's capabilities gets is the table's.
# As root.  $FAKEBUILD is the program, $FAKEBUILD_TEST_GUESTS/debian.tar the root.
set -u
# shellcheck source=tests/compare/chroot.bash
. "$(dirname "$(realpath "$0")")/chroot.bash"
echo 1..2
skip() {
	echo "ok 1 the_tree_is_real_roots # skip $1"
	echo "ok 2 without_capabilities_the_files_stay_the_callers # skip $1"
	exit 0
}
needs
make_work through
export FAKEBUILD_ROOT=$work/store

native() { chroot_commands; }
ours() {
	unpack "$work/ours" && date +%s >"$work/ours.start" &&
		env -i HOME=/root "$path" FAKEBUILD_ROOT="$FAKEBUILD_ROOT" "$fakebuild" run --rootfs "$work/ours" -- sh /commands.sh
}
run_both the_tree_is_real_roots && compare the_tree_is_real_roots "$work/ours"

# The root of a container that has dropped them all.
mkdir "$work/small" "$work/small/bin" && cp "$(command -v busybox)" "$work/small/bin/busybox" 2>/dev/null
if [ ! -e "$work/small/bin/busybox" ]; then
	echo "ok 2 without_capabilities_the_files_stay_the_callers # skip no busybox"
	exit
fi
seen=$(setpriv --bounding-set=-all --inh-caps=-all --no-new-privs "$fakebuild" run --rootfs "$work/small" -- /bin/busybox sh -c \
	'busybox touch /f && busybox chown 12:34 /f && busybox chmod 0 /f && busybox stat -c "%u:%g %a" /f && echo x >>/f')
real=$(stat -c '%u:%g %a' "$work/small/f")
if [ "$seen" = "12:34 0" ] && [ "$real" = "0:0 600" ]; then
	echo "ok 2 without_capabilities_the_files_stay_the_callers"
else
	echo "not ok 2 without_capabilities_the_files_stay_the_callers"
	echo "the guest saw: $seen; really: $real"
fi
