#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""without_ptrace.py COMMAND...: run it where ptrace(2) is forbidden, as some containers' seccomp profiles do."""
import ctypes
import os
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, MODE_FILTER = 38, 22, 2
LOAD_NUMBER, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, EPERM = 0x7FFF0000, 0x00050001
PTRACE = 101  # on x86-64


def instruction(code, value, jump_true=0, jump_false=0):
    return struct.pack("HBBI", code, jump_true, jump_false, value)


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


code = ctypes.create_string_buffer(
    instruction(LOAD_NUMBER, 0) + instruction(JUMP_EQUAL, PTRACE, 0, 1) + instruction(RETURN, EPERM) +
    instruction(RETURN, ALLOW))
program = Program(4, ctypes.addressof(code))
libc = ctypes.CDLL(None)
libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
if libc.prctl(PR_SET_SECCOMP, MODE_FILTER, ctypes.byref(program), 0, 0) != 0:
    sys.exit("cannot install a seccomp filter")
os.execvp(sys.argv[1], sys.argv[1:])
