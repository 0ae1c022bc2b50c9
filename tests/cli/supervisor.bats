#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What callers of an OCI runtime count on: whose child a container is, terminals, and that nothing is left when
# somebody is killed.
load store
load bundle
setup_file() {
	use_store
	make_base_tar || return 0
	command -v python3 >/dev/null || missing "no python3" || return 0
}
teardown_file() { remove_store; }

# No process of this test's containers.
nothing_runs() { ! pgrep -f -- "$state" >/dev/null; }
nothing_is_left() { # ID
	eventually nothing_runs
	[ ! -e "$state/$1" ] || {
		find "$state/$1"
		return 1
	}
}

# ---- somebody is killed ----
@test "killing_the_supervisor_ends_the_container" {
	start_sleeper a
	first=$(pid_of a)
	kill -9 "$(pgrep -f -- "$state" | head -n 1)"
	wait_for_status a stopped
	eventually is_gone "$first"
	run -255 --separate-stderr runc exec a true
	runc delete a
	nothing_is_left a
}
@test "killing_create_ends_what_it_has_begun" {
	config 'c["hooks"] = {"prestart": [{"path": "/bin/sleep", "args": ["sleep", "60"]}]}'
	"$FAKEBUILD" runc --root "$state" create -b "$bundle" a >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	create=$!
	is_in_hook() { pgrep -P "$create" sleep >/dev/null; }
	eventually is_in_hook
	kill -9 "$create"
	wait "$create" || true
	eventually nothing_runs
	runc delete -f a
	[ ! -e "$state/a" ]
}
@test "a_mount_that_fails_leaves_nothing" {
	config 'c["mounts"] += [{"destination": "/x", "type": "ext4", "source": "none"}]'
	run -1 --separate-stderr runc create -b "$bundle" a
	# shellcheck disable=SC2154
	[[ $stderr == *"cannot mount a file system of type 'ext4' at '/x': No such device"* ]]
	nothing_is_left a
}
@test "a_hook_that_fails_or_takes_too_long_undoes_the_container" {
	config 'c["hooks"] = {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", "echo why; exit 3"]}]}'
	run -1 --separate-stderr runc create -b "$bundle" a
	[[ $stderr == *"error running createRuntime hook #0: exit status 3, output: why"* ]]
	nothing_is_left a
	config 'c["hooks"] = {"createContainer": [{"path": "/bin/sleep", "args": ["sleep", "60"], "timeout": 1}]}'
	run -1 --separate-stderr runc create -b "$bundle" a
	[[ $stderr == *"error running createContainer hook #0: hook ran past specified timeout of 1s"* ]]
	nothing_is_left a
}

# ---- who waits ----
@test "a_subreaper_gets_the_status_of_the_process_in_the_pid_file" {
	command_is 'exit 7'
	equal "7" "$(python3 - "$FAKEBUILD" "$state" "$bundle" "$BATS_TEST_TMPDIR/pid" <<'END'
import ctypes, os, subprocess, sys
program, state, bundle, pid_file = sys.argv[1:]
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
runc = [program, "runc", "--root", state]
subprocess.run(runc + ["create", "-b", bundle, "--pid-file", pid_file, "a"], check=True, stderr=2)
pid = int(open(pid_file).read())
subprocess.run(runc + ["start", "a"], check=True)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
subprocess.run(runc + ["delete", "a"], check=True)
END
)"
}
@test "a_container_runs_inside_fakebuild_root" {
	command_is 'id -u; hostname; exit 5'
	config 'c["hostname"] = "inner"'
	run -5 fakebuild root -- "$FAKEBUILD" runc --root "$state" run -b "$bundle" a
	equal "0 inner" "${lines[*]}"
	nothing_is_left a
}

