# SPDX-License-Identifier: Apache-2.0
# What layer.sh and through.sh share: commands.sh is run by real root in a chroot, $work/native, beside the way that is
# compared with it.  They define native, ours, and skip; each writes the time when it began to $work/NAME.start.
# shellcheck shell=bash
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
fakebuild=${FAKEBUILD:-$here/../../build/release/fakebuild}
tar=${FAKEBUILD_TEST_GUESTS-}/debian.tar
path=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

needs() {
	[ "$(id -u)" -eq 0 ] || skip "it takes real root to compare with"
	[ -e "$tar" ] || skip "no \$FAKEBUILD_TEST_GUESTS/debian.tar"
	local tool
	for tool in python3 setpriv unshare; do
		command -v "$tool" >/dev/null || skip "no $tool"
	done
}

# $work, which goes at the end.
make_work() { # NAME
	work=$(mktemp -d "/var/tmp/fakebuild-$1.XXXXXX")
	trap 'rm -rf --one-file-system "$work"' EXIT
}

unpack() { # FOLDER
	mkdir -p "$1" && tar --xattrs --xattrs-include='*' -C "$1" -xpf "$tar" && cp /etc/resolv.conf "$1/etc/resolv.conf" &&
		cp "$here/commands.sh" "$1/commands.sh"
}

# In mount and pid namespaces of their own, so that nothing of them outlives this.
chroot_commands() {
	unpack "$work/native" && date +%s >"$work/native.start" &&
		unshare --mount --pid --fork --mount-proc="$work/native/proc" chroot "$work/native" \
			env -i HOME=/root "$path" sh /commands.sh
}

# run_both NAME: test 1 fails when one of them does
run_both() {
	local pid native_status ours_status
	native >"$work/native.log" 2>&1 </dev/null &
	pid=$!
	ours >"$work/ours.log" 2>&1 </dev/null
	ours_status=$?
	wait "$pid"
	native_status=$?
	if [ "$native_status" -ne 0 ] && grep -qE 'Temporary failure resolving|Unable to connect|Could not connect' "$work/native.log"; then
		skip "no package mirror can be reached"
	fi
	[ "$native_status" -ne 0 ] || [ "$ours_status" -ne 0 ] || return 0
	echo "not ok 1 $1"
	echo "real root: status $native_status"
	tail -n 30 "$work/native.log"
	echo "fakebuild: status $ours_status"
	tail -n 30 "$work/ours.log"
	return 1
}

# compare NAME RESULT: test 1, entry by entry
compare() {
	if python3 "$here/entries.py" "$tar" "$work/native" "$(cat "$work/native.start")" "$2" "$(cat "$work/ours.start")"; then
		echo "ok 1 $1"
	else
		echo "not ok 1 $1"
		return 1
	fi
}
