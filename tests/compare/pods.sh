#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# pods.sh: the examples in real containers, as root with Debian's docker.io, docker-registry and python3-yaml, and with a package
# mirror in reach.  The image of examples/builder is made by fakebuild as a user, and runs under what the manifests
# ask for; each example pushes to a registry on loopback, from where what it made is run by Docker and by fakebuild.
# $FAKEBUILD_TEST_BUILDER: a docker-archive of that image, to save the minutes of making it.  Speaks TAP.
set -u
cd "$(dirname "$0")/../.." || exit 1
fakebuild=$(realpath "${FAKEBUILD:-build/release/fakebuild}")
guest=${FAKEBUILD_TEST_GUESTS-}/debian.tar user=${FAKEBUILD_TEST_USER:-nobody}
leave() { echo "ok 1 pods # skip $1"; exit 0; }
[ "$(id -u)" -eq 0 ] || leave "not root"
[ -e "$guest" ] || leave "no \$FAKEBUILD_TEST_GUESTS/debian.tar"
for program in dockerd docker docker-registry; do
	command -v $program >/dev/null || leave "no $program"
done
python3 -c 'import yaml' 2>/dev/null || leave "python3 has no yaml"

work=$(mktemp -d /var/tmp/fakebuild-pods.XXXXXX)
pids=()
# shellcheck disable=SC2317
clean_up() {
	[ ${#pids[@]} -eq 0 ] || kill "${pids[@]}"
	wait
	umount "$work"/exec/netns/* 2>/dev/null
	chmod -R u+rwX "$work"
	rm -rf "$work"
}
trap clean_up EXIT
chmod 755 "$work"
port=$((20000 + RANDOM % 20000)) registry=
registry=localhost:$port
docker() { command docker -H "unix://$work/socket" "$@"; }

as_user() {
	setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
		env -i HOME="$work/home" PATH="$PATH" LC_ALL=C.UTF-8 "$@"
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
		tail -n 30 "$work/log" | sed 's/^/# /'
	fi
}

start() {
	# bcrypt of "secret"
	# shellcheck disable=SC2016
	echo 'pod:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a' >"$work/passwd"
	printf '%s\n' "version: 0.1" "log: {level: error}" "storage: {filesystem: {rootdirectory: $work/blobs}}" \
		"http: {addr: '127.0.0.1:$port'}" "auth: {htpasswd: {realm: tests, path: $work/passwd}}" >"$work/registry.yml"
	docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
	pids+=($!)
	dockerd --iptables=false --ip6tables=false --bridge=none --data-root "$work/docker" --exec-root "$work/exec" \
		--pidfile "$work/pid" -H "unix://$work/socket" >"$work/dockerd.log" 2>&1 &
	pids+=($!)
	for _ in $(seq 100); do
		docker info >/dev/null 2>&1 && return
		sleep 0.2
	done
	return 1
}

make_builder() {
	mkdir -p "$work/home" "$work/source"
	git ls-files -z Makefile program builder compat oci tracer man examples | xargs -0 cp --parents -t "$work/source"
	chown -R "$user" "$work/home"
	if [ -z "${FAKEBUILD_TEST_BUILDER-}" ]; then
		as_user "$fakebuild" import "$guest" debian:12-slim &&
			as_user "$fakebuild" build -f "$work/source/examples/builder/Dockerfile" -t registry.example.org/tools/fakebuild:1 \
				"$work/source" && as_user "$fakebuild" save -o "$work/home/builder.tar" registry.example.org/tools/fakebuild:1
	fi && docker load -i "${FAKEBUILD_TEST_BUILDER:-$work/home/builder.tar}"
}

# What is built: on the Debian of the guests, with what a package's scripts do.
make_context() {
	mkdir -p "$work/context" "$work/credentials"
	cat >"$work/context/Dockerfile" <<-END
		FROM $registry/debian:12
		RUN --mount=type=cache,target=/cache useradd -m me && su me -c 'touch ~/f' && chgrp shadow /usr/bin/expiry && chmod 2755 /usr/bin/expiry
		RUN mkdir /mnt/t && mount -t tmpfs t /mnt/t && chroot / umount /mnt/t && unshare -m true
		COPY --chown=me Dockerfile /home/me/
		USER me
		CMD stat -c %U:%G /home/me/f /home/me/Dockerfile /usr/bin/expiry | tr '\n' ' '
	END
	echo "{\"auths\": {\"$registry\": {\"auth\": \"$(printf pod:secret | base64)\"}}}" >"$work/credentials/config.json"
	as_user env DOCKER_CONFIG="$work/credentials" "$fakebuild" import "$guest" "$registry/debian:12" &&
		as_user env DOCKER_CONFIG="$work/credentials" "$fakebuild" push -q "$registry/debian:12"
}

# A folder that Kubernetes would have made: of the group that fsGroup names, with its bit.
make_volume() { # NAME GROUP
	rm -rf "${work:?}/$1"
	mkdir -m 2770 "$work/$1"
	chgrp "$2" "$work/$1"
}

says_who_owns() { # REFERENCE
	local said
	said=$(as_user env DOCKER_CONFIG="$work/credentials" "$fakebuild" run --rm "$1" && docker --config "$work/credentials" \
		run --rm --network none "$1")
	echo "$said"
	[ "$said" = "me:me me:me root:shadow me:me me:me root:shadow " ]
}

# shellcheck disable=SC2120
run_pod() { # [DOCKER'S OPTION...]: Kubernetes' Job, with these options instead of its user
	local words flags=() command
	mapfile -t words < <(tests/examples.py pod | sed "s|registry.example.org/team|$registry/team|; s|^https://git.*|/context|
		s|\$VOLUMES/credentials|$work/credentials|; s|\$VOLUMES/home|$work/home-of-pod|")
	while [ "${words[0]}" != -- ]; do
		[[ $# -gt 0 && ${words[0]} == --user=* ]] || flags+=("${words[0]}")
		words=("${words[@]:1}")
	done
	command=("${words[@]:1}")
	docker run --rm --network host -v "$work/context:/context:ro" "${flags[@]}" "$@" \
		registry.example.org/tools/fakebuild:1 "${command[@]}"
}

# The lines of a CI system's script, in a folder that belongs to its user.
run_script() { # NAME OPTION...
	local name=$1
	shift
	make_volume "checkout-$name" 0
	cp "$work/context/Dockerfile" "$work/checkout-$name"
	chmod 777 "$work/checkout-$name"
	tests/examples.py script "$name" >"$work/$name.sh"
	docker run --rm --network host -v "$work/checkout-$name:/checkout" -w /checkout -v "$work/$name.sh:/script.sh:ro" \
		-e REGISTRY="$registry" -e IMAGE="$registry/github" -e TOKEN=secret -e GITHUB_ACTOR=pod -e GITHUB_SHA=1234567 \
		-e CI_REGISTRY="$registry" -e CI_REGISTRY_IMAGE="$registry/gitlab" -e CI_REGISTRY_USER=pod \
		-e CI_REGISTRY_PASSWORD=secret -e CI_COMMIT_SHA=1234567 "$@" registry.example.org/tools/fakebuild:1 sh -e /script.sh
}
is_cached() { grep -q CACHED "$work/log.again"; }

start || { echo "not ok 1 docker and a registry run"; tail -n 20 "$work"/*.log; exit 1; }
told "the_image_of_the_builder_is_made" make_builder
told "the_base_is_pushed" make_context
make_volume home-of-pod 1000
told "a_restricted_pod_builds_and_pushes" run_pod
told "what_the_pod_made_runs" says_who_owns "$registry/team/app:1"
make_volume home-of-pod 1000
# shellcheck disable=SC2119
run_pod >"$work/log.again" 2>&1
told "the_next_pod_takes_its_steps_from_the_registry" is_cached
make_volume home-of-pod 0
told "a_number_of_openshifts_is_a_user" run_pod --user=1000700000:0
make_volume home-of-pod 0
told "root_without_capabilities_is_one" run_pod --user=0:0
mapfile -t options < <(tests/examples.py options github)
told "the_github_workflow_builds_and_pushes" run_script github "${options[@]}" -e HOME=/fakebuild
told "what_the_github_workflow_made_runs" says_who_owns "$registry/github:latest"
told "the_gitlab_job_builds_and_pushes" run_script gitlab
told "what_the_gitlab_job_made_runs" says_who_owns "$registry/gitlab:1234567"
echo "1..$number"
