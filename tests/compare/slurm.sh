#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# slurm.sh: examples/slurm on a cluster of one node, as root with Debian's slurm-wlm, munge and docker-registry.  An array
# builds two images as a user; a second one takes their steps from the registry.  Speaks TAP.
set -u
cd "$(dirname "$0")/../.." || exit 1
fakebuild=$(realpath "${FAKEBUILD:-build/release/fakebuild}")
user=${FAKEBUILD_TEST_USER:-nobody}
leave() { echo "ok 1 slurm # skip $1"; exit 0; }
[ "$(id -u)" -eq 0 ] || leave "not root"
for program in slurmctld slurmd munged docker-registry busybox; do
	command -v $program >/dev/null || leave "no $program"
done

work=$(mktemp -d /var/tmp/fakebuild-slurm.XXXXXX)
chmod 755 "$work"
pids=()
# shellcheck disable=SC2317
clean_up() {
	kill "${pids[@]}"
	wait
	chmod -R u+rwX "$work"
	rm -rf "$work"
}
trap clean_up EXIT
port=$((20000 + RANDOM % 20000))
export SLURM_CONF=$work/slurm.conf
mkdir -p "$work"/{home,scratch,state,spool}

start() {
	local node
	node=$(hostname -s)
	printf '%s\n' "version: 0.1" "log: {level: error}" "storage: {filesystem: {rootdirectory: $work/blobs}}" \
		"http: {addr: '127.0.0.1:$port'}" >"$work/registry.yml"
	docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
	pids+=($!)
	printf '%s\n' ClusterName=one "SlurmctldHost=$node(127.0.0.1)" SlurmUser=root SlurmdUser=root AuthType=auth/munge \
		"SlurmctldPort=$((port + 1))" "SlurmdPort=$((port + 2))" "StateSaveLocation=$work/state" \
		"SlurmdSpoolDir=$work/spool" "SlurmctldPidFile=$work/ctld.pid" "SlurmdPidFile=$work/d.pid" \
		ProctrackType=proctrack/pgid TaskPlugin=task/none MpiDefault=none SelectType=select/cons_tres \
		SelectTypeParameters=CR_Core JobAcctGatherType=jobacct_gather/none \
		"NodeName=$node NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=4096" \
		"PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP" >"$SLURM_CONF"
	if ! munge -n >/dev/null 2>&1; then
		install -d -o munge /run/munge
		setpriv --reuid munge --regid munge --clear-groups munged --foreground >"$work/munged.log" 2>&1 &
		pids+=($!)
		sleep 1
	fi
	slurmctld -D >"$work/slurmctld.log" 2>&1 &
	pids+=($!)
	slurmd -D >"$work/slurmd.log" 2>&1 &
	pids+=($!)
	for _ in $(seq 100); do
		[ "$(sinfo -h -o %t 2>/dev/null)" = idle ] && return
		sleep 0.3
	done
	return 1
}

as_user() {
	setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups env -i -C "$work/home" HOME="$work/home" LC_ALL=C.UTF-8 \
		PATH="$(dirname "$fakebuild"):$PATH" SLURM_CONF="$SLURM_CONF" TMPDIR="$work/scratch" REGISTRY="localhost:$port/team" "$@"
}

make_images() {
	local name
	mkdir -p "$work/root/bin"
	cp "$(command -v busybox)" "$work/root/bin/sh"
	ln "$work/root/bin/sh" "$work/root/bin/busybox"
	tar --owner=0 --group=0 -C "$work/root" -cf "$work/base.tar" .
	for name in web worker; do
		mkdir -p "$work/home/$name"
		printf 'FROM localhost:%s/base:1\nRUN busybox touch /f && busybox chown 5:6 /f && echo %s >/n\nCMD ["sh", "-c", "busybox stat -c %%u:%%g /f"]\n' \
			"$port" $name >"$work/home/$name/Dockerfile"
		echo "$name $work/home/$name"
	done >"$work/home/images.txt"
	cp examples/slurm/images.sbatch "$work/home"
	chown -R "$user" "$work/home" "$work/scratch"
	as_user FAKEBUILD_ROOT="$work/scratch/first" fakebuild import "$work/base.tar" "localhost:$port/base:1" &&
		as_user FAKEBUILD_ROOT="$work/scratch/first" fakebuild push -q "localhost:$port/base:1"
}

number=0
told() { # NAME COMMAND...
	local name=$1
	shift
	number=$((number + 1))
	if "$@" >"$work/log" 2>&1 </dev/null; then
		echo "ok $number $name"
	else
		echo "not ok $number $name"
		tail -n 20 "$work/log" "$work"/home/*.log | sed 's/^/# /'
	fi
}
run_array() {
	rm -f "$work"/home/*.log
	as_user timeout 300 sbatch --wait --mem=1G --cpus-per-task=1 --array=1-2 images.sbatch images.txt
}
each_is_cached() { [ "$(cat "$work"/home/images-*.log | grep -c CACHED)" -eq 2 ]; }
nothing_is_left() { [ "$(ls "$work/scratch")" = first ]; }
runs() {
	[ "$(as_user FAKEBUILD_ROOT="$work/scratch/first" fakebuild run -q "localhost:$port/team/$1:latest")" = 5:6 ]
}

start || { echo "not ok 1 slurm runs"; tail -n 20 "$work"/*.log; exit 1; }
told "a_base_is_pushed" make_images
told "an_array_builds_and_pushes_its_images" run_array
told "the_first_one_runs" runs web
told "the_second_one_runs" runs worker
told "the_array_runs_again" run_array
told "its_steps_come_from_the_registry" each_is_cached
told "nothing_is_left_on_the_node" nothing_is_left
echo "1..$number"
