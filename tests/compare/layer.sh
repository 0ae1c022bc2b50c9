#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The layer that fakebuild makes is the one that real root would have made: commands.sh is run by real root in a
# chroot and by an unprivileged user in `fakebuild run --commit`, and the results are compared entry by entry
# (entries.py). As root, for the chroot; fakebuild itself has nothing.
# $FAKEBUILD is the program, $FAKEBUILD_TEST_GUESTS/debian.tar the image, $FAKEBUILD_TEST_USER who runs it.
set -u
here=$(dirname "$(realpath "$0")")
fakebuild=${FAKEBUILD:-$here/../../build/release/fakebuild}
tar=${FAKEBUILD_TEST_GUESTS-}/debian.tar user=${FAKEBUILD_TEST_USER:-nobody}
echo 1..1
skip() {
	echo "ok 1 the_layer_is_real_roots # skip $1"
	exit 0
}
[ "$(id -u)" -eq 0 ] || skip "it takes real root to compare with"
[ -e "$tar" ] || skip "no \$FAKEBUILD_TEST_GUESTS/debian.tar"
for tool in python3 setpriv unshare; do
	command -v "$tool" >/dev/null || skip "no $tool"
done
work=$(mktemp -d /var/tmp/fakebuild-layer.XXXXXX)
chmod 755 "$work"
mkdir "$work/native" "$work/ours"
chown "$user" "$work/ours"
# shellcheck disable=SC2317
clean_up() {
	rm -rf --one-file-system "$work"
}
trap clean_up EXIT

# As the user, with nothing that a user does not have.
unprivileged() {
	setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
		env -i HOME="$work/ours" PATH="$PATH" LC_ALL=C.UTF-8 FAKEBUILD_ROOT="$work/ours/store" "$@"
}

# Real root, in mount and pid namespaces of his own, so that nothing of it outlives this.
native() {
	tar --xattrs --xattrs-include='*' -C "$work/native" -xpf "$tar" &&
		cp /etc/resolv.conf "$work/native/etc/resolv.conf" &&
		cp "$here/commands.sh" "$work/native/commands.sh" &&
		date +%s >"$work/native.start" &&
		unshare --mount --pid --fork --mount-proc="$work/native/proc" chroot "$work/native" \
			env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin sh /commands.sh &&
		rm "$work/native/commands.sh"
}

ours() {
	unprivileged "$fakebuild" import "$tar" base:1 &&
		date +%s >"$work/ours.start" &&
		unprivileged "$fakebuild" run -v "$here/commands.sh:/commands.sh:ro" --commit result:1 base:1 sh /commands.sh &&
		unprivileged "$fakebuild" save -o "$work/ours/result.tar" result:1
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
	echo "not ok 1 the_layer_is_real_roots"
	echo "real root: status $native_status"
	tail -n 30 "$work/native.log"
	echo "fakebuild: status $ours_status"
	tail -n 30 "$work/ours.log"
	exit 1
fi
if python3 "$here/entries.py" "$tar" "$work/native" "$(cat "$work/native.start")" "$work/ours/result.tar" \
	"$(cat "$work/ours.start")"; then
	echo "ok 1 the_layer_is_real_roots"
else
	echo "not ok 1 the_layer_is_real_roots"
	exit 1
fi
