#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Real root's `fakebuild run --rootfs` leaves the files that a chroot leaves: commands.sh is run both ways, and the
# trees are compared entry by entry (entries.py).  And what a caller without root's capabilities gets is the table's.
# As root.  $FAKEBUILD is the program, $FAKEBUILD_TEST_GUESTS/debian.tar the root.
set -u
here=$(dirname "$(realpath "$0")")
fakebuild=${FAKEBUILD:-$here/../../build/release/fakebuild}
tar=${FAKEBUILD_TEST_GUESTS-}/debian.tar
echo 1..2
skip() {
	echo "ok 1 the_tree_is_real_roots # skip $1"
	echo "ok 2 without_capabilities_the_files_stay_the_callers # skip $1"
	exit 0
}
[ "$(id -u)" -eq 0 ] || skip "it takes real root to compare with"
[ -e "$tar" ] || skip "no \$FAKEBUILD_TEST_GUESTS/debian.tar"
for tool in python3 setpriv unshare; do
	command -v "$tool" >/dev/null || skip "no $tool"
done
work=$(mktemp -d /var/tmp/fakebuild-through.XXXXXX)
export FAKEBUILD_ROOT=$work/store
# shellcheck disable=SC2317
clean_up() {
	rm -rf --one-file-system "$work"
}
trap clean_up EXIT

unpack() {
	mkdir "$1" && tar --xattrs --xattrs-include='*' -C "$1" -xpf "$tar" && cp /etc/resolv.conf "$1/etc/resolv.conf" &&
		cp "$here/commands.sh" "$1/commands.sh"
}

path=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
native() {
	unpack "$work/native" && date +%s >"$work/native.start" &&
		unshare --mount --pid --fork --mount-proc="$work/native/proc" chroot "$work/native" \
			env -i HOME=/root $path sh /commands.sh
}
ours() {
	unpack "$work/ours" && date +%s >"$work/ours.start" &&
		env -i HOME=/root $path FAKEBUILD_ROOT="$FAKEBUILD_ROOT" "$fakebuild" run --rootfs "$work/ours" -- sh /commands.sh
}

native >"$work/native.log" 2>&1 </dev/null &
pid=$!
ours >"$work/ours.log" 2>&1 </dev/null
ours_status=$?
wait "$pid"
native_status=$?
if [ "$native_status" -ne 0 ] && grep -qE 'Temporary failure resolving|Unable to connect|Could not connect' "$work/native.log"; then
	skip "no package mirror can be reached"
fi
if [ "$native_status" -ne 0 ] || [ "$ours_status" -ne 0 ]; then
	echo "not ok 1 the_tree_is_real_roots"
	echo "real root: status $native_status"
	tail -n 30 "$work/native.log"
	echo "fakebuild: status $ours_status"
	tail -n 30 "$work/ours.log"
elif python3 "$here/entries.py" "$tar" "$work/native" "$(cat "$work/native.start")" "$work/ours" "$(cat "$work/ours.start")"; then
	echo "ok 1 the_tree_is_real_roots"
else
	echo "not ok 1 the_tree_is_real_roots"
fi

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
