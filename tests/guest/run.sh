#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh BUILD-FOLDER [PROGRAM...]: the programs of tests/guest/ under fakebuild, in an image, in a directory
# (of both ABIs, with and without the fast path) and, with the host's libc, on the host's own tree; with "native"
# for the folder, as real root in a chroot.  FAKEBUILD_TEST_OLD_KERNEL=1: without the calls that came after Linux 3.10.
# FAKEBUILD_TEST_FALL_THROUGH=N: as that says, and in place of the run without the fast path one that verifies its answers.
# JOBS=N: in N roots at once. Speaks TAP; a test's name has the way and the program in front.
set -u
cd "$(dirname "$0")/../.." || exit 1
way_or_build=${1:?usage: tests/guest/run.sh BUILD-FOLDER|native [PROGRAM...]}
shift
programs=("$@")
[ ${#programs[@]} -gt 0 ] || mapfile -t programs < <(find tests/guest -name '*.c' -printf '%f\n' | sed 's/\.c$//' | sort)
if [ "${JOBS:-1}" -gt 1 ] && [ ${#programs[@]} -gt 1 ]; then
	# Who is done takes the next; what each hand gave is told in one go, and numbered anew.
	hands=$(mktemp -d)
	trap 'rm -rf "$hands"' EXIT
	printf '%s\n' "${programs[@]}" >"$hands/left"
	for ((hand = 0; hand < JOBS && hand < ${#programs[@]}; hand++)); do
		{ FAKEBUILD_TEST_LEFT=$hands/left JOBS=1 tests/guest/run.sh "$way_or_build" || echo "not ok 1 ended with status $?"; } >"$hands/$hand.told" 2>&1 &
	done
	wait
	[ ! -s "$hands/left" ] || echo "not ok 1 nobody has run $(tr '\n' ' ' <"$hands/left")" >"$hands/left.told"
	cat "$hands"/*.told | awk '/^(not )?ok / { sub(/ok [0-9]+/, "ok " ++number) } { print }'
	exit
fi
# The next program; several hands take from one file.
taken=0
take_program() {
	if [ -z "${FAKEBUILD_TEST_LEFT-}" ]; then
		program=${programs[taken]-}
		taken=$((taken + 1))
	else
		program=$(flock "${FAKEBUILD_TEST_LEFT%/*}" sed -i -e '1{w /dev/stdout' -e 'd}' "$FAKEBUILD_TEST_LEFT")
	fi
	[ -n "$program" ]
}
here=$(mktemp -d "${TMPDIR:-/var/tmp}/fakebuild-guest-XXXXXX")
chmod 755 "$here"
clean() {
	chmod -R u+rwX "$here" 2>/dev/null
	rm -rf "$here"
}
trap clean EXIT

# A root with nothing but the programs.
make_root() {
	mkdir -p "$1"/{bin,dev,etc,proc,sys,tmp,work}
	cp build/guest/* "$1/bin/"
	rm "$1"/bin/*.dynamic
	chmod 1777 "$1/tmp"
	printf 'root:x:0:0:root:/root:/bin/sh\nme:x:1000:1000:Me:/:/bin/sh\n' >"$1/etc/passwd"
	printf 'root:x:0:\nme:x:1000:\n' >"$1/etc/group"
}

# What layers.c finds.
make_fixed() {
	local set
	[ ! -e "$1/fixed" ] || chmod -R u+rwX "$1/fixed"
	rm -rf "$1/fixed"
	for set in 0 1 2 3 4 5 6 7; do
		mkdir -p "$1/fixed/$set/d"
		(
			cd "$1/fixed/$set" || exit
			printf text >f
			ln f g
			printf program >s
			chmod 4755 s
			printf 'in d' >d/f
			ln -s f l
			head -c 100000 /dev/zero >large
			touch -d 2020-01-02 -- * d/f
		)
	done
}

# Number on, and say which way and program; a program that printed fewer results than it has tests has failed.
number=0
tell() { # WAY PROGRAM COMMAND...
	local name="$1 $2" of=${2%.32} line plan=-1 seen=0
	shift 2
	while IFS= read -r line; do
		case $line in
		1..*) plan=${line#1..} ;;
		'ok '* | 'not ok '*)
			seen=$((seen + 1)) number=$((number + 1))
			[[ " ${newer[*]-} " != *" $of:${line#*ok * } "* ]] || line="ok $number ${line#*ok * } # skip its calls are newer"
			[[ " ${unlike[*]-} " != *" $of:${line#*ok * } "* ]] || line="ok $number ${line#*ok * } # skip real root's guests keep CAP_FSETID"
			printf '%s %d %s: %s\n' "${line%%ok *}ok" $number "$name" "${line#*ok * }"
			;;
		*) printf '%s\n' "$line" ;;
		esac
	done < <(timeout 120 "$@" 2>&1)
	[ "$seen" -eq "$plan" ] || echo "not ok $((++number)) $name: $seen results of $plan tests"
}

if [ "$way_or_build" = native ]; then
	[ "$(id -u)" -eq 0 ] || { echo "# needs root"; exit 1; }
	if ! unshare --mount --uts --ipc --pid --fork true 2>/dev/null; then
		echo "ok 1 native: all # skip root may not make namespaces here"
		exit
	fi
	make_root "$here/root"
	# shellcheck disable=SC2016
	inside='mount --bind "$1" "$1" && mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" &&'
	# Where only the root is another, no user namespace is to be had.
	# shellcheck disable=SC2016
	chroot='chroot "$1" "/bin/$2"' pivot='mkdir -p "$1/old" && cd "$1" && pivot_root . old && exec "/bin/$2"'
	while take_program; do
		for path in build/guest/"$program"{,.32}; do
			[ -e "$path" ] || continue
			rm -rf "$here/root/work"
			mkdir "$here/root/work"
			[ "$program" != layers ] || make_fixed "$here/root"
			into=$chroot
			[ "$program" != users ] || into=$pivot
			tell native "${path##*/}" unshare --mount --uts --ipc --pid --fork --kill-child --propagation private \
				env GUEST_NATIVE=/work sh -c "$inside $into" - "$here/root" "${path##*/}"
		done
	done
	exit
fi

fakebuild=$(realpath "$way_or_build/fakebuild")
# As on a kernel without the calls that came after 3.10; tests of these calls are left out.
under=() newer=() unlike=()
[ "$(id -u)" -ne 0 ] || unlike=(chmod:writing_to_a_file_that_is_made_takes_its_set_id_bits)
if [ -n "${FAKEBUILD_TEST_OLD_KERNEL-}" ]; then
	under=("$(realpath build/elsewhere)" linux-3.10)
	newer=(access:errors process:real_time_scheduling_is_as_it_was_set open:descriptors_have_the_flags_that_were_given chmod:fchmodat2_has_flags exec:execveat_by_directory_and_by_descriptor exec:from_memory
		exec:exe_leads_to_a_program_without_a_name exec:set_id_programs stat:errors_of_statx
		names:descriptors_tell_nodes_of_one_number_apart unix:credentials_are_those_of_the_send stat:an_empty_path_is_the_descriptor_whatever_the_flags unix:a_name_that_does_not_fit_is_cut
		xattr:the_newest_calls i386:sockets_by_numbers_of_their_own i386:several_messages_at_once i386:large_files_are_opened_by_who_asks
		pid_numbers:peers_and_messages_name_processes pid_numbers:clocks_and_timers_are_of_processes_there
		process:the_first_process_is_number_1 process:policies_are_set_by_the_owner_or_root
		process:filters_are_told_as_set process:strict_mode_leaves_four_calls
		process:children_made_by_clone_are_waited_for_as_asked
		cgroups:what_the_kernel_copies_is_taken_as_written_or_refused refused:ways_to_see_and_change_all_are_closed)
fi
other=slow
[ -z "${FAKEBUILD_TEST_FALL_THROUGH-}" ] || other=verifying
export FAKEBUILD_ROOT=$here/store
make_root "$here/root"
make_fixed "$here/root"
tar --numeric-owner --owner=0 --group=0 -C "$here/root" -cf "$here/root.tar" .
"$fakebuild" import "$here/root.tar" guest:1 >/dev/null || exit 1
while take_program; do
	# Its calls are all newer.
	[[ ${#under[@]} -eq 0 || $program != mountapi ]] || continue
	tell image "$program" "${under[@]}" "$fakebuild" run -w /work guest:1 -- "/bin/$program"
	for path in build/guest/"$program"{,.32}; do
		[ -e "$path" ] || continue
		for way in rootfs "$other"; do
			chmod -R u+rwX "$here/root/work"
			# With what is removed goes what was noted of it: inode numbers come again.
			rm -rf "$here/root/work" "$FAKEBUILD_ROOT/cache/rootfs"
			mkdir "$here/root/work"
			[ "$program" != layers ] || make_fixed "$here/root"
			options=(-w /work --rootfs "$here/root")
			[ "$way" != slow ] || options+=(--no-fast-path)
			mode=()
			[ "$way" != verifying ] || mode=(env FAKEBUILD_TEST_FALL_THROUGH= FAKEBUILD_TEST_VERIFY=1)
			tell "$way" "${path##*/}" "${mode[@]}" "${under[@]}" "$fakebuild" run "${options[@]}" -- "/bin/${path##*/}"
		done
	done
	[ "$program" != layers ] || continue
	mkdir "$here/$program"
	tell root "$program" env -C "$here/$program" "${under[@]}" "$fakebuild" root -- "$PWD/build/guest/$program.dynamic"
done
