"""Runs a command under the system call filter of a unit: seccomp.py UNIT COMMAND...

Only x86_64; what the filter does not name gives EPERM, as the unit asks for.
"""

import ctypes
import os
import re
import struct
import subprocess
import sys

HEADERS = ["/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"]
EPERM, X86_64 = 1, 0xC000003E
ALLOW, ERRNO, KILL = 0x7FFF0000, 0x00050000, 0x80000000
LOAD, EQUALS, RETURN = 0x20, 0x15, 0x06


def names(words):
    for word in words:
        if word.startswith("@"):
            listed = subprocess.run(
                ["systemd-analyze", "syscall-filter", "--no-pager", word], check=True, capture_output=True, text=True
            ).stdout
            lines = [line.strip() for line in listed.splitlines()[1:]]
            yield from names(line for line in lines if line and not line.startswith("#"))
        else:
            yield word


def program(allowed):
    yield LOAD, 0, 0, 4  # the architecture
    yield EQUALS, 1, 0, X86_64
    yield RETURN, 0, 0, KILL
    yield LOAD, 0, 0, 0  # the number
    for number in sorted(allowed):
        yield EQUALS, 0, 1, number
        yield RETURN, 0, 0, ALLOW
    yield RETURN, 0, 0, ERRNO | EPERM


with open(sys.argv[1]) as unit:
    words = [word for line in unit if line.startswith("SystemCallFilter=") for word in line.split("=", 1)[1].split()]
with open(next(header for header in HEADERS if os.path.exists(header))) as header:
    numbers = dict(re.findall(r"#define __NR_(\w+)\s+(\d+)", header.read()))
allowed = {int(numbers[name]) for name in names(words) if name in numbers}
code = b"".join(struct.pack("HBBI", *instruction) for instruction in program(allowed))


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]


libc = ctypes.CDLL(None, use_errno=True)
filter_ = Program(len(code) // 8, code)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(filter_), 0, 0):  # no new privileges; the filter
    sys.exit("the kernel takes no filter: " + os.strerror(ctypes.get_errno()))
os.execv(sys.argv[2], sys.argv[2:])
