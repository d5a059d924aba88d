#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A member that flaps every second, three of four that fail, all that fail, with faster checks than by
# default: who serves then, how they come back, and that nobody's connection breaks.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/hold.sh"
. "$(dirname "$0")/../lib/circuit.sh"

e2e_begin 4
hold_serve b1 b2 b3 b4
MEMBERS="members: [10.99.0.21, 10.99.0.22, 10.99.0.23, 10.99.0.24]"
CIRCUIT="circuit: {open: 1s, trial: 2s, volume: 4, window: 30s}"
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	flows: {pre: 200ms, pending_life: 3s, closing_life: 3s, refresh: 1s}
	services:
	  web: {listen: "tcp $EDGE_WEB:80", mode: l2, check: $E2E_CHECK, $CIRCUIT, $MEMBERS}
	  hold: {listen: "tcp $EDGE_WEB:$HOLD_PORT", mode: l2, check: ${E2E_CHECK%\}}, port: 80}, $CIRCUIT, learn: 6s, $MEMBERS}
END
circuit_begin

# ---- flapping
for _ in 1 2 3 4; do
	edge_server_stop b2
	sleep 1
	edge_server_start b2
	sleep 1
done
edge_server_stop b2
tap_run "a member that flaps is out" wait_for 5 circuit_member_is .now_percent 0
times=$(circuit_member .circuit.times_out)
echo "# a member that flaps every second: out $times times in a row"
tap_run "more than once" test "$times" -ge 2
e2e_spread 1200 "flapping" b1=1 b3=1 b4=1
hold_none_broken "flapping: nobody's" v4
edge_server_start b2
tap_run "it serves again by itself" wait_for 60 e2e_all_serving

# ---- three of four
for name in b1 b2 b3; do edge_server_stop $name; done
three_out() {
	edge_ctl --json member list web | jq -e '[.members[].now_percent] == [0, 0, 0, 100]'
}
tap_run "three of four refuse: out" wait_for 5 three_out
e2e_spread 1200 "the fourth gets everything" b4=1
tap_is "nothing is re-admitted" "$(edge_ctl --json service show web | jq -r .panic)" none
hold_none_broken "three of four: nobody's" v4

# ---- all
edge_server_stop b4
in_panic() {
	edge_ctl --json service show web | jq -e '.panic == "readmit" and
		([.pools[].members[].now_percent] == [100, 100, 100, 100])'
}
tap_run "all refuse: all serve all the same" wait_for 5 in_panic
tap_match "service show says so" "$(edge_ctl service show web)" '^panic +too few members are healthy'
hold_none_broken "all: nobody's" v4
for name in b1 b2 b3 b4; do edge_server_start $name; done
tap_run "all serve again" wait_for 60 e2e_all_serving
tap_is "the panic is over" "$(edge_ctl --json service show web | jq -r .panic)" none
e2e_spread 1200 "all again" b1=1 b2=1 b3=1 b4=1
hold_none_broken "in the end: nobody's" v4
tap_done
