# SPDX-License-Identifier: Apache-2.0
"""A service manager's end of sd_notify: notify_manager.py SOCKET writes a line for each message, until the barrier."""
import array
import os
import socket
import sys

manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind(sys.argv[1])
manager.settimeout(60)
while True:
    message, ancillary, _, _ = manager.recvmsg(4096, socket.CMSG_SPACE(4))
    print(message.decode().strip(), flush=True)
    for level, kind, room in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            for fd in array.array("i", room):
                os.close(fd)
    if message.startswith(b"BARRIER"):
        break
