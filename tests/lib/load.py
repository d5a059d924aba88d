#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Makes HTTP requests, each on a connection of its own, and counts who answered.

usage: load.py [options] URL
  --count N         requests to make (default 100; 0: until the time is up)
  --seconds S       stop after S seconds at the latest (default 60)
  --source A[/LEN]  source addresses, used in turn; a prefix stands for all of its addresses.
                    May be given several times. Default: the kernel's choice.
  --workers N       connections at a time (default 8)
  --rate R          requests a second in total (default: as fast as they come)
  --timeout S       for connecting and for each read (default 5)
  --keep            one connection a worker, kept open: every request goes over it; a connection
                    that breaks is a failure (and is replaced)
  --udp             datagrams to HOST:PORT instead; an answer's first word names the backend

Prints one JSON object: {"requests", "ok", "failed", "backends": {name: n}, "errors": {text: n},
"latency_ms": {"p50", "p99", "max"}, "seconds"}. The backend is the answer's X-Backend header.
Exit status 0 when no request failed and at least one was made.
"""
import argparse
import collections
import ipaddress
import itertools
import json
import socket
import sys
import threading
import time
import urllib.parse


class Load:
    def __init__(self, options):
        self.options = options
        target = options.url if "://" in options.url else "udp://" + options.url
        parts = urllib.parse.urlsplit(target)
        self.host, self.port = parts.hostname, parts.port or 80
        self.path = parts.path or "/"
        self.family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self.sources = itertools.cycle(expand(options.source)) if options.source else None
        self.lock = threading.Lock()
        self.started = 0
        self.backends = collections.Counter()
        self.errors = collections.Counter()
        self.latencies = []
        self.begin = time.monotonic()

    def take(self):
        """The turn's source address and time, or None when there is nothing left to do."""
        options = self.options
        with self.lock:
            elapsed = time.monotonic() - self.begin
            due = self.started / options.rate if options.rate else 0
            if (options.count and self.started >= options.count) or elapsed >= options.seconds:
                return None
            self.started += 1
            source = next(self.sources) if self.sources else None
        if due > elapsed:
            time.sleep(due - elapsed)
        return source or ""

    def connect(self, source, kind=socket.SOCK_STREAM):
        sock = socket.socket(self.family, kind)
        try:
            sock.settimeout(self.options.timeout)
            if source:
                # Ports are chosen at connect time, so that (address, port) pairs do not run out.
                sock.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
                sock.bind((source, 0))
            sock.connect((self.host, self.port))
        except BaseException:
            sock.close()
            raise
        return sock

    def request_http(self, sock, close):
        host = f"[{self.host}]" if self.family == socket.AF_INET6 else self.host
        sock.sendall((f"GET {self.path} HTTP/1.1\r\nHost: {host}\r\n"
                      f"Connection: {'close' if close else 'keep-alive'}\r\n\r\n").encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += read_some(sock)
        head, body = answer.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        status = lines[0].split(" ")[1]
        headers = {k.strip().lower(): v.strip()
                   for k, _, v in (line.partition(":") for line in lines[1:])}
        while len(body) < int(headers.get("content-length", 0)):
            body += read_some(sock)
        if status != "200":
            raise OSError(f"HTTP status {status}")
        return headers.get("x-backend", "unknown")

    def request_udp(self, sock):
        sock.send(b"ping")
        return sock.recv(2048).decode("latin-1").split(" ")[0]

    def work(self):
        kept = None
        while True:
            source = self.take()
            if source is None:
                break
            begin = time.monotonic()
            sock = kept
            try:
                if sock is None:
                    sock = self.connect(
                        source, socket.SOCK_DGRAM if self.options.udp else socket.SOCK_STREAM)
                if self.options.udp:
                    backend = self.request_udp(sock)
                else:
                    backend = self.request_http(sock, close=not self.options.keep)
                with self.lock:
                    self.backends[backend] += 1
                    self.latencies.append((time.monotonic() - begin) * 1000)
            except (OSError, ValueError, IndexError) as error:
                with self.lock:
                    self.errors[str(error) or type(error).__name__] += 1
                if sock is not None:
                    sock.close()
                kept = None
                continue
            finally:
                if sock is not None and not self.options.keep:
                    sock.close()
            kept = sock if self.options.keep else None
        if kept is not None:
            kept.close()

    def run(self):
        threads = [threading.Thread(target=self.work, daemon=True)
                   for _ in range(self.options.workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.result()

    def result(self):
        failed = sum(self.errors.values())
        times = sorted(self.latencies) or [0]
        return {
            "requests": len(self.latencies) + failed,
            "ok": len(self.latencies),
            "failed": failed,
            "backends": dict(sorted(self.backends.items())),
            "errors": dict(self.errors),
            "latency_ms": {"p50": round(times[len(times) // 2], 2),
                           "p99": round(times[len(times) * 99 // 100], 2),
                           "max": round(times[-1], 2)},
            "seconds": round(time.monotonic() - self.begin, 3),
        }


def read_some(sock):
    data = sock.recv(4096)
    if not data:
        raise OSError("connection closed early")
    return data


def expand(sources):
    for source in sources:
        network = ipaddress.ip_network(source, strict=False)
        for number, address in enumerate(network):
            if number >= 65536:
                break
            yield str(address)


def parse():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1])
    parser.add_argument("url")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--source", action="append")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--timeout", type=float, default=5)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--udp", action="store_true")
    return parser.parse_args()


def main():
    result = Load(parse()).run()
    print(json.dumps(result))
    return 0 if result["ok"] and not result["failed"] else 1


if __name__ == "__main__":
    sys.exit(main())
