#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Connections survive changes that are taken back while they are learned (a member that comes and goes,
# one that drains and does not), and UDP flows survive changes of a service that learns for a while. A
# service whose flows follow the table shows that the changes would move them.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/hold.sh"

e2e_begin 4
hold_serve b1 b2 b3 b4
cat > "$E2E_CONFIG" <<-END
$HOLD_HEAD
services:
  hold: {listen: "tcp $EDGE_WEB:$HOLD_PORT", mode: l2, check: none, learn: 6s, $HOLD_MEMBERS}
  window: {listen: "udp $EDGE_DNS:$HOLD_PORT", mode: l2, check: none, affinity: window, window: 4s, $HOLD_MEMBERS}
  plain: {listen: "udp $EDGE_WEB:$HOLD_PORT", mode: l2, check: none, affinity: hash, $HOLD_MEMBERS}
END
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving
hold_keep v4 c1 -n 300 -i 300 "$EDGE_WEB"
hold_keep window c2 -n 100 -i 200 -u "$EDGE_DNS"
hold_keep plain c2 -n 100 -i 200 -u "$EDGE_WEB"
tap_run "300 connections" wait_for 10 hold_has_opened v4 300
tap_run "100 flows of a service that learns" wait_for 10 hold_has_opened window 100
tap_run "100 of one that does not" wait_for 10 hold_has_opened plain 100

each() { # VERB NUMBER [ARGUMENTS...]: one member in all services
	local service
	for service in hold window plain; do
		edge_ctl member "$1" "$service" "10.99.0.2$2" "${@:3}" || return
	done
}

play() { # NAME
	local name=$1 i
	# Who is removed loses what it got meanwhile; nobody opened any.
	for i in 1 2 3; do
		tap_run "$name: a member comes, $i" each add 4
		tap_run "$name: its slots move, $i" wait_for 20 hold_is_moving hold
		tap_run "$name: it goes, $i" each remove 4
		sleep 0.5
	done
	hold_none_broken "$name, came and went" v4 window
	hold_settle "$name, came and went"
	hold_none_broken "$name, settled" v4 window

	hold_keep "churn $name" c1 -n 10 -i 300 -r 20 "$EDGE_WEB"
	for i in 1 2 3; do
		tap_run "$name: b1 drains, $i" each drain 1
		sleep 2.5
		tap_run "$name: it does not, $i" each ready 1
		sleep 0.7
	done
	hold_settle "$name, drained and did not"
	hold_none_broken "$name, drained and did not" v4 window "churn $name"

	tap_run "$name: another weight" each weight 2 30
	hold_settle "$name, reweighed"
	tap_run "$name: the weight is back" each weight 2 100
	hold_settle "$name, the weight is back"
	hold_none_broken "$name, reweighed and back" v4 window "churn $name"
}

play quiet
hold_flood
play "in a flood of SYNs"
tap_run "the flood was on all the time" kill -0 "$HOLD_FLOOD"
kill "$HOLD_FLOOD"
tap_run "without learning flows move" test "$(hold_now plain | jq .broken)" -gt 0
tap_done
