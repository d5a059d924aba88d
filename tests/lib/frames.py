#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Sends one frame as written, tags and all, and says how its packet comes back.

usage: frames.py [options] INTERFACE MAC SOURCE TARGET PORT
  --tag TPID:TCI     a VLAN tag, hexadecimal; several, outermost first
  --listen INTERFACE where to wait for what comes (default: where it was sent)
  --netns FILE       the network namespace of that interface (default: ours)
  --padding N        bytes behind the IP packet
  --size N           bytes of payload (default 20)
  --wait S           for the first frame (default 2); others are awaited for 0.05 s more

Sends a UDP datagram to MAC from INTERFACE. Prints one line for each frame from elsewhere that
holds the same IP packet, headers and all:
  SOURCE-MAC DESTINATION-MAC [TPID:TCI...] ETHERTYPE +BYTES-IN-FRONT-OF-THE-PACKET
Exit status 0 when there was one.
"""
import argparse
import ctypes
import ipaddress
import os
import select
import socket
import struct
import sys
import time

ETH_P_ALL = 3
SOL_PACKET, PACKET_AUXDATA = 263, 8
VLAN_VALID, TPID_VALID = 0x10, 0x40
VLAN_TPIDS = (0x8100, 0x88A8)


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def make_packet(source, target, port, size):
    payload = os.urandom(size)  # so that no other packet is like it
    length = 8 + size
    pseudo = source.packed + target.packed + struct.pack("!IHBB", length, 0, 0, 17)
    udp = struct.pack("!HHHH", 40000, port, length, 0) + payload
    udp = udp[:6] + struct.pack("!H", checksum(pseudo + udp) or 0xFFFF) + udp[8:]
    if source.version == 6:
        return struct.pack("!IHBB", 0x60000000, length, 17, 64) + source.packed + target.packed + udp
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 1, 0, 64, 17, 0)
    head += source.packed + target.packed
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + udp


def text_of_mac(mac):
    return ":".join(f"{byte:02x}" for byte in mac)


def enter(file):
    """Makes sockets that are opened from now on those of another network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(file, "rb") as namespace:
        if libc.setns(namespace.fileno(), 0):
            raise OSError(ctypes.get_errno(), f"cannot enter {file}")


def open_listener(interface):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    sock.bind((interface, ETH_P_ALL))
    return sock


def receive(sock):
    """The next frame with the tag that the kernel keeps beside it, or None for our own."""
    data, ancillary, _, address = sock.recvmsg(65536, socket.CMSG_SPACE(20))
    if address[2] == socket.PACKET_OUTGOING:
        return None
    for level, kind, value in ancillary:
        if (level, kind) != (SOL_PACKET, PACKET_AUXDATA):
            continue
        status, _, _, _, _, tci, tpid = struct.unpack("IIIHHHH", value[:20])
        if status & VLAN_VALID:
            tpid = tpid if status & TPID_VALID else 0x8100
            data = data[:12] + struct.pack("!HH", tpid, tci) + data[12:]
    return data


def describe(frame, packet):
    """The line for a frame that holds the packet, else None."""
    words, offset = [text_of_mac(frame[6:12]), text_of_mac(frame[:6])], 12
    while struct.unpack("!H", frame[offset:offset + 2])[0] in VLAN_TPIDS:
        words.append("%04x:%04x" % struct.unpack("!HH", frame[offset:offset + 4]))
        offset += 4
    words.append(frame[offset:offset + 2].hex())
    at = frame.find(packet, offset + 2)
    return " ".join(words + [f"+{at - offset - 2}"]) if at >= 0 else None


def parse():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1])
    parser.add_argument("interface")
    parser.add_argument("mac", type=lambda text: bytes.fromhex(text.replace(":", "")))
    parser.add_argument("source", type=ipaddress.ip_address)
    parser.add_argument("target", type=ipaddress.ip_address)
    parser.add_argument("port", type=int)
    parser.add_argument("--tag", action="append", default=[],
                        type=lambda text: [int(part, 16) for part in text.split(":")])
    parser.add_argument("--listen")
    parser.add_argument("--netns")
    parser.add_argument("--padding", type=int, default=0)
    parser.add_argument("--size", type=int, default=20)
    parser.add_argument("--wait", type=float, default=2)
    return parser.parse_args()


def main():
    options = parse()
    packet = make_packet(options.source, options.target, options.port, options.size)
    sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sender.bind((options.interface, 0))
    if options.netns:
        enter(options.netns)
    listener = open_listener(options.listen or options.interface)
    frame = options.mac + sender.getsockname()[4][:6]
    frame += b"".join(struct.pack("!HH", *tag) for tag in options.tag)
    frame += b"\x86\xdd" if options.source.version == 6 else b"\x08\x00"
    sender.send(frame + packet + b"\xa5" * options.padding)

    count, deadline = 0, time.monotonic() + options.wait
    while select.select([listener], [], [], max(0, deadline - time.monotonic()))[0]:
        data = receive(listener)
        line = describe(data, packet) if data else None
        if line:
            print(line)
            if not count:
                deadline = time.monotonic() + 0.05
            count += 1
    return 0 if count else 1


if __name__ == "__main__":
    sys.exit(main())
