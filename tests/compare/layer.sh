#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The layer that fakebuild makes is the one that real root would have made: commands.sh is run by real root in a
# chroot and by an unprivileged user in `fakebuild run --commit`, and the results are compared entry by entry
# (entries.py). As root, for the chroot; fakebuild itself has nothing.
# $FAKEBUILD is the program, $FAKEBUILD_TEST_GUESTS/debian.tar the image, $FAKEBUILD_TEST_USER who runs it.
set -u
# shellcheck source=tests/compare/chroot.bash
. "$(dirname "$(realpath "$0")")/chroot.bash"
user=${FAKEBUILD_TEST_USER:-nobody}
echo 1..1
skip() {
	echo "ok 1 the_layer_is_real_roots # skip $1"
	exit 0
}
needs
make_work layer
chmod 755 "$work"
mkdir "$work/ours"
chown "$user" "$work/ours"

# As the user, with nothing that a user does not have.
unprivileged() {
	setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
		env -i HOME="$work/ours" PATH="$PATH" LC_ALL=C.UTF-8 FAKEBUILD_ROOT="$work/ours/store" "$@"
}

# In ours it is a file of the host's.
native() { chroot_commands && rm "$work/native/commands.sh"; }
ours() {
	unprivileged "$fakebuild" import "$tar" base:1 &&
		date +%s >"$work/ours.start" &&
		unprivileged "$fakebuild" run -v "$here/commands.sh:/commands.sh:ro" --commit result:1 base:1 sh /commands.sh &&
		unprivileged "$fakebuild" save -o "$work/ours/result.tar" result:1
}

run_both the_layer_is_real_roots && compare the_layer_is_real_roots "$work/ours/result.tar"
