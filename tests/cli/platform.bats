#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Guests of other machines: $FAKEBUILD_TEST_GUESTS/foreign-ARCH.tar has busybox, static, and dash, dynamic;
# foreign.c is compiled by what can: a cross gcc, or clang with lld and a libc of the machine.
load store

# ARCH, MACHINE as qemu calls it, prefix of the compiler, uname -m
architectures=("arm64 aarch64 aarch64-linux-gnu aarch64" "armhf arm arm-linux-gnueabihf armv7l"
	"s390x s390x s390x-linux-gnu s390x")

setup_file() {
	use_store
	local arch machine prefix said tar compiler found=
	mkdir -p "$BATS_FILE_TMPDIR/roots" "$BATS_FILE_TMPDIR/programs"
	for row in "${architectures[@]}"; do
		read -r arch machine prefix said <<<"$row"
		command -v "qemu-$machine-static" "qemu-$machine" >/dev/null || continue
		tar=${FAKEBUILD_TEST_GUESTS-}/foreign-$arch.tar
		if [ -e "$tar" ]; then
			mkdir "$BATS_FILE_TMPDIR/roots/$arch"
			tar --no-same-owner -C "$BATS_FILE_TMPDIR/roots/$arch" --exclude='./dev/*' -xf "$tar"
			printf 'root::0:0:root:/root:/bin/sh\nme:x:1000:1001:Me:/:/bin/sh\n' >"$BATS_FILE_TMPDIR/roots/$arch/etc/passwd"
			found=1
		fi
		# gcc's packages of other machines cannot be had beside gcc-multilib.
		compiler=(clang --target="$prefix" -fuse-ld=lld)
		! command -v "$prefix-gcc" >/dev/null || compiler=("$prefix-gcc")
		if "${compiler[@]}" -static -O1 -pthread -o "$BATS_FILE_TMPDIR/programs/$arch" \
			"$BATS_TEST_DIRNAME/foreign.c" 2>/dev/null; then
			found=1
		fi
	done
	[ -n "$found" ] || missing "no static qemu-user with a foreign guest or a cross compiler" || return 0
}
teardown_file() { remove_store; }

# Run the rest with ARCH and SAID set, once for each root: in_root COMMAND... gets its output.
each_root() { # FUNCTION
	local row machine prefix seen=
	for row in "${architectures[@]}"; do
		read -r ARCH machine prefix SAID <<<"$row"
		ROOT=$BATS_FILE_TMPDIR/roots/$ARCH
		[ -d "$ROOT" ] || continue
		seen=1
		"$1" || { echo "of $ARCH, $machine, $prefix"; return 1; }
	done
	[ -n "$seen" ] || skip "no \$FAKEBUILD_TEST_GUESTS/foreign-ARCH.tar"
}
in_root() { run -0 fakebuild run --rootfs "$ROOT" -- "$@"; }
each_program() { # FUNCTION
	local row machine prefix seen=
	for row in "${architectures[@]}"; do
		read -r ARCH machine prefix SAID <<<"$row"
		PROGRAM=$BATS_FILE_TMPDIR/programs/$ARCH ROOT=$BATS_TEST_TMPDIR/$ARCH
		[ -e "$PROGRAM" ] || continue
		seen=1
		mkdir -p "$ROOT"/{bin,tmp,proc,dev}
		cp "$PROGRAM" "$ROOT/bin/p"
		"$1" || { echo "of $ARCH, $machine, $prefix"; return 1; }
	done
	[ -n "$seen" ] || skip "no cross compiler"
}

static_and_dynamic() {
	in_root /bin/busybox uname -m
	equal "$SAID" "$output"
	in_root /bin/dash -c 'busybox uname -m; busybox id -u; exec busybox sh -c "exec dash -c \"busybox uname -m\""'
	equal "$SAID 0 $SAID" "${lines[*]}"
	# Without the fast path as well.
	run -0 fakebuild run --no-fast-path --rootfs "$ROOT" -- /bin/dash -c 'echo a | busybox cat | busybox wc -c'
	equal 2 "$output"
}
@test "static_and_dynamic_programs_run" { each_root static_and_dynamic; }

