#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A session over one TCP connection that must never stall, as a person's shell is.

usage: tcp_session.py serve ADDRESS PORT     answers each line with itself
       tcp_session.py once ADDRESS PORT      one line there and back
       tcp_session.py talk ADDRESS PORT      a line every 100 ms; ends with status 1 when one takes
                                             longer than two seconds, or the connection breaks
"""

import socket
import socketserver
import sys
import time

STALLED_S = 2


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address, port):
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        super().__init__((address, port), Echo)


def exchange(connection, number):
    line = b"%d\n" % number
    connection.sendall(line)
    got = b""
    while not got.endswith(b"\n"):
        piece = connection.recv(100)
        if not piece:
            raise ConnectionError("closed")
        got += piece
    if got != line:
        raise ConnectionError("%r instead of %r" % (got, line))


def main():
    verb, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if verb == "serve":
        Server(address, port).serve_forever()
    connection = socket.create_connection((address, port), timeout=STALLED_S)
    number = 0
    while True:
        number += 1
        try:
            exchange(connection, number)
        except OSError as error:
            sys.exit("line %d: %s" % (number, error))
        if verb == "once":
            return
        time.sleep(0.1)


if __name__ == "__main__":
    main()
