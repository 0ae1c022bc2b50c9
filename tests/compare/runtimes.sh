#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# fakebuild-runc under the programs that call an OCI runtime, as real root: podman, buildah, docker and containerd run
# and build with it as with runc.  Each has storage and daemons of its own below one folder, and is left out when missing.
# $FAKEBUILD is the program, $FAKEBUILD_TEST_GUESTS/debian.tar the image.
# shellcheck disable=SC2016
set -u
here=$(dirname "$(realpath "$0")")
fakebuild=$(realpath "${FAKEBUILD:-$here/../../build/release/fakebuild}")
tar=${FAKEBUILD_TEST_GUESTS-}/debian.tar
number=0 daemons=()
work=$(mktemp -d /var/tmp/fakebuild-runtimes.XXXXXX)
mkdir "$work/bin" "$work/context"
runtime=$work/bin/fakebuild-runc
ln -s "$fakebuild" "$runtime"
ln -s "$fakebuild" "$work/bin/runc"
# Containers of others' are none of ours.
export XDG_RUNTIME_DIR=$work/run
mkdir "$XDG_RUNTIME_DIR"

# shellcheck disable=SC2317
clean_up() {
	local pid
	for pid in "${daemons[@]}"; do
		kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done
	grep -o " ${work}[^ ]*" /proc/self/mountinfo | sort -r | xargs -r umount -l 2>/dev/null
	rm -rf --one-file-system "$work"
}
trap clean_up EXIT

