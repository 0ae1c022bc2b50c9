#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# In a container without capabilities: what its seccomp profile refuses is the guest's all the same.
load store
setup_file() {
	use_store
	make_base
}
teardown_file() {
	stop_registry open
	remove_store
}
setup() {
	skip_if_missing
	elsewhere=$BATS_TEST_DIRNAME/../../build/elsewhere
	[ -x "$elsewhere" ] || skip "build/elsewhere is not built"
}
in_pod() { "$elsewhere" docker "$@"; }

@test "the_profile_refuses_what_guests_get" {
	command -v unshare >/dev/null || skip "no unshare"
	run ! in_pod unshare --mount true
	run ! in_pod chroot / true
	run -0 in_pod fakebuild run base:1 sh -c 'mkdir /m && busybox mount -t tmpfs t /m && touch /m/f && ls /m &&
		busybox umount /m && ls /m && busybox chroot / pwd && hostname pod && hostname'
	equal "f / pod" "${lines[*]}"
}
@test "namespaces_are_made_by_clone_and_unshare" {
	run -0 in_pod fakebuild run base:1 busybox unshare -m -u sh -c 'hostname inner && busybox mount -t tmpfs t /tmp && hostname'
	equal "inner" "$output"
}
@test "user_namespaces_are_made_too" {
	run -0 in_pod fakebuild run -u 5:6 base:1 busybox unshare -r sh -c 'id -u; busybox chown 1 /tmp || echo refused'
	equal "0" "${lines[0]}"
	equal "refused" "${lines[-1]}"
}
@test "guest_programs_see_what_root_sees" {
	# Of 32 and 64 bits, as far as the compiler can.
	local suite=$BATS_TEST_DIRNAME/../guest/run.sh programs=(mounts pivot netlink ptrace)
	[ -e "$BATS_TEST_DIRNAME/../../build/guest/pivot" ] || skip "the guest programs are not built"
	TMPDIR=$BATS_TEST_TMPDIR run -0 in_pod "$suite" "$(dirname "$FAKEBUILD")" "${programs[@]}"
	equal "" "$(grep -a -B 20 '^not ok' <<<"$output" || true)"
	[ "$(grep -a -c '^ok' <<<"$output")" -gt 100 ]
}
@test "a_build_is_pushed_with_nothing_but_a_store" {
	start_registry open
	mkdir "$BATS_TEST_TMPDIR/context"
	cat >"$BATS_TEST_TMPDIR/context/Dockerfile" <<-'END'
		FROM base:1
		RUN --mount=type=cache,target=/cache chown 7:8 /etc/file && echo kept >/cache/f && mknod /null c 1 3
		RUN --mount=type=cache,target=/cache cp /cache/f /f
	END
	run -0 in_pod env -u HOME -u XDG_DATA_HOME fakebuild build -q -t "$REGISTRY/pod:1" --push "$BATS_TEST_TMPDIR/context"
	fakebuild rmi "$REGISTRY/pod:1"
	run -0 in_pod env -u HOME fakebuild run -q "$REGISTRY/pod:1" sh -c 'stat -c %u:%g /etc/file && cat /f && stat -c %t:%T /null'
	equal "7:8 kept 1:3" "${lines[*]: -3}"
}
@test "without_a_place_for_the_store_it_is_said" {
	run -125 --separate-stderr env -u FAKEBUILD_ROOT -u XDG_DATA_HOME HOME=/proc fakebuild images
	sentence "cannot make the store '/proc/.local/share/fakebuild' (--root or \$FAKEBUILD_ROOT choose another place): No such file or directory"
}
@test "a_container_on_a_noexec_file_system_says_so" {
	local folder
	folder=$(awk '$4 ~ /(^|,)noexec(,|$)/ { print $2; exit }' /proc/mounts)
	[ -n "$folder" ] || skip "nothing here is mounted noexec"
	run -125 --separate-stderr fakebuild run --rootfs "$folder" -- true
	sentence "'$folder' is mounted noexec: no program in it can be executed"
}
