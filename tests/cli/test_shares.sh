#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What the demo and the end-to-end tests call "answers follow the weights" (tests/lib/shares.py):
# right answers pass, wrong ones do not, and too few are no proof.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/tap.sh

shares() { # JSON ARGUMENT...
	python3 tests/lib/shares.py "${@:2}" <<< "$1"
}

# draw SEED COUNT NAME=PARTS...: answers of members that are chosen at random in these parts.
draw() {
	python3 - "$@" <<-'END'
		import collections, json, random, sys
		random.seed(int(sys.argv[1]))
		parts = dict(pair.split("=") for pair in sys.argv[3:])
		names = random.choices(list(parts), [float(part) for part in parts.values()],
		                       k=int(sys.argv[2]))
		print(json.dumps({"backends": collections.Counter(names)}))
	END
}

tap_run "the expected counts" shares '{"backends":{"b1":1200,"b2":1200,"b3":600}}' \
	--within 25 b1=100 b2=100 b3=50
tap_run "of several loads together" shares '{"backends":{"b1":900,"b2":100}} {"backends":{"b2":800}}' \
	--within 25 b1=1 b2=1
tap_run "a single member" shares '{"backends":{"b1":10}}' --within 1 b1=7
tap_run "a member without weight has none" shares '{"backends":{"b1":1000,"b2":1000}}' b1=1 b2=1 b3=0
tap_fails "unless it has one" 1 'b3 .*out of bounds' \
	shares '{"backends":{"b1":1000,"b2":1000,"b3":1}}' b1=1 b2=1 b3=0
tap_fails "a member that is not named" 1 'b9 .*out of bounds' \
	shares '{"backends":{"b1":1000,"b2":1000,"b9":1}}' b1=1 b2=1
tap_fails "a member that never answers" 1 'b3 .* 0 answers.*out of bounds' \
	shares '{"backends":{"b1":1500,"b2":1500}}' b1=100 b2=100 b3=50
tap_fails "no answers at all" 1 '' shares '{"backends":{}}' b1=1 b2=1
tap_fails "too few to tell" 1 'too few answers to tell within 25 %' \
	shares '{"backends":{"b1":200,"b2":200}}' --within 25 b1=1 b2=1

# The bounds, computed by hand from the binomial distribution: 5 % and 4.9 deviations.
tap_match "bounds of half of 2,000" "$(shares '{"backends":{"b1":1000,"b2":1000}}' b1=1 b2=1)" \
	'^b1 .*: 8(3[5-9]|4[0-5]) to 11(5[5-9]|6[0-5])$'

passed=0 caught=0
for seed in $(seq 1 4); do
	shares "$(draw "$seed" 3000 b1=100 b2=100 b3=50)" --within 25 b1=100 b2=100 b3=50 > /dev/null &&
		passed=$((passed + 1))
	shares "$(draw "$seed" 3000 b1=100 b2=100 b3=75)" --within 25 b1=100 b2=100 b3=50 > /dev/null ||
		caught=$((caught + 1))
done
tap_is "good balancers pass" $passed 4
tap_is "those that give a member half as much again are caught" $caught 4
tap_done
