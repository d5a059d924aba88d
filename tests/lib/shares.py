#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Compares who answered with who should have, as a table.

usage: shares.py NAME=WEIGHT... < JSON of load.py (one or more objects)

A member's count may differ from its part of the weights by 5 % of that part (so even are the slot
tables) and by four standard deviations (so random are the flows). Members that are not named must
have none. Exit status 0 when all is within bounds.
"""
import collections
import json
import math
import sys


def read_counts(text):
    counts = collections.Counter()
    decoder, position = json.JSONDecoder(), 0
    while position < len(text):
        value, position = decoder.raw_decode(text, position)
        counts.update(value["backends"])
        while position < len(text) and text[position].isspace():
            position += 1
    return counts


def main():
    weights = {name: int(weight) for name, weight in (a.split("=") for a in sys.argv[1:])}
    counts = read_counts(sys.stdin.read().strip())
    total, weight_sum, is_good = sum(counts.values()), sum(weights.values()), True
    for name in sorted(set(weights) | set(counts)):
        part = weights.get(name, 0) / weight_sum
        wanted = total * part
        slack = 0.05 * wanted + 4 * math.sqrt(wanted * (1 - part))
        good = abs(counts[name] - wanted) <= slack
        is_good = is_good and good
        print(f"{name:<4} weight {weights.get(name, 0):>4}   {counts[name]:>5} answers  "
              f"{100 * counts[name] / max(total, 1):5.1f} %  expected {100 * part:5.1f} "
              f"± {100 * slack / max(total, 1):.1f} %" + ("" if good else "   out of bounds"))
    return 0 if total and is_good else 1


if __name__ == "__main__":
    sys.exit(main())
