#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A server that behaves as the path says, for tests of health checks. IPv4 and IPv6.

usage: probed.py [--root FOLDER] PORT [CERTIFICATE KEY]

  /status/N     answers with status N
  /body/TEXT    answers 200 with a body of 20,000 bytes that ends with TEXT, in two packets that
                part TEXT in the middle
  /host, /method
                answer 200 with the Host, or the method, of the request
  /slow/MS      answers 200 after so long
  /hang         never answers
  /headers      never ends its headers
  /endless      never ends its body
  /garbage      is no HTTP
  /file/PATH    answers with the status that the file holds now
  /as/NAME      behaves as the path in FOLDER/NAME says now
"""
import os
import socket
import ssl
import sys
import threading
import time


ROOT = "/"


def answer(sock, status, body=b""):
    sock.sendall(b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body)


def forever(sock, piece):
    while True:
        sock.sendall(piece)


def behave(sock, method, path, headers):
    what, _, rest = path.lstrip("/").partition("/")
    if what == "status":
        answer(sock, int(rest))
    elif what == "body":
        body = b"." * (20000 - len(rest)) + rest.encode()
        middle = len(body) - len(rest) // 2
        sock.sendall(b"HTTP/1.1 200 x\r\nContent-Length: %d\r\n\r\n" % len(body))
        sock.sendall(body[:middle])
        time.sleep(0.02)
        sock.sendall(body[middle:])
    elif what == "host":
        answer(sock, 200, headers.get("host", "").encode())
    elif what == "method":
        answer(sock, 200, method.encode())
    elif what == "slow":
        time.sleep(int(rest) / 1000)
        answer(sock, 200)
    elif what == "hang":
        time.sleep(3600)
    elif what == "headers":
        sock.sendall(b"HTTP/1.1 200 x\r\n")
        forever(sock, b"X-More: " + b"y" * 1000 + b"\r\n")
    elif what == "endless":
        sock.sendall(b"HTTP/1.1 200 x\r\n\r\n")
        forever(sock, b"z" * 65536)
    elif what == "garbage":
        sock.sendall(b"\x00\x1b[31mSSH-2.0-x\r\n" * 3)
    elif what == "as":
        with open(os.path.join(ROOT, rest), encoding="ascii") as file:
            behave(sock, method, file.read().strip(), headers)
    elif what == "file":
        with open("/" + rest, encoding="ascii") as file:
            answer(sock, int(file.read()))
    else:
        answer(sock, 404)


def serve(sock, context):
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context:
            sock = context.wrap_socket(sock, server_side=True)
        data = b""
        while b"\r\n\r\n" not in data:
            piece = sock.recv(4096)
            if not piece:
                return
            data += piece
        lines = data.decode().split("\r\n")
        method, path, _ = lines[0].split(" ")
        pairs = (line.partition(":") for line in lines[1:])
        behave(sock, method, path, {key.lower(): value.strip() for key, _, value in pairs})
    except (OSError, ValueError):
        pass
    finally:
        sock.close()


def main():
    global ROOT
    context = None
    words = sys.argv[1:]
    if words[0] == "--root":
        ROOT = words[1]
        words = words[2:]
    if len(words) > 1:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(words[1], words[2])
    with socket.create_server(
        ("::", int(words[0])), family=socket.AF_INET6, dualstack_ipv6=True, backlog=256
    ) as listener:
        print("ready", flush=True)
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=serve, args=(sock, context), daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
