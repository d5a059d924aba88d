#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Members that leave while they have connections: what removing them costs is said.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/hold.sh"

e2e_begin 3
hold_serve b1 b2 b3
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	flows: {pre: 1s, pending_life: 3s, closing_life: 3s, refresh: 1s}
	services:
	  hold: {listen: "tcp $EDGE_WEB:$HOLD_PORT", mode: l2, check: none, learn: 4s, members: [10.99.0.21, 10.99.0.22, 10.99.0.23]}
	  dns: {listen: "udp $EDGE_DNS:$HOLD_PORT", mode: l2, check: none, members: [10.99.0.21, 10.99.0.22]}
END
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving
hold_keep v4 c1 -n 120 -i 300 "$EDGE_WEB"
tap_run "120 connections" wait_for 10 hold_has_opened v4 120

held_by() { # NAME: connections at this backend
	hold_now v4 | jq ".servers.$1 // 0"
}
is_counted() { # MEMBER
	edge_ctl --json member show hold "$1" | jq -e .flows.counted
}

# ---- removal
B3=$(held_by b3)
tap_run "a member has connections" test "$B3" -gt 10
tap_run "it drains" edge_ctl member drain hold 10.99.0.23
tap_run "its connections are counted" wait_for 30 is_counted 10.99.0.23
tap_match "member show tells how many" "$(edge_ctl member show hold 10.99.0.23)" \
	"^flows +$B3 known flows left"
hold_none_broken "it drains" v4
tap_match "removing it says that it cuts as many" "$(edge_ctl member remove hold 10.99.0.23 2>&1)" \
	"warning: $B3 known flows are cut; draining first keeps them"
tap_run "and it does" wait_for 10 eval "[ \"\$(hold_now v4 | jq .broken)\" -eq $B3 ]"
tap_match "the record has it" "$(edge_ctl events)" "weight 100 -> removed, $B3 known flows"
answer=$(edge_ctl --json member remove hold 10.99.0.22 2> /dev/null)
tap_match "who was not counted: the answer says so" "$(jq -r .warning <<< "$answer")" \
	'^its flows are cut: [0-9]+ known, the others are not counted yet; draining first keeps them$'
tap_is "and has the numbers" "$(jq -c '[.changed, .flows.counted]' <<< "$answer")" '[true,false]'
tap_is "flows that nobody keeps: no warning" \
	"$(edge_ctl --json member remove dns 10.99.0.22 | jq .warning)" null
tap_done
