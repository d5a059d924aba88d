#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Compares who answered with who should have, as a table.

usage: shares.py [--within PERCENT] NAME=WEIGHT... < JSON of load.py (one or more objects)

Each request goes to a member with the probability that is the member's part of the slot table, and
that part is within 5 % of its part of the weights. So a member's count is binomial, and its bounds
are the exact quantiles for the least and the largest such part. A good balancer is called out of
bounds once in a million tables (divided among the members, both ends); members that are not named
must have no answer at all.

Bounds that are wide prove little. When they let a member be more than PERCENT (default 50) off its
part, there are too few answers to tell, and that is a failure, too: make more requests.
Exit status 0 when all is within bounds.
"""
import argparse
import collections
import json
import math
import sys

TABLE_SLACK = 0.05
ERROR_PROBABILITY = 1e-6


def read_counts(text):
    counts = collections.Counter()
    decoder, position = json.JSONDecoder(), 0
    while position < len(text):
        value, position = decoder.raw_decode(text, position)
        counts.update(value["backends"])
        while position < len(text) and text[position].isspace():
            position += 1
    return counts


def quantile(total, part, tail):
    """The largest k for which fewer than k of total have at most the probability tail."""
    if part <= 0 or part >= 1:
        return total if part >= 1 else 0
    below = 0.0
    for k in range(total + 1):
        below += math.exp(math.lgamma(total + 1) - math.lgamma(k + 1) - math.lgamma(total - k + 1) +
                          k * math.log(part) + (total - k) * math.log1p(-part))
        if below > tail:
            return k
    return total


def bounds(total, part, members):
    tail = ERROR_PROBABILITY / (2 * members)
    if part >= 1:
        return total, total
    lowest = quantile(total, part * (1 - TABLE_SLACK), tail)
    # The upper end is the lower end of those who did not.
    highest = total - quantile(total, 1 - part * (1 + TABLE_SLACK), tail)
    return lowest, highest


def parse():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1])
    parser.add_argument("--within", type=float, default=50)
    parser.add_argument("weights", nargs="+", metavar="NAME=WEIGHT")
    options = parser.parse_args()
    pairs = (text.split("=") for text in options.weights)
    return options.within, {name: int(weight) for name, weight in pairs}


def main():
    within, weights = parse()
    counts = read_counts(sys.stdin.read().strip())
    total, weight_sum, is_good = sum(counts.values()), sum(weights.values()), True
    for name in sorted(set(weights) | set(counts)):
        part = weights.get(name, 0) / weight_sum
        lowest, highest = bounds(total, part, len(weights)) if part else (0, 0)
        problem = ""
        if not lowest <= counts[name] <= highest:
            problem = "   out of bounds"
        elif max(highest - total * part, total * part - lowest) > total * part * within / 100:
            problem = f"   too few answers to tell within {within:g} %"
        is_good = is_good and not problem
        print(f"{name:<4} weight {weights.get(name, 0):>4}   {counts[name]:>5} answers, "
              f"{100 * counts[name] / max(total, 1):5.1f} %   expected {100 * part:5.1f} %: "
              f"{lowest} to {highest}{problem}")
    return 0 if total and is_good else 1


if __name__ == "__main__":
    sys.exit(main())
