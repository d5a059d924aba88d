#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a backend does with packets of mode gue, written from the format alone: takes datagrams and sends
what they carry on to this host itself. Prints what came by what: `{"6080 v4 v6": 12}` is IPv6 in IPv4,
after that the number of source ports, when it is ended.

usage: gue_backend.py PORT...
"""
import json
import selectors
import signal
import socket
import sys

NO_CHECK6_RX = 102  # UDP_NO_CHECK6_RX of linux/udp.h
counts, sources = {}, set()


def receiver(family, port):
    sock = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.IPPROTO_UDP, NO_CHECK6_RX, 1)
    sock.bind(("", port))
    return sock


def tell(*_):
    print(json.dumps(counts), len(sources), min(sources, default=0), flush=True)
    sys.exit(0)


def main():
    # Both take whole packets, header included.
    raw = {4: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW),
           6: socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)}
    ready = selectors.DefaultSelector()
    for port in map(int, sys.argv[1:]):
        for family, name in ((socket.AF_INET, "v4"), (socket.AF_INET6, "v6")):
            ready.register(receiver(family, port), selectors.EVENT_READ, f"{port} {name}")
    signal.signal(signal.SIGTERM, tell)
    while True:
        for key, _ in ready.select():
            packet, peer = key.fileobj.recvfrom(2048)
            version = packet[0] >> 4
            if version == 4:
                to = (socket.inet_ntop(socket.AF_INET, packet[16:20]), 0)
            elif version == 6:
                to = (socket.inet_ntop(socket.AF_INET6, packet[24:40]), 0)
            else:
                continue
            way = f"{key.data} v{version}"
            counts[way] = counts.get(way, 0) + 1
            sources.add(peer[1])
            raw[version].sendto(packet, to)


if __name__ == "__main__":
    sys.exit(main())
