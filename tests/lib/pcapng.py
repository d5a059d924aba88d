#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Reads a pcapng file strictly and prints one JSON object a packet.

usage: pcapng.py FILE

Fields: interface, time_ns, bytes (as it was), kept (hex), comment. Anything that the format does not
allow ends it with a message and status 1.
"""

import json
import struct
import sys


def options(data):
    found = {}
    at = 0
    while at < len(data):
        code, length = struct.unpack_from("=HH", data, at)
        if code == 0:
            assert length == 0 and at + 4 == len(data), "options go on after their end"
            return found
        found[code] = data[at + 4:at + 4 + length]
        assert len(found[code]) == length, "an option is cut short"
        at += 4 + (length + 3) // 4 * 4
    assert not data, "options without an end"
    return found


def blocks(data):
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("=II", data, at)
        assert length % 4 == 0 and 12 <= length <= len(data) - at, "a block's length is wrong"
        assert struct.unpack_from("=I", data, at + length - 4)[0] == length, "two lengths differ"
        yield kind, data[at + 8:at + length - 4]
        at += length


def read(data):
    interfaces = None
    for kind, body in blocks(data):
        if kind == 0x0a0d0d0a:
            magic, major, minor, length = struct.unpack_from("=IHHq", body)
            assert (magic, major, minor, length) == (0x1a2b3c4d, 1, 0, -1), "a foreign section"
            assert options(body[16:])[4].startswith(b"sluicectl "), "no application"
            interfaces = []
        elif kind == 1:
            link, _, snap = struct.unpack_from("=HHI", body)
            found = options(body[8:])
            assert (link, snap, found[9]) == (1, 256, b"\x09"), "a foreign interface"
            interfaces.append(found[2].decode())
        elif kind == 6:
            number, high, low, kept, length = struct.unpack_from("=IIIII", body)
            end = 20 + (kept + 3) // 4 * 4
            assert kept <= length and kept <= 256, "more than there was"
            yield {"interface": interfaces[number], "time_ns": high << 32 | low, "bytes": length,
                   "kept": body[20:20 + kept].hex(),
                   "comment": options(body[end:]).get(1, b"").decode()}
        else:
            raise AssertionError(f"block of type {kind}")
    assert interfaces is not None, "no section"


def main():
    with open(sys.argv[1], "rb") as file:
        data = file.read()
    try:
        for packet in read(data):
            print(json.dumps(packet))
    except (AssertionError, KeyError, IndexError, struct.error) as error:
        sys.exit(f"{sys.argv[1]}: {error!r}")


if __name__ == "__main__":
    main()