scripts() {
	in_root /bin/dash -c 'cd /tmp
		printf "#!/bin/dash\necho \$0 \"\$@\"; busybox cat /proc/\$\$/comm; busybox tr \"\\\\0\" \" \" </proc/\$\$/cmdline\n" >script
		printf "#!/tmp/script x  y\n" >outer
		busybox chmod 755 script outer
		./script a "b c"; echo; ./outer d'
	equal "./script a b c" "${lines[0]}"
	equal script "${lines[1]}"
	equal "/bin/dash ./script a b c" "${lines[2]% }"
	equal "/tmp/script x  y ./outer d" "${lines[3]}"
	equal outer "${lines[4]}"
	equal "/bin/dash /tmp/script x  y ./outer d" "${lines[5]% }"
}
@test "scripts_have_foreign_interpreters" { each_root scripts; }

no_trace_of_it() {
	in_root /bin/dash -c 'busybox env | busybox sort; busybox tr "\\0" " " </proc/$$/cmdline | busybox cut -d " " -f 1-2
		busybox readlink /proc/$$/exe; busybox cat /proc/$$/comm; busybox grep -c -e qemu -e shim -e arena /proc/$$/maps /proc/self/maps
		ls /tmp /etc 2>/dev/null | busybox grep qemu; busybox ps -o args | busybox grep -c "^qemu"'
	[[ $output != *QEMU* ]]
	[[ $output == *"/bin/dash -c"* ]]
	[[ ${lines[*]: -5} =~ ^/bin/dash\ dash\ /proc/[0-9]+/maps:0\ /proc/self/maps:0\ 0$ ]]
}
@test "nothing_of_the_emulator_shows" { each_root no_trace_of_it; }

keeps_the_environment() {
	# The order, and the first of a name that is there twice; as the process sees it, and as others do.
	run -0 fakebuild run -e A=1 -e B=2 -e C=3 --rootfs "$ROOT" -- /bin/busybox env
	[[ ${lines[*]} =~ A=1\ B=2\ C=3 ]]
	run -0 fakebuild run -e A=1 -e B=2 -e C=3 --rootfs "$ROOT" -- /bin/busybox sh -c 'busybox tr "\\0" " " </proc/$$/environ'
	[[ $output =~ A=1\ B=2\ C=3 ]]
}
@test "the_environment_keeps_its_order" { each_root keeps_the_environment; }

keeps_owners() {
	in_root /bin/busybox sh -c 'busybox touch /tmp/f; busybox chown 5:6 /tmp/f; busybox chmod 4711 /tmp/f'
	in_root /bin/busybox stat -c '%u:%g %a' /tmp/f
	equal "5:6 4711" "$output"
}
@test "owners_and_modes_are_kept" { each_root keeps_owners; }

becomes_root() {
	in_root /bin/busybox sh -c 'busybox cp /bin/busybox /bin/su; busybox chmod 4755 /bin/su'
	run -0 fakebuild run -u me --rootfs "$ROOT" -- /bin/busybox sh -c 'busybox id -u; /bin/su -c "busybox id -u"'
	equal "1000 0" "${lines[*]}"
	run -0 fakebuild run -u me --rootfs "$ROOT" -- /bin/dash -c 'busybox chown 0 /bin/su 2>/dev/null || busybox id -u'
	equal 1000 "$output"
}
@test "set_id_programs_become_who_they_belong_to" { each_root becomes_root; }

