#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""One side of an upload over TCP.

usage: upload.py serve ADDRESS PORT       takes uploads; answers each with its size and digest
       upload.py send ADDRESS PORT BYTES  sends random bytes, and prints JSON: bytes, seconds, and
                                          is_intact, whether the other side got just these
"""
import hashlib
import json
import os
import socket
import sys
import time

TIMEOUT_S = 20


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def serve(address, port):
    with socket.socket(family(address), socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen()
        while True:
            peer, _ = listener.accept()
            with peer:
                peer.settimeout(TIMEOUT_S)
                digest, size = hashlib.sha256(), 0
                try:
                    while data := peer.recv(65536):
                        digest.update(data)
                        size += len(data)
                    peer.sendall(f"{size} {digest.hexdigest()}".encode())
                except OSError as error:
                    print(f"upload of {size} bytes: {error}", file=sys.stderr, flush=True)


def send(address, port, size):
    data = os.urandom(size)
    started = time.monotonic()
    with socket.create_connection((address, port), TIMEOUT_S) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        answer = b""
        while part := sock.recv(4096):
            answer += part
    seconds = time.monotonic() - started
    is_intact = answer.decode() == f"{size} {hashlib.sha256(data).hexdigest()}"
    print(json.dumps({"bytes": size, "seconds": round(seconds, 2), "is_intact": is_intact}))


def main():
    if sys.argv[1:2] == ["serve"] and len(sys.argv) == 4:
        serve(sys.argv[2], int(sys.argv[3]))
    elif sys.argv[1:2] == ["send"] and len(sys.argv) == 5:
        send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
