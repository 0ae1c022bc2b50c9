#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The main job: an unmodified package manager in a real distribution.
load store
setup_file() {
	use_store
	tar=${FAKEBUILD_TEST_GUESTS-}/debian.tar
	[ -e "$tar" ] || missing "no \$FAKEBUILD_TEST_GUESTS/debian.tar" || return 0
	fakebuild import "$tar" debian:12
	start_registry open || return 0
	fakebuild push -q debian:12 "$REGISTRY/debian:12"
}
teardown_file() {
	stop_registry open
	remove_store
}
has_mirror() {
	fakebuild run debian:12 apt-get update >/dev/null 2>&1 || skip "no package mirror can be reached"
}

@test "pulled_from_a_registry_it_runs" {
	FAKEBUILD_ROOT=$BATS_TEST_TMPDIR/s run -0 fakebuild run -q "$REGISTRY/debian:12" cat /etc/debian_version
	[[ $output == 12* ]]
	FAKEBUILD_ROOT=$BATS_TEST_TMPDIR/s fakebuild rmi "$REGISTRY/debian:12"
	chmod -R u+rwX "$BATS_TEST_TMPDIR" 2>/dev/null || true
}

@test "root_and_dpkg_see_a_whole_system" {
	run -0 fakebuild run debian:12 sh -c 'id -u; stat -c "%U:%G %a" /etc/shadow /tmp /usr/bin/passwd; dpkg --audit; dpkg -V'
	equal "0" "${lines[0]}"
	equal "root:shadow 640" "${lines[1]}"
	equal "root:root 1777" "${lines[2]}"
	equal "root:root 4755" "${lines[3]}"
	equal 4 "${#lines[@]}"
}

@test "apt_installs_a_package_with_users_and_set_id_files" {
	has_mirror
	run -0 fakebuild run --commit with-packages debian:12 sh -c \
		'apt-get update && apt-get install -y --no-install-recommends sudo cron openssh-server dbus bubblewrap uidmap iputils-ping'
	run -0 fakebuild run with-packages sh -c 'stat -c "%U:%G %a" /usr/bin/sudo /usr/bin/crontab /usr/bin/ssh-agent; getcap /usr/bin/ping 2>/dev/null || true; dpkg --audit'
	equal "root:root 4755" "${lines[0]}"
	equal "root:crontab 2755" "${lines[1]}"
	equal "root:_ssh 2755" "${lines[2]}"
	run -0 fakebuild run -u nobody with-packages id -un
	equal nobody "$output"
}

@test "servers_and_sandboxes_run_as_who_they_become" {
	fakebuild inspect with-packages >/dev/null 2>&1 || skip "its packages were not installed"
	cat >"$BATS_TEST_TMPDIR/script" <<-'END'
		useradd -m me
		cd /home/me
		as_me() { su me -c "$*"; }
		mkdir -p /run/sshd /run/dbus
		dbus-daemon --system --fork
		as_me dbus-send --system --print-reply=literal --dest=org.freedesktop.DBus / \
			org.freedesktop.DBus.GetConnectionUnixUser string:org.freedesktop.DBus | tr -s ' '
		printf 'Port %s\nListenAddress 127.0.0.1\nUsePAM yes\n' "$PORT" >/tmp/conf
		/usr/sbin/sshd -f /tmp/conf
		as_me "mkdir -m 700 .ssh && ssh-keygen -q -t ed25519 -N '' -f .ssh/id && cp .ssh/id.pub .ssh/authorized_keys"
		as_me "ssh -i .ssh/id -o StrictHostKeyChecking=no -o LogLevel=error -p $PORT 127.0.0.1 'id -un; cat /etc/shadow'"
		echo 'me ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/me
		as_me sudo -n head -c 4 /etc/shadow && echo
		bwrap --unshare-all --ro-bind / / --tmpfs /tmp --proc /proc sh -c 'id -u; ls /tmp; touch /x'
		as_me "bwrap --unshare-all --ro-bind / / --proc /proc sh -c 'id -un; touch /tmp/x'"
		as_me "unshare -r sh -c 'id -u; stat -c %u /etc/passwd; touch mine; chown 1 mine'"
		as_me "unshare --map-auto -r sh -c 'touch given; chown 5:6 given; stat -c %u given; chown 66000 given'"
		stat -c "%U %u:%g" mine given
	END
	me=1000
	run -0 fakebuild run -e PORT=$((20000 + RANDOM % 20000)) -v "$BATS_TEST_TMPDIR/script:/script" with-packages sh /script
	expected=" uint32 $(fakebuild run with-packages id -u messagebus)
me
cat: /etc/shadow: Permission denied
root
0
touch: cannot touch '/x': Read-only file system
me
touch: cannot touch '/tmp/x': Read-only file system
0
65534
chown: changing ownership of 'mine': Invalid argument
5
chown: changing ownership of 'given': Invalid argument
me $me:$me
UNKNOWN 100004:100005"
	equal "$expected" "$output"
}

@test "apt_in_a_folder" {
	has_mirror
	mkdir "$BATS_TEST_TMPDIR/root"
	tar -C "$BATS_TEST_TMPDIR/root" -p --exclude './dev/*' -xf "$FAKEBUILD_TEST_GUESTS/debian.tar"
	run -0 fakebuild run --rootfs "$BATS_TEST_TMPDIR/root" -- sh -c \
		'apt-get update && apt-get install -y --no-install-recommends cron && stat -c "%U:%G %a" /usr/bin/crontab'
	equal "root:crontab 2755" "${lines[-1]}"
	chmod -R u+rwX "$BATS_TEST_TMPDIR" 2>/dev/null || true
}