# is NAME WANTED-STATUS WANTED-OUTPUT COMMAND...: one test.  The output is a pattern; what both streams say counts.
is() {
	local name=$1 wanted_status=$2 wanted=$3 output status
	shift 3
	number=$((number + 1))
	output=$(timeout 120 "$@" </dev/null 2>&1)
	status=$?
	# What a terminal adds.
	output=${output//$'\r'/}
	output=${output//$'^@'/}
	# shellcheck disable=SC2053
	if [ "$status" -eq "$wanted_status" ] && [[ $output == $wanted ]]; then
		echo "ok $number $name"
	else
		echo "not ok $number $name"
		printf '# expected: status %s, %s\n# actual: status %s, %s\n' "$wanted_status" "${wanted@Q}" "$status" "${output@Q}"
	fi
}
skip() { # NAME WHY
	number=$((number + 1))
	echo "ok $number $1 # skip $2"
}
has() {
	command -v "$1" >/dev/null
}

cat >"$work/context/Containerfile" <<'END'
ARG BASE
FROM $BASE
RUN useradd --create-home joe && echo text >/file && chown 5:6 /file && chmod 4711 /file
RUN mknod /node c 1 3 && mkdir -m 1777 /sticky
USER joe
RUN touch ~/own && stat -c %U ~/own
USER root
RUN stat -c '%a %u:%g' /file
END
cat >"$work/context/Containerfile.failing" <<'END'
ARG BASE
FROM $BASE
RUN echo said; exit 42
END
built="stat -c '%a %u:%g %F' /file /node /sticky /home/joe/own"
as_built=$'4711 5:6 regular file\n*character special file\n1777 0:0 directory\n644 1000:1000 regular empty file'
sleeper='trap "echo told; exit 3" TERM; echo begun; while :; do sleep 0.1; done'

# What docker and podman have in common: words of the two are the same.  $1 is the name, then the program.
run_as_docker_does() {
	local name=$1
	shift
	is "${name}_gives_status_and_output" 4 $'uid=0(root)*\nmine' \
		"$@" run --rm --network none --hostname mine base:1 sh -c 'id; hostname; exit 4'
	is "${name}_tells_of_a_command_that_is_missing" 127 '*nonesuch*: executable file not found in $PATH*' \
		"$@" run --rm --network none base:1 nonesuch
	is "${name}_tells_of_a_file_that_is_no_command" 126 '*ermission denied*' \
		"$@" run --rm --network none base:1 /etc/passwd
	is "${name}_gives_users_and_folders" 0 $'1000:7 /tmp\nno' \
		"$@" run --rm --network none -u 1000:7 -w /tmp base:1 sh -c \
		'echo "$(id -u):$(id -g) $(pwd)"; touch /root/x 2>/dev/null || echo no'
	is "${name}_mounts_read_only" 0 $'text\nno\nno\nyes' \
		"$@" run --rm --network none --read-only --tmpfs /run -v "$work/context:/mnt:ro" base:1 sh -c \
		'echo text; touch /mnt/x 2>/dev/null || echo no; touch /x 2>/dev/null || echo no; touch /run/x && echo yes'
	is "${name}_gives_a_terminal" 9 '*crw*' \
		script -qec "$* run --rm -t --network none base:1 sh -c 'test -t 0 && ls -l /dev/console; exit 9'" /dev/null
	is "${name}_begins" 0 '*' "$@" run -d --name one --network none base:1 sh -c "$sleeper"
	sleep 1
	is "${name}_runs_another_command" 6 in "$@" exec one sh -c 'echo in; exit 6'
	is "${name}_runs_another_command_on_a_terminal" 7 '*in*' \
		script -qec "$* exec -t one sh -c 'test -t 0 && echo in; exit 7'" /dev/null
	is "${name}_pauses" 0 one "$@" pause one
	is "${name}_shows_that_it_is_paused" 0 paused "$@" inspect -f '{{.State.Status}}' one
	is "${name}_goes_on" 0 one "$@" unpause one
	is "${name}_stops" 0 one "$@" stop one
	is "${name}_keeps_the_log" 0 $'begun\ntold' "$@" logs one
	is "${name}_keeps_the_status" 0 3 "$@" inspect -f '{{.State.ExitCode}}' one
	is "${name}_restarts" 0 one "$@" restart one
	is "${name}_runs_after_a_restart" 0 $'true\nagain' sh -c \
		'"$@" inspect -f "{{.State.Running}}" one; "$@" exec one echo again' _ "$@"
	is "${name}_kills" 0 one "$@" kill one
	is "${name}_waits_and_tells_the_status_of_a_kill" 0 137 "$@" wait one
	is "${name}_keeps_the_status_of_a_kill" 0 137 "$@" inspect -f '{{.State.ExitCode}}' one
	is "${name}_removes" 0 one "$@" rm one
	signals_and_logs_as_docker_does "$name" "$@"
}

# What goes on for a while: logs that are followed, other signals, a container that takes no notice of SIGTERM.
signals_and_logs_as_docker_does() {
	local name=$1 talker='trap "echo usr1" USR1; trap "" TERM; echo begun; i=0; while :; do i=$((i+1)); echo $i; sleep 0.2; done'
	shift
	is "${name}_begins_one_that_talks" 0 '*' "$@" run -d --name two --network none base:1 sh -c "$talker"
	is "${name}_sends_another_signal" 0 two "$@" kill -s USR1 two
	# Ends with the container, 2 s later: SIGTERM is ignored, and SIGKILL follows.
	is "${name}_follows_the_log_until_a_stop_in_time" 0 $'begun\n*usr1*\nstopped in time' sh -c '
		"$@" logs -f two & sleep 0.5; begun=$(date +%s); "$@" stop -t 2 two >/dev/null; wait
		took=$(($(date +%s) - begun)); [ "$took" -ge 2 ] && [ "$took" -lt 15 ] && echo stopped in time' _ "$@"
	is "${name}_keeps_the_status_of_a_stop" 0 137 "$@" inspect -f '{{.State.ExitCode}}' two
	is "${name}_starts_it_again" 0 two "$@" start two
	is "${name}_kills_what_takes_no_notice" 0 two "$@" kill two
	is "${name}_removes_by_force" 0 two "$@" rm -f two
}

test_podman() {
	local podman=(podman --root "$work/containers" --runroot "$work/runroot" --tmpdir "$work/podman" --cgroup-manager cgroupfs
		--runtime "$runtime")
	has podman || { skip podman_runs_and_builds "no podman"; return; }
	"${podman[@]}" import -q "$tar" localhost/base:1 >"$work/log" 2>&1 ||
		{ skip podman_runs_and_builds "podman cannot import here: $(tail -n 1 "$work/log")"; return; }
	run_as_docker_does podman "${podman[@]}"
	is podman_builds 0 '*4711 5:6*' "${podman[@]}" build --network none --cap-add MKNOD --build-arg BASE=localhost/base:1 \
		-t localhost/made:1 "$work/context"
	is podman_builds_what_root_would 0 "$as_built" "${podman[@]}" run --rm --network none localhost/made:1 sh -c "$built"
}

test_buildah() {
	local buildah=(buildah --root "$work/containers" --runroot "$work/runroot") container
	local ways=(--runtime "$runtime" --isolation oci --network none)
	has buildah || { skip buildah_runs_and_builds "no buildah"; return; }
	"${buildah[@]}" images -q localhost/base:1 >/dev/null 2>&1 ||
		{ skip buildah_runs_and_builds "podman has imported no image"; return; }
	is buildah_builds 0 '*4711 5:6*' "${buildah[@]}" bud "${ways[@]}" --no-cache --cap-add MKNOD \
		--build-arg BASE=localhost/base:1 -t localhost/made:2 \
		-f "$work/context/Containerfile" "$work/context"
	is buildah_tells_of_a_step_that_fails 42 '*said*exit status 42*' "${buildah[@]}" bud "${ways[@]}" \
		--build-arg BASE=localhost/base:1 -f "$work/context/Containerfile.failing" "$work/context"
	container=$("${buildah[@]}" from localhost/made:2)
	is buildah_runs 5 "$as_built*" "${buildah[@]}" run "${ways[@]}" "$container" sh -c "$built; exit 5"
	is buildah_runs_on_a_terminal 6 '*terminal*' \
		script -qec "${buildah[*]} run -t ${ways[*]} $container sh -c 'test -t 1 && echo terminal; exit 6'" /dev/null
	"${buildah[@]}" rm "$container" >/dev/null
}

# Debian's own client, which can ask for BuildKit by itself.
docker_program() {
	local program
	for program in /usr/bin/docker "$(command -v docker)"; do
		[ -x "$program" ] && DOCKER_BUILDKIT=1 "$program" build --help 2>/dev/null | grep -q -- --progress &&
			echo "$program" && return
	done
	command -v docker
}

test_docker() {
	local docker attempt
	{ has dockerd && has docker; } || { skip docker_runs_and_builds "no dockerd"; return; }
	PATH="$work/bin:$PATH" dockerd --iptables=false --ip6tables=false --bridge=none -H "unix://$work/docker.sock" \
		--data-root "$work/docker" --exec-root "$work/exec" --pidfile "$work/docker.pid" \
		--add-runtime "fb=$runtime" --default-runtime fb >"$work/dockerd.log" 2>&1 &
	daemons+=($!)
	docker=("$(docker_program)" -H "unix://$work/docker.sock")
	for ((attempt = 0; attempt < 60; attempt++)); do
		"${docker[@]}" version >/dev/null 2>&1 && break
		sleep 0.5
	done
	"${docker[@]}" version >/dev/null 2>&1 ||
		{ skip docker_runs_and_builds "dockerd does not run here: $(tail -n 1 "$work/dockerd.log")"; return; }
	"${docker[@]}" import "$tar" base:1 >/dev/null
	run_as_docker_does docker "${docker[@]}"
	is docker_limits_memory 0 67108864 "${docker[@]}" run --rm --network none -m 64m base:1 sh -c \
		'cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max'
	# Version 2 has test_device_rules.
	if [ -d /sys/fs/cgroup/devices ]; then
		is docker_denies_devices 2 '*peration not permitted*' "${docker[@]}" run --rm --network none base:1 sh -c \
			'mknod /k c 1 11 && echo x >/k'
		is docker_allows_devices 0 '' "${docker[@]}" run --rm --network none --device /dev/kmsg base:1 sh -c 'echo "<7>x" >/dev/kmsg'
	fi
	is docker_builds_as_before_buildkit 0 '*4711 5:6*' env DOCKER_BUILDKIT=0 "${docker[@]}" build --network none \
		--build-arg BASE=base:1 -t made:0 -f "$work/context/Containerfile" "$work/context"
	is docker_builds_so_what_root_would 0 "$as_built" "${docker[@]}" run --rm --network none made:0 sh -c "$built"
	if DOCKER_BUILDKIT=1 "${docker[@]}" build --help 2>/dev/null | grep -q -- --progress; then
		is docker_builds_with_buildkit 0 '*4711 5:6*' env DOCKER_BUILDKIT=1 "${docker[@]}" build --progress plain \
			--network none --build-arg BASE=base:1 -t made:1 -f "$work/context/Containerfile" "$work/context"
		is buildkit_builds_what_root_would 0 "$as_built" "${docker[@]}" run --rm --network none made:1 sh -c "$built"
		is buildkit_tells_of_a_step_that_fails 1 '*said*exit code: 42*' env DOCKER_BUILDKIT=1 "${docker[@]}" build \
			--progress plain --network none --build-arg BASE=base:1 -f "$work/context/Containerfile.failing" "$work/context"
	else
		skip docker_builds_with_buildkit "this docker asks for BuildKit by a plugin only"
	fi
	test_containerd "$work/exec/containerd/containerd.sock" "${docker[@]}"
}

# dockerd has one of its own, unless the host runs one.
test_containerd() {
	local socket=$1 ctr
	shift
	has ctr || { skip containerd_runs "no ctr"; return; }
	[ -S "$socket" ] || { skip containerd_runs "dockerd uses the host's containerd"; return; }
	ctr=(ctr -a "$socket" -n tests)
	{ "$@" save base:1 -o "$work/base.tar" && "${ctr[@]}" images import "$work/base.tar" >/dev/null; } ||
		{ skip containerd_runs "the image cannot be imported"; return; }
	local image=docker.io/library/base:1
	is containerd_runs 4 'uid=0(root)*' "${ctr[@]}" run --rm --runc-binary "$runtime" "$image" a sh -c 'id; exit 4'
	is containerd_runs_on_a_terminal 5 '*terminal*' \
		script -qec "${ctr[*]} run -t --rm --runc-binary $runtime $image b sh -c 'test -t 1 && echo terminal; exit 5'" /dev/null
	is containerd_begins 0 '*' "${ctr[@]}" run -d --runc-binary "$runtime" "$image" c sh -c "$sleeper"
	is containerd_runs_another_command 7 in "${ctr[@]}" task exec --exec-id 1 c sh -c 'echo in; exit 7'
	is containerd_runs_another_command_on_a_terminal 8 '*/dev/pts/*' \
		script -qec "${ctr[*]} task exec -t --exec-id 2 c sh -c 'tty; exit 8'" /dev/null
	is containerd_pauses 0 $'*PAUSED*' sh -c '"$@" task pause c && "$@" task ls' _ "${ctr[@]}"
	is containerd_resumes 0 $'*RUNNING*\nback' sh -c \
		'"$@" task resume c && "$@" task ls && "$@" task exec --exec-id 3 c echo back' _ "${ctr[@]}"
	is containerd_lists_processes 0 '*PID*' "${ctr[@]}" task ps c
	is containerd_kills 0 '' "${ctr[@]}" task kill -s TERM c
	sleep 1
	is containerd_has_the_status 0 '*non-zero exit code 3*' "${ctr[@]}" task rm c
	"${ctr[@]}" container rm c >/dev/null
	is containerd_begins_one_to_be_killed 0 '*' "${ctr[@]}" run -d --runc-binary "$runtime" "$image" d sleep 100
	is containerd_kills_for_good 0 '' "${ctr[@]}" task kill -s KILL d
	sleep 1
	is containerd_has_the_status_of_a_kill 0 '*non-zero exit code 137*' "${ctr[@]}" task rm d
	"${ctr[@]}" container rm d >/dev/null
}

# A bundle of the host's programs, and what its container is asked; $1 is Python on its config.json.
make_bundle() {
	rm -rf "$work/bundle"
	mkdir -p "$work/bundle/rootfs" && "$runtime" spec -b "$work/bundle" && python3 - "$work/bundle/config.json" "$1" <<'END'
import json, os, sys
c = json.load(open(sys.argv[1]))
c["process"]["terminal"] = False
c["linux"]["cgroupsPath"] = "/fakebuild-test/one"
c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "cgroup"]
c["mounts"] += [{"destination": d, "source": d, "type": "bind", "options": ["rbind", "ro"]}
                for d in ("/usr", "/bin", "/lib", "/lib64") if os.path.isdir(d)]
exec(sys.argv[2])
json.dump(c, open(sys.argv[1], "w"))
END
}

# `update` of limits that bound each other, with version 1 of control groups.
test_limits() {
	local group=/sys/fs/cgroup/cpu/fakebuild-test
	has python3 || { skip limits_are_updated "no python3"; return; }
	if ! { mkdir "$group" && echo 50000 >"$group/cpu.cfs_quota_us"; } 2>/dev/null; then
		skip limits_are_updated "no version 1 of control groups for CPU time"
		return
	fi
	make_bundle 'c["process"]["args"] = ["sleep", "100"]'
	"$runtime" --root "$work/state" run -d -b "$work/bundle" one >/dev/null 2>&1 </dev/null
	is a_quota_above_its_parents_is_refused 1 '*nvalid argument*' "$runtime" --root "$work/state" update --cpu-quota 60000 one
	is a_quota_makes_room_for_a_shorter_period 0 $'3000\n10000' sh -c \
		'"$1" --root "$2" update --cpu-period 10000 --cpu-quota 3000 one && cat "$3/one/cpu.cfs_quota_us" "$3/one/cpu.cfs_period_us"' \
		_ "$runtime" "$work/state" "$group"
	is burst_is_set_and_taken_back 0 $'1000\n0' sh -c \
		'for n in 1000 0; do "$1" --root "$2" update --cpu-burst "$n" one && cat "$3/one/cpu.cfs_burst_us"; done' \
		_ "$runtime" "$work/state" "$group"
	"$runtime" --root "$work/state" delete -f one
	rmdir /sys/fs/cgroup/*/fakebuild-test 2>/dev/null
}

# What is asked of version 1 of control groups besides.
test_groups() {
	local name=/sys/fs/cgroup
	if ! { has python3 && mkdir "$name/pids/fakebuild-test" "$name/devices/fakebuild-test" "$name/memory/fakebuild-test"; } 2>/dev/null; then
		skip groups_are_those_of_the_configuration "no version 1 of control groups"
		return
	fi
	make_bundle 'c["linux"]["resources"].update(pids={"limit": 7}, memory={"limit": 33554432, "swap": 33554432})
c["process"]["args"] = ["sh", "-c", "grep :pids: /proc/self/cgroup; exec sleep 100"]'
	"$runtime" --root "$work/state" run -d -b "$work/bundle" one >"$work/told" 2>&1 </dev/null
	is a_container_sees_its_group 0 '*:pids:/fakebuild-test/one' \
		sh -c 'until [ -s "$1" ]; do sleep 0.1; done; cat "$1"' _ "$work/told"
	is no_task_at_all_is_one 0 1 sh -c \
		'"$1" --root "$2" update --pids-limit 0 one && cat "$3/pids.max" && "$1" --root "$2" update --pids-limit 99 one' \
		_ "$runtime" "$work/state" "$name/pids/fakebuild-test/one"
	echo '{"devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 1, "minor": 11, "access": "r"}]}' >"$work/rules"
	is rules_for_devices_change_above_other_groups 0 'c 1:11 r' sh -c \
		'mkdir "$3/below" && "$1" --root "$2" update -r "$4" one && grep 1:11 "$3/devices.list"' \
		_ "$runtime" "$work/state" "$name/devices/fakebuild-test/one" "$work/rules"
	timeout 20 "$runtime" --root "$work/state" events one >"$work/events" 2>/dev/null &
	is a_lack_of_memory_is_an_event 0 '*{"type":"oom","id":"one"}*' sh -c '
		sleep 0.5; "$1" --root "$2" exec one python3 -c "x = bytearray(50000000)" >/dev/null 2>&1
		for _ in $(seq 50); do grep oom "$3" && exit; sleep 0.1; done; cat "$3"' _ "$runtime" "$work/state" "$work/events"
	"$runtime" --root "$work/state" delete -f one
	make_bundle 'c["linux"]["cgroupsPath"] = "two"; c["process"]["args"] = ["grep", ":pids:", "/proc/self/cgroup"]'
	is a_group_without_a_slash_is_below_the_callers 0 '*:pids:/fakebuild-test/two' sh -c \
		'echo $$ >"$4/cgroup.procs"; "$1" --root "$2" run -b "$3" two' \
		_ "$runtime" "$work/state" "$work/bundle" "$name/pids/fakebuild-test"
	rmdir "$name"/*/fakebuild-test 2>/dev/null
}

# Clocks of its own, where the kernel has them.
test_clocks() {
	{ has python3 && unshare --time true; } 2>/dev/null || { skip clocks_are_set_off "no time namespaces"; return; }
	make_bundle 'c["linux"]["namespaces"] += [{"type": "time"}]
c["linux"]["timeOffsets"] = {"monotonic": {"secs": 7881, "nanosecs": 5}, "boottime": {"secs": 864000000, "nanosecs": 0}}
c["process"]["args"] = ["sleep", "100"]'
	"$runtime" --root "$work/state" run -d -b "$work/bundle" one >/dev/null 2>&1 </dev/null
	is clocks_are_set_off 0 $'monotonic 7881 5\nboottime 864000000 0\n86*' "$runtime" --root "$work/state" exec one \
		sh -c 'tr -s " " </proc/self/timens_offsets; cat /proc/uptime'
	"$runtime" --root "$work/state" delete -f one
	rmdir /sys/fs/cgroup/*/fakebuild-test 2>/dev/null
}

# Rules for devices where there is version 2 of control groups only.
test_device_rules() {
	local rule name wanted output
	has python3 || { skip device_rules_hold "no python3"; return; }
	unshare --mount sh -c 'umount -R -l /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && mkdir /sys/fs/cgroup/fakebuild-test' \
		2>/dev/null || { skip device_rules_hold "version 2 of control groups cannot be mounted"; return; }
	while read -r name wanted output rule; do
		make_bundle "c['linux']['devices'] = [{'path': '/dev/kmsg', 'type': 'c', 'major': 1, 'minor': 11}]
c['linux']['resources'] = {'devices': [{'allow': False, 'access': 'rwm'}, $rule]}
c['process']['args'] = ['sh', '-c', ': >/dev/null && : >/dev/kmsg && echo opened']"
		is "$name" "$wanted" "$output" unshare --mount sh -c 'umount -R -l /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup &&
			"$1" --root "$2" run -b "$3" one' _ "$runtime" "$work/state" "$work/bundle"
	done <<'END'
a_rule_denies_a_device 2 *kmsg:*not?permitted {'allow': False, 'type': 'c', 'major': 1, 'minor': 11, 'access': 'rwa'}
a_rule_for_reading_does_not_let_write 2 *kmsg:*not?permitted {'allow': True, 'type': 'c', 'major': 1, 'minor': 11, 'access': 'r'}
a_rule_allows_a_device 0 opened {'allow': True, 'type': 'c', 'major': 1, 'minor': 11, 'access': 'rw'}
END
	unshare --mount sh -c 'umount -R -l /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && rmdir /sys/fs/cgroup/fakebuild-test'
}

if [ "$(id -u)" -ne 0 ]; then
	skip runtimes "it takes real root to call them"
elif [ ! -e "$tar" ]; then
	skip runtimes 'no $FAKEBUILD_TEST_GUESTS/debian.tar'
else
	test_limits
	test_groups
	test_clocks
	test_device_rules
	test_podman
	test_buildah
	test_docker
fi
number=$((number + 1))
left=$(pgrep -fc "^$runtime" || true)
if [ "$left" -eq 0 ]; then
	echo "ok $number nothing_is_left"
else
	echo "not ok $number nothing_is_left"
	pgrep -fa "^$runtime" | sed 's/^/# /'
fi
echo "1..$number"
