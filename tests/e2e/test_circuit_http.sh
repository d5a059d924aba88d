#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Members that accept and never answer, answer 500, or answer too slowly, with checks by http at the default
# settings: how long it takes until they are out, and that nobody's connection breaks.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/hold.sh"
. "$(dirname "$0")/../lib/circuit.sh"

e2e_begin 4
hold_serve b1 b2 b3 b4
chmod 755 "$LAB_DIR"
# What each answers to its checks: the path that its file names (tests/lib/probed.py).
for name in b1 b2 b3 b4; do
	mkdir "$LAB_DIR/$name.root"
	echo status/200 > "$LAB_DIR/$name.root/way"
	lab_start "probed-$name" "$name" python3 "$LAB_ROOT/tests/lib/probed.py" --root "$LAB_DIR/$name.root" 9000
done
for name in b1 b2 b3 b4; do
	wait_for 5 grep -q ready "$LAB_DIR/probed-$name.log" || lab_die "no server at $name"
done
MEMBERS="members: [10.99.0.21, 10.99.0.22, 10.99.0.23, 10.99.0.24]"
CHECK="check: {type: http, port: 9000, path: /as/way}"
CIRCUIT="circuit: {open: 1s, trial: 2s}"
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	flows: {pre: 200ms, pending_life: 3s, closing_life: 3s, refresh: 1s}
	services:
	  web: {listen: "tcp $EDGE_WEB:80", mode: l2, $CHECK, $CIRCUIT, $MEMBERS}
	  hold: {listen: "tcp $EDGE_WEB:$HOLD_PORT", mode: l2, $CHECK, $CIRCUIT, learn: 6s, $MEMBERS}
END
circuit_begin

why() { # ADDRESS: in words
	edge_member web "$1" health_text
}

echo hang > "$LAB_DIR/b2.root/way"
echo status/500 > "$LAB_DIR/b3.root/way"
echo slow/1500 > "$LAB_DIR/b4.root/way"
circuit_out web "hanging, 500, slow" 6500 10.99.0.22 10.99.0.23 10.99.0.24
circuit_measured "one hangs, one answers 500, one slowly (6500 ms at most)"
tap_match "hanging: why" "$(why 10.99.0.22)" 'no answer within 1000 ms'
tap_match "500: why" "$(why 10.99.0.23)" 'status 500'
tap_match "slow: why" "$(why 10.99.0.24)" 'no answer within 1000 ms'
e2e_spread 1200 "without them" b1=1
tap_is "three of four, and nothing is re-admitted" "$(edge_ctl --json service show web | jq -r .panic)" none
# Who accepts keeps its connections: they may be alive.
hold_none_broken "failing: those that they had stay" v4

echo status/500 > "$LAB_DIR/b1.root/way"
edge_server_stop b4
lab_stop probed-b4 KILL
lab_in b4 ip route add blackhole "$EDGE_LB/32"
less_dead() { # those of whom something answers; not b4
	edge_ctl --json member list web | jq -e '[.members[].now_percent] == [100, 100, 100, 0]'
}
tap_run "all fail: those who answer at all serve" wait_for 15 less_dead
tap_match "status says so" "$(edge_ctl service show web)" '^panic +too few members are healthy'
for name in b1 b2 b3; do echo status/200 > "$LAB_DIR/$name.root/way"; done
three_serve() {
	edge_ctl --json service show web | jq -e '.panic == "none" and
		[.pools[].members[].now_percent] == [100, 100, 100, 0]'
}
tap_run "three serve again" wait_for 60 three_serve
e2e_spread 1200 "three again" b1=1 b2=1 b3=1
hold_none_broken_at "in the end: to those who answered" v4 b1 b2 b3
tap_done