an_image() {
	tar -C "$ROOT" --numeric-owner --owner=0 --group=0 -cf "$BATS_TEST_TMPDIR/$ARCH.tar" .
	fakebuild import --platform "linux/$ARCH" -c 'CMD ["uname","-m"]' -c 'ENTRYPOINT ["busybox"]' \
		"$BATS_TEST_TMPDIR/$ARCH.tar" "foreign:$ARCH"
	run -0 fakebuild inspect "foreign:$ARCH"
	[[ $output =~ \"Architecture\":\ \"${ARCH%hf}\" ]]
	run -0 fakebuild run "foreign:$ARCH"
	equal "$SAID" "$output"
	run -0 fakebuild run --pull never --platform "linux/$ARCH" "foreign:$ARCH"
	equal "$SAID" "$output"
}
@test "images_of_other_platforms_run" { each_root an_image; }

a_build() {
	[ "$ARCH" != armhf ] || return 0 # its TARGETARCH is arm
	tar -C "$ROOT" --numeric-owner --owner=0 --group=0 -cf "$BATS_TEST_TMPDIR/$ARCH.tar" .
	fakebuild import --platform "linux/$ARCH" "$BATS_TEST_TMPDIR/$ARCH.tar" "parts:$ARCH"
	mkdir -p "$BATS_TEST_TMPDIR/context"
	printf '%s\n' 'ARG TARGETARCH' 'FROM parts:$TARGETARCH' 'RUN ["/bin/busybox","sh","-c","/bin/busybox uname -m >/machine"]' \
		'CMD ["/bin/busybox","cat","/machine"]' >"$BATS_TEST_TMPDIR/context/Dockerfile"
	fakebuild build -q --platform "linux/amd64,linux/$ARCH" -t both:1 "$BATS_TEST_TMPDIR/context"
	run -0 fakebuild run --pull never --platform "linux/$ARCH" both:1
	equal "$SAID" "$output"
	run -0 fakebuild run --pull never --platform linux/amd64 both:1
	equal x86_64 "$output"
}
@test "images_are_built_for_several_platforms" {
	[ "$(uname -m)" = x86_64 ] || skip "made for an amd64 host"
	make_base_tar
	fakebuild import "$BATS_FILE_TMPDIR/base.tar" parts:amd64
	each_root a_build
}

calls() {
	run -0 fakebuild run --rootfs "$ROOT" -- /bin/p calls
	equal "threads signal interrupted spawned vfork own" "${lines[*]}"
	run -0 fakebuild run --no-fast-path --rootfs "$ROOT" -- /bin/p calls
	equal "threads signal interrupted spawned vfork own" "${lines[*]}"
}
@test "threads_signals_and_children" { each_program calls; }

ways_to_execute() {
	run -0 fakebuild run --rootfs "$ROOT" -- /bin/p from-thread
	equal "argv0 0 0 secure 0" "$output"
	run -0 fakebuild run --rootfs "$ROOT" -- /bin/p by-descriptor
	equal "argv0 0 0 secure 0" "$output"
	run -0 fakebuild run --rootfs "$ROOT" -- /bin/p from-memory
	equal "argv0 0 0 secure 0" "$output"
	run -0 fakebuild run --rootfs "$ROOT" -- /bin/p set-id
	equal "copy 1000 7 secure 1" "$output"
	run -0 fakebuild run --rootfs "$ROOT" -- /bin/p unreadable
	equal "copy 1000 1000 secure 0" "$output"
}
@test "programs_are_executed_by_threads_descriptors_and_who_may_not_read_them" { each_program ways_to_execute; }

@test "a_missing_emulator_is_named" {
	local program
	program=$(find "$BATS_FILE_TMPDIR"/roots/*/bin/busybox "$BATS_FILE_TMPDIR"/programs/* 2>/dev/null | head -n 1)
	mkdir -p "$BATS_TEST_TMPDIR"/{r,empty}
	cp "$program" "$BATS_TEST_TMPDIR/r/p"
	run -126 --separate-stderr env PATH=/nowhere FAKEBUILD_QEMU="$BATS_TEST_TMPDIR/empty" \
		"$(command -v fakebuild)" run --rootfs "$BATS_TEST_TMPDIR/r" -- /p
	[[ $stderr =~ ^"fakebuild: cannot execute '/p': it is a program for "([a-z0-9]+)", and there is no static qemu-" ]]
	local machine=${BASH_REMATCH[1]} folder
	# In $FAKEBUILD_QEMU alone it is found; a script is none.
	printf '#!/bin/sh\n' >"$BATS_TEST_TMPDIR/empty/qemu-$machine"
	chmod 755 "$BATS_TEST_TMPDIR/empty/qemu-$machine"
	run -126 env PATH=/nowhere FAKEBUILD_QEMU="$BATS_TEST_TMPDIR/empty" \
		"$(command -v fakebuild)" run --rootfs "$BATS_TEST_TMPDIR/r" -- /p
	folder=$(dirname "$(command -v "qemu-$machine-static" "qemu-$machine" | head -n 1)")
	run ! grep -q 'there is no static' <(env PATH=/nowhere FAKEBUILD_QEMU="$folder" \
		"$(command -v fakebuild)" run --rootfs "$BATS_TEST_TMPDIR/r" -- /p calls 2>&1)
}
