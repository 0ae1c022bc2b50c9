#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""type.py COMMAND [TYPE WAIT]...: run COMMAND in a terminal, type each TYPE (a line; a control character
goes without a newline), wait until WAIT is seen, and print the exit status last."""
import os, pty, select, sys, time

pid, master = pty.fork()
if pid == 0:
    os.execvp("sh", ["sh", "-c", sys.argv[1]])
seen = b""


def read(seconds, wanted):
    global seen
    end = time.time() + seconds
    while time.time() < end:
        ready, _, _ = select.select([master], [], [], 0.1)
        if not ready:
            if wanted == b"":
                return True
            continue
        try:
            piece = os.read(master, 65536)
        except OSError:
            return False
        if not piece:
            return False
        seen += piece
        if wanted and wanted in seen:
            return True
    return not wanted


read(10, b"# ") or read(10, b"$ ")
for text, wanted in zip(sys.argv[2::2], sys.argv[3::2]):
    seen = b""
    time.sleep(0.3)
    os.write(master, text.encode() + (b"" if text < " " else b"\n"))
    if not read(15, wanted.encode()):
        if wanted:
            print("not seen:", wanted, "but:", seen)
            break
_, status = os.waitpid(pid, 0)
print(os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status))
