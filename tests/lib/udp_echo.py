#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A UDP server that answers every datagram with `NAME DATAGRAM`, from the address asked.

usage: udp_echo.py NAME ADDRESS PORT    (ADDRESS: the service's, held by this backend)
"""
import socket
import sys


def main():
    name, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((address, port))
        print(f"{name} answers on {address} port {port}", flush=True)
        while True:
            data, peer = sock.recvfrom(2048)
            sock.sendto(name.encode() + b" " + data, peer)


if __name__ == "__main__":
    sys.exit(main())