# ---- terminals, descriptors ----
@test "a_console_socket_gets_the_terminal" {
	config 'c["process"]["terminal"] = True' 'c["process"]["consoleSize"] = {"height": 31, "width": 77}'
	command_is 'test -t 0 && busybox stty size </dev/console; tty -s && echo terminal; exit 4'
	run python3 - "$FAKEBUILD" "$state" "$bundle" "$BATS_TEST_TMPDIR/console" <<'END'
import array, os, socket, subprocess, sys
program, state, bundle, path = sys.argv[1:]
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen(1)
runc = [program, "runc", "--root", state]
subprocess.run(runc + ["create", "-b", bundle, "--console-socket", path, "a"], check=True)
peer, _ = listener.accept()
_, control, _, _ = peer.recvmsg(100, socket.CMSG_SPACE(4))
master = array.array("i", control[0][2][:4])[0]
subprocess.run(runc + ["start", "a"], check=True)
text = b""
try:
    while part := os.read(master, 1000):
        text += part
except OSError:  # EIO: nobody has the other end any more
    pass
print(text.decode().split())
END
	equal "['31', '77', 'terminal']" "${lines[-1]}"
}
@test "a_terminal_is_relayed_and_follows_ours" {
	config 'c["process"]["terminal"] = True'
	command_is 'busybox stty size; echo ready; read line; echo "got $line"; busybox stty size; exit 6'
	run python3 - "$FAKEBUILD" "$state" "$bundle" <<'END'
import fcntl, os, pty, signal, struct, sys, termios, time
program, state, bundle = sys.argv[1:]
pid, master = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 90, 0, 0))
    os.execv(program, [program, "runc", "--root", state, "run", "-b", bundle, "a"])
text = b""
def read_to(word):
    global text
    while word not in text:
        text += os.read(master, 1000)
read_to(b"ready")
fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 21, 91, 0, 0))
os.kill(pid, signal.SIGWINCH)
time.sleep(0.5)
os.write(master, b"hello\n")
read_to(b"21 91")
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(b"20 90" in text, b"got hello" in text, status)
END
	equal "True True 6" "${lines[-1]}"
}
@test "descriptors_to_listen_at_are_handed_on" {
	command_is 'echo "$LISTEN_FDS $((LISTEN_PID == $$))"; cat <&3'
	echo third >"$BATS_TEST_TMPDIR/third"
	LISTEN_FDS=1 run -0 runc run -b "$bundle" a 3<"$BATS_TEST_TMPDIR/third"
	equal "1 1 third" "${lines[*]}"
	run -1 --separate-stderr runc run --preserve-fds 2 -b "$bundle" b 3<"$BATS_TEST_TMPDIR/third" 4<&-
	[[ $stderr == *"descriptor 4 is to be preserved, and is not open"* ]]
}

# ---- umoci ----
@test "a_bundle_of_umoci_is_run_and_repacked" {
	command -v umoci >/dev/null || skip "no umoci"
	cd "$BATS_TEST_TMPDIR"
	umoci init --layout image
	umoci new --image image:0
	umoci unpack --rootless --image image:0 unpacked
	cp -a "$BATS_FILE_TMPDIR/base/." unpacked/rootfs
	umoci repack --image image:1 unpacked
	rm -rf unpacked
	umoci unpack --rootless --image image:1 unpacked
	bundle=$PWD/unpacked
	config 'c["process"]["terminal"] = False' \
		'c["process"]["capabilities"] = {k: ["CAP_CHOWN", "CAP_FOWNER", "CAP_DAC_OVERRIDE", "CAP_MKNOD"] for k in ("bounding", "effective", "permitted")}'
	command_is 'echo x >/file && chown 5:6 /file && chmod 640 /file && mkdir /dir && chown 7:8 /dir'
	runc run -b "$bundle" a
	umoci repack --image image:2 unpacked
	equal "dir 0o755 7:8 file 0o640 5:6" "$(python3 - image <<'END'
import json, tarfile
def blob(digest):
    return "image/blobs/sha256/" + digest[7:]
index = json.load(open("image/index.json"))
entry = [m for m in index["manifests"] if m["annotations"]["org.opencontainers.image.ref.name"] == "2"][0]
layer = json.load(open(blob(entry["digest"])))["layers"][-1]["digest"]
print(*(f"{t.name} {oct(t.mode)} {t.uid}:{t.gid}" for t in tarfile.open(blob(layer)) if t.name in ("dir", "file")))
END
)"
}
