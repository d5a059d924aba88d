#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Counts how often a file is opened, until it is told to stop by SIGTERM; then prints the number.

usage: count_opens.py FILE
"""
import ctypes
import os
import signal
import struct
import sys

IN_OPEN = 0x20
libc = ctypes.CDLL(None, use_errno=True)
inotify = libc.inotify_init1(os.O_CLOEXEC)
if libc.inotify_add_watch(inotify, sys.argv[1].encode(), IN_OPEN) < 0:
    sys.exit(f"{sys.argv[1]}: {os.strerror(ctypes.get_errno())}")


class Stop(Exception):
    pass


def stop(*_):
    raise Stop


signal.signal(signal.SIGTERM, stop)
count = 0
print("ready", flush=True)
try:
    while True:
        data = os.read(inotify, 65536)
        while data:
            _, mask, _, length = struct.unpack_from("iIII", data)
            count += bool(mask & IN_OPEN)
            data = data[16 + length:]
except Stop:
    print(count, flush=True)
