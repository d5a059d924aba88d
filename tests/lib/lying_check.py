#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Stands in for sluice-check after somebody took it over: says to sluiced whatever may hurt, with
descriptors that nobody asked for, and tries what the sockets that it gets are good for. Says on standard
error what came of that.

Descriptor 3 has requests and answers, descriptor 4 control (user/core/check_message.h).
"""
import os
import random
import select
import socket
import struct
import sys

ANSWER = struct.Struct("<IBBHQq4I96s")
MAGIC = 0x736E6153


def answer(ident, result=1, cause=0, reserved=0, expires=0, text=b"down", magic=MAGIC):
    times = (0xFFFFFFFF,) * 4
    return ANSWER.pack(magic, result, cause, reserved, ident, expires, *times, text)


def lies(ident, rng):
    """All of them must be refused, or be about nobody."""
    yield answer(ident, result=3)
    yield answer(ident, cause=9)
    yield answer(ident, reserved=1)
    yield answer(ident, expires=-1)
    yield answer(ident, magic=1)
    yield answer(ident, text=b"\x1b]0;owned\x07" + b"x" * 80)
    yield answer(ident, text=b"\xff" * 96)
    yield answer(ident + 100000)
    yield answer(ident)[:-1]
    yield answer(ident) + b"x"
    yield answer(ident, result=0, reserved=1) + bytes(16)  # addresses, and nobody asked for some
    yield b""
    yield rng.randbytes(rng.randrange(1, 4000))
    yield rng.randbytes(60000)


def receive(work):
    """A request, and the sockets that came with it."""
    data, control, _, _ = work.recvmsg(8192, socket.CMSG_SPACE(64))
    fds = []
    for level, kind, payload in control:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds += struct.unpack("<%di" % (len(payload) // 4), payload)
    return data, fds


def misuse(fd):
    """The socket of a probe goes to one service's address, so not to another member."""
    with socket.socket(fileno=fd) as sock:
        sock.settimeout(0.3)
        try:
            sock.connect(("10.99.0.22", 80))
            print("its socket reaches anybody", file=sys.stderr, flush=True)
        except OSError:
            print("its socket reaches nobody else", file=sys.stderr, flush=True)


def main():
    is_tried = False
    work, control = socket.socket(fileno=3), socket.socket(fileno=4)
    rng = random.Random(4711)
    while True:
        readable, _, _ = select.select([work, control], [], [])
        if control in readable:
            if not control.recv(128):
                os._exit(0)
            control.send(b"d" + b"\x1b[31mred \xff" * 10)
            control.send(b"z nothing that is known")
        if work in readable:
            data, fds = receive(work)
            if not data:
                os._exit(0)
            if len(fds) != 1:
                print("%d sockets came" % len(fds), file=sys.stderr, flush=True)
            for fd in fds:
                if is_tried:
                    os.close(fd)
                else:
                    misuse(fd)
                is_tried = True
            ident = struct.unpack("<Q", data[8:16])[0]
            for lie in lies(ident, rng):
                try:
                    socket.send_fds(work, [lie], [3, 4, 3], socket.MSG_DONTWAIT)
                except OSError:
                    pass


if __name__ == "__main__":
    main()
