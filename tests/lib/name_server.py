#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A name server that behaves as the first label of the name says, for tests of health checks.

usage: name_server.py PORT

  good, text, mail    have an A, TXT, MX record (192.0.2.77; "all is well"; mx.example.net)
  none                has no record
  nx, fail            NXDOMAIN, SERVFAIL
  silent              no answer
  forged              answers with a wrong id, with another question, with garbage; then rightly
  broken              answers with a record that is longer than the message
"""
import socket
import struct
import sys

TYPES = {"good": 1, "forged": 1, "broken": 1, "text": 16, "mail": 15}
DATA = {
    1: bytes([192, 0, 2, 77]),
    16: b"\x0ball is well",
    15: struct.pack(">H", 10) + b"\x02mx\x07example\x03net\x00",
}


def question_of(data):
    at, labels = 12, []
    while data[at]:
        labels.append(data[at + 1 : at + 1 + data[at]].decode().lower())
        at += data[at] + 1
    kind = struct.unpack(">H", data[at + 1 : at + 3])[0]
    return labels, kind, data[12 : at + 5]


def message(ident, question, rcode, records):
    head = ident + struct.pack(">HHHHH", 0x8180 | rcode, 1, len(records), 0, 0)
    body = b"".join(
        b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(data)) + data for kind, data in records
    )
    return head + question + body


def answers(data):
    labels, kind, question = question_of(data)
    what, ident = labels[0], data[:2]
    has = TYPES.get(what) == kind
    right = message(ident, question, 0, [(kind, DATA[kind])] if has else [])
    if what == "silent":
        return []
    if what in ("nx", "fail"):
        return [message(ident, question, 3 if what == "nx" else 2, [])]
    if what == "forged":
        other = bytes([ident[0] ^ 255]) + ident[1:]
        return [
            message(other, question, 3, []),
            message(ident, b"\x05other\x00" + question[-4:], 3, []),
            b"\xff" * 40,
            ident,
            right,
        ]
    if what == "broken":
        return [right[:-2]]
    return [right]


def main():
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.bind(("::", int(sys.argv[1])))
        print("ready", flush=True)
        while True:
            data, peer = sock.recvfrom(512)
            for answer in answers(data):
                sock.sendto(answer, peer)


if __name__ == "__main__":
    sys.exit(main())
