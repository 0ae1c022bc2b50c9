#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Bundles: of ours and of umoci's, changed by runs, and taken back by either.
load store
setup_file() {
	use_store
	make_base || return 0
	fakebuild run --commit owned:1 base:1 sh -c 'mkdir -m 2750 /d; echo x >/d/f; chown -R 33:44 /d; chmod 4711 /d/f
		ln /d/f /d/g; ln -s f /d/l; mknod /d/null c 1 3; echo "#" >"/d/a b#é"; chmod 0 /etc/file'
}
teardown_file() { remove_store; }
setup() {
	skip_if_missing
	b=$BATS_TEST_TMPDIR/bundle
	rootless=()
	[ "$(id -u)" -eq 0 ] || rootless=(--rootless)
}
needs() { command -v "$1" >/dev/null || skip "no $1"; }

# Entries of the top layer of an image: mode, owner, name, without the folders that runs make for their mounts.
top_layer() { # IMAGE
	skopeo copy -q "oci:$FAKEBUILD_ROOT:$1" "dir:$BATS_TEST_TMPDIR/top" >/dev/null
	local digest
	digest=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["layers"][-1]["digest"][7:])' \
		"$BATS_TEST_TMPDIR/top/manifest.json")
	(zcat "$BATS_TEST_TMPDIR/top/$digest" 2>/dev/null || cat "$BATS_TEST_TMPDIR/top/$digest") | tar -tv --numeric-owner |
		sed -E 's/ +[0-9]+ [0-9-]+ [0-9:]+ / /' | grep -vE ' (\.|dev|etc|proc|sys|etc/(hosts|hostname|resolv.conf|mtab.*))/?$' | sort
	rm -rf "$BATS_TEST_TMPDIR/top"
}
layers() { # IMAGE
	skopeo inspect --raw "oci:$FAKEBUILD_ROOT:$1" | python3 -c 'import json, sys; print(len(json.load(sys.stdin)["layers"]))'
}

@test "a_bundle_has_what_a_runtime_needs" {
	fakebuild bundle owned:1 "$b"
	equal "config.json rootfs sha256_*.mtree umoci.json" "$(cd "$b" && echo config.json rootfs 'sha256_*.mtree' umoci.json)"
	equal '["sh", "-c", "base runs"] / FROM_IMAGE=yes' "$(python3 -c 'import json, sys
p = json.load(open(sys.argv[1]))["process"]; a = p["args"]; a[2] = a[2].removeprefix("echo ")
print(json.dumps(a), p["cwd"], [e for e in p["env"] if e.startswith("FROM")][0])' "$b/config.json")"
	[ "$(id -u)" -eq 0 ] || [ "$(getfattr --only-values -n user.rootlesscontainers "$b/rootfs/d" | od -An -tx1 | tr -d ' ')" = 0821102c ]
	equal "4711 2" "$(stat -c '%a %h' "$b/rootfs/d/f")"
	python3 - "$b/config.json" <<'END'
import json, sys
c = json.load(open(sys.argv[1]))
c["process"].update(terminal=False, args=["sh", "-c", "stat -c '%u:%g %a %F' /d /d/f /etc/file"])
json.dump(c, open(sys.argv[1], "w"))
END
	run -0 fakebuild runc --root "$BATS_TEST_TMPDIR/state" run -b "$b" one
	equal $'33:44 2750 directory\n33:44 4711 regular file\n0:0 0 regular file' "$output"
}

@test "an_unchanged_bundle_has_no_layer" {
	needs umoci
	needs skopeo
	fakebuild bundle owned:1 "$b"
	fakebuild commit --bundle "$b" same:1
	equal 2 "$(layers docker.io/library/same:1)"
	umoci repack --image "$FAKEBUILD_ROOT:umoci-same" "$b"
	equal 2 "$(layers umoci-same)"
	umoci unpack "${rootless[@]}" --image "$FAKEBUILD_ROOT:docker.io/library/owned:1" "$b.umoci"
	fakebuild commit --bundle "$b.umoci" same:2
	equal 2 "$(layers docker.io/library/same:2)"
}

@test "changes_are_taken_back_by_either" {
	needs umoci
	needs skopeo
	change='chown 7:8 /d/f; mkdir -m 2755 /new; echo n >/new/f; chown -R 100:101 /new; chmod 4711 /new/f; ln /new/f /new/g
		rm "/d/a b#é"; echo more >>/etc/passwd; chmod 0 /etc/group'
	for made_by in ours umoci; do
		rm -rf "$b"
		if [ $made_by = ours ]; then
			fakebuild bundle owned:1 "$b"
		else
			umoci unpack "${rootless[@]}" --image "$FAKEBUILD_ROOT:docker.io/library/owned:1" "$b"
		fi
		run -0 fakebuild run --rootfs "$b/rootfs" sh -c "$change"
		fakebuild commit --bundle "$b" "changed:$made_by"
		umoci repack --image "$FAKEBUILD_ROOT:umoci-$made_by" "$b"
		fakebuild run --commit "wanted:1" owned:1 sh -c "$change"
		wanted=$(top_layer docker.io/library/wanted:1)
		equal "$wanted" "$(top_layer "docker.io/library/changed:$made_by")"
		# umoci tells names of one file apart, and takes all of them when their number has changed.
		diff <(printf '%s\n' "$wanted" | grep -v ' d/[fgl]' | sed 's/^h/-/; s/ link to .*//') \
			<(top_layer "umoci-$made_by" | grep -v ' d/[fgl]' | sed 's/^h/-/; s/ link to .*//')
	done
}

@test "bad_bundles_are_refused_and_left_alone" {
	mkdir "$b"
	echo mine >"$b/file"
	run -125 --separate-stderr fakebuild bundle owned:1 "$b"
	sentence "cannot make the bundle '$b': File exists"
	equal file "$(ls "$b")"
	run -125 --separate-stderr fakebuild bundle nothing:1 "$b.new"
	[ ! -e "$b.new" ]
	run -125 --separate-stderr fakebuild bundle owned:1 "$b.none/new"
	sentence "cannot make the bundle '$b.none/new': No such file or directory"
	run -125 --separate-stderr fakebuild commit --bundle "$b" x:1
	sentence "cannot open '$b/umoci.json': No such file or directory"
	echo '{"from_descriptor_path":{"descriptor_walk":[]}}' >"$b/umoci.json"
	run -125 --separate-stderr fakebuild commit --bundle "$b" x:1
	sentence "$b/umoci.json: from_descriptor_path names no image"
	run -2 --separate-stderr fakebuild commit
	sentence "commit: a container or --bundle DIR is needed, and at most one name"
}
