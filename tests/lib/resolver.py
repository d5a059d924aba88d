#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A name server for tests of members by host name: answers as a file says that may change.

usage: resolver.py ADDRESS PORT FILE

Lines of the file: NAME and its addresses, of either family; or NAME and one word: fail (SERVFAIL),
silent. fail4 before addresses: SERVFAIL for those of IPv4. Other names do not exist.
"""
import ipaddress
import socket
import struct
import sys


def question_of(data):
    at, labels = 12, []
    while data[at]:
        labels.append(data[at + 1 : at + 1 + data[at]].decode().lower())
        at += data[at] + 1
    return ".".join(labels), struct.unpack(">H", data[at + 1 : at + 3])[0], data[12 : at + 5]


def entry(path, name):
    with open(path, encoding="ascii") as lines:
        for line in lines:
            words = line.split()
            if words and words[0] == name:
                return words[1:]
    return None


def answer(data, path):
    name, kind, question = question_of(data)
    print("asked", name, flush=True)
    words = entry(path, name)
    if words == ["silent"]:
        return None
    rcode, records = 0, []
    if words is None:
        rcode = 3
    elif words == ["fail"] or (words[0] == "fail4" and kind == 1):
        rcode = 2
    else:
        for word in words:
            if word == "fail4":
                continue
            address = ipaddress.ip_address(word)
            if kind == (1 if address.version == 4 else 28):
                records.append(address.packed)
    head = data[:2] + struct.pack(">HHHHH", 0x8580 | rcode, 1, len(records), 0, 0)
    return head + question + b"".join(
        b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 1, len(record)) + record for record in records
    )


def main():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((sys.argv[1], int(sys.argv[2])))
        print("ready", flush=True)
        while True:
            data, peer = sock.recvfrom(512)
            reply = answer(data, sys.argv[3])
            if reply:
                sock.sendto(reply, peer)


if __name__ == "__main__":
    sys.exit(main())
