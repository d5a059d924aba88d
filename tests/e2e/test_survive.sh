#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Connections survive what an operator does: hundreds of them, TCP over IPv4 and IPv6 and tracked UDP
# flows, carry data while members are added, reweighed, drained in turn and removed, with and without
# a flood of SYNs. The loss budget is zero.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/hold.sh"

e2e_begin 4
hold_serve b1 b2 b3 b4
cat > "$E2E_CONFIG" <<-END
$HOLD_HEAD
services:
  hold: {listen: "tcp $EDGE_WEB:$HOLD_PORT", mode: l2, check: none, learn: 6s, $HOLD_MEMBERS}
  hold6: {listen: "tcp [$EDGE_WEB6]:$HOLD_PORT", mode: l2, check: none, learn: 6s, members: ["2001:db8:99::21", "2001:db8:99::22", "2001:db8:99::23"]}
  dns: {listen: "udp $EDGE_DNS:$HOLD_PORT", mode: l2, check: none, affinity: track, $HOLD_MEMBERS}
END
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving

# Held connections, and others that come and go.
hold_keep v4 c1 -n 300 -i 300 -r 20 "$EDGE_WEB"
hold_keep v6 c2 -n 150 -i 300 -r 10 "$EDGE_WEB6"
hold_keep udp c2 -n 100 -i 300 -u "$EDGE_DNS"
tap_run "300 connections over IPv4" wait_for 10 hold_has_opened v4 300
tap_run "150 over IPv6" wait_for 10 hold_has_opened v6 150
tap_run "100 UDP flows" wait_for 10 hold_has_opened udp 100
ALL=(v4 v6 udp)

each_service() { # VERB NUMBER [ARGUMENTS...]: one member in all three services
	edge_ctl member "$1" hold "10.99.0.2$2" "${@:3}" &&
		edge_ctl member "$1" hold6 "2001:db8:99::2$2" "${@:3}" &&
		edge_ctl member "$1" dns "10.99.0.2$2" "${@:3}"
}

play() { # NAME: the changes, one after the other
	local name=$1 b
	tap_run "$name: a member is added" each_service add 4
	hold_settle "$name, added"
	hold_none_broken "$name, added" "${ALL[@]}"
	tap_run "$name: new connections reach it" test "$(hold_now v4 | jq .opened)" -gt 300

	tap_run "$name: a weight changes" each_service weight 1 20
	hold_settle "$name, reweighed"
	hold_none_broken "$name, reweighed" "${ALL[@]}"

	for b in 1 2 3; do
		tap_run "$name: b$b gets nothing new" each_service weight "$b" 0
		sleep 2.5
		tap_run "$name: b$b is back" each_service weight "$b" 100
	done
	hold_settle "$name, rolling and taken back"
	hold_none_broken "$name, rolling and taken back" "${ALL[@]}"

	tap_run "$name: the added member drains" each_service drain 4
	tap_run "$name: it runs dry" edge_ctl wait member hold 10.99.0.24 drained --for 60s
	tap_run "$name: over IPv6, too" edge_ctl wait member hold6 2001:db8:99::24 drained --for 60s
	tap_is "$name: no held connection was on it" "$(hold_now v4 | jq '.servers.b4 // 0')" 0
	tap_run "$name: it is removed" each_service remove 4
	hold_none_broken "$name, removed" "${ALL[@]}"
}

tap_fails "who gets new connections cannot run dry" 1 'drain .* first' \
	edge_ctl wait member hold 10.99.0.21 drained
tap_fails "draining what is not there" 3 'did you mean' edge_ctl member drain hold 10.99.0.29
play quiet
hold_flood
play "in a flood of SYNs"
tap_run "the flood was on all the time" kill -0 "$HOLD_FLOOD"
kill "$HOLD_FLOOD"
for name in "${ALL[@]}"; do
	tap_run "$name: data flowed" test "$(hold_now "$name" | jq .messages)" -gt 1000
done
tap_done
