#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Gives next hops a VLAN tag, as the daemon does when it finds one behind a VLAN device, for kernels
that have none. Writes to the pinned map, where struct sluice_nexthop says.

usage: set_vlan.py PIN MAC TCI        (TCI hexadecimal; all next hops with that MAC address)

Prints how many there were. Exit status 0 when there was one.
"""
import ctypes
import mmap
import platform
import re
import struct
import sys

SYS_BPF = {"x86_64": 321, "aarch64": 280}
BPF_OBJ_GET = 7
CELL = struct.Struct("=IH2s6s")  # ifindex, flags, tag, destination MAC; 64 bytes in all
CELL_BYTES = 64
F_USED, F_VLAN = 1, 2


def open_pin(path):
    name = ctypes.create_string_buffer(path.encode())
    attr = ctypes.create_string_buffer(struct.pack("QII", ctypes.addressof(name), 0, 0), 120)
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(SYS_BPF[platform.machine()], BPF_OBJ_GET, attr, len(attr))
    if fd < 0:
        raise OSError(ctypes.get_errno(), f"cannot open {path}")
    return fd


def main():
    path, mac, tci = sys.argv[1], bytes.fromhex(sys.argv[2].replace(":", "")), int(sys.argv[3], 16)
    fd = open_pin(path)
    with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as info:
        text = info.read()
    count = int(re.search(r"max_entries:\s*(\d+)", text)[1])
    assert int(re.search(r"value_size:\s*(\d+)", text)[1]) == CELL_BYTES
    changed = 0
    with mmap.mmap(fd, count * CELL_BYTES) as cells:
        for at in range(0, count * CELL_BYTES, CELL_BYTES):
            ifindex, flags, _, dmac = CELL.unpack_from(cells, at)
            if not flags & F_USED or dmac != mac:
                continue
            CELL.pack_into(cells, at, ifindex, flags | F_VLAN, struct.pack("!H", tci), dmac)
            changed += 1
    print(changed)
    return 0 if changed else 1


if __name__ == "__main__":
    sys.exit(main())
