#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Members that refuse or fall silent, with real servers and checks at the default settings: how long it
# takes until they are out, how they come back, and that nobody else's connection breaks.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/hold.sh"
. "$(dirname "$0")/../lib/circuit.sh"

e2e_begin 6
hold_serve b1 b2 b3 b4 b5 b6
MEMBERS="members: [10.99.0.21, 10.99.0.22, 10.99.0.23, 10.99.0.24, 10.99.0.25, 10.99.0.26]"
CIRCUIT="circuit: {open: 2s, trial: 4s}" # the rest of it is what takes minutes
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	flows: {pre: 200ms, pending_life: 3s, closing_life: 3s, refresh: 1s}
	services:
	  web: {listen: "tcp $EDGE_WEB:80", mode: l2, check: {type: tcp}, $CIRCUIT, $MEMBERS}
	  hold: {listen: "tcp $EDGE_WEB:$HOLD_PORT", mode: l2, check: {type: tcp, port: 80}, $CIRCUIT, learn: 6s, $MEMBERS}
END
circuit_begin

# ---- refused, at the default settings
for name in b2 b3 b4; do edge_server_stop $name; done
circuit_out web "refused" 3500 10.99.0.22 10.99.0.23 10.99.0.24
e2e_spread 1200 "without them" b1=1 b5=1 b6=1
tap_is "the circuit is open" "$(circuit_member .circuit.state)" '"open"'
tap_match "in words" "$(edge_ctl member show web 10.99.0.22)" \
	'^why +ejected for [0-9]+ s: nothing after .*refused.*; on trial when its check passes'
tap_match "service show, too" "$(edge_ctl service show web)" '^10\.99\.0\.22:80  ejected for '
hold_none_broken "refused: those that they had stay" v4

for name in b2 b3 b4; do edge_server_start $name; done
tap_run "the check passes: on trial" wait_for 20 circuit_member_is .state '"on trial"'
tap_is "with 2 % of its weight" "$(circuit_member .now_percent)" 2
tap_match "in words" "$(circuit_member .share_text)" \
	'"on trial: 2 % after .*refused.*; next decision in [0-9]+ s"'
tap_match "in the list" "$(edge_ctl member list web)" '10\.99\.0\.22:80 .*on trial 2%, decision in'
tap_match "status says so" "$(edge_ctl status)" '10\.99\.0\.22:80 on trial: 2 %'
tap_match "metrics" "$(edge_ctl metrics)" \
	'sluice_member_circuit\{lb_service="web",pool="default",member="10.99.0.22:80",state="half-open"\} 1'
edge_server_stop b2
tap_run "it fails on trial: out at once" wait_for 5 circuit_member_is .circuit.state '"open"'
tap_is "for the second time" "$(circuit_member .circuit.times_out)" 2
edge_server_start b2
tap_run "on trial again" wait_for 30 circuit_member_is .state '"on trial"'
tap_run "and serving when it went well" wait_for 20 circuit_member_is .state '"serving"'
tap_run "all serve" wait_for 20 e2e_all_serving
e2e_spread 1200 "with them again" b1=1 b2=1 b3=1 b4=1 b5=1 b6=1
tap_match "its history has it all" "$(edge_ctl member show web 10.99.0.22)" \
	'half-open -> closed: its trial went well'
hold_none_broken "out and back: all" v4
for name in b3 b5 b6; do edge_server_stop $name; done
circuit_out web "refused again" 3500 10.99.0.23 10.99.0.25 10.99.0.26
circuit_measured "6 times refused (3500 ms at most)"
for name in b3 b5 b6; do edge_server_start $name; done
tap_run "all serve again" wait_for 40 e2e_all_serving

# ---- a black hole, at the default settings: connections there are lost
for name in b2 b3 b4; do lab_in $name ip route add blackhole "$EDGE_LB/32"; done
circuit_out web "black hole" 6500 10.99.0.22 10.99.0.23 10.99.0.24
e2e_spread 1200 "without them" b1=1 b5=1 b6=1
circuit_measured "3 black holes (6500 ms at most)"
sleep 2 # each of those that live has said something since
hold_none_broken_at "black hole: to those who serve" v4 b1 b5 b6
tap_done
