#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Maps that are nearly full: what does not fit is refused, and what was there when the daemon came
# and cannot be mended is told, while traffic flows.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 1
# write MEMBERS RATE: that many, one of which is there.
write() {
	cat > "$E2E_CONFIG" <<-END
		version: 1
		interfaces: [eth0]
		capacity: {slots: 8192, limit_sources: 1024}
		services:
		  web:
		    listen: "tcp $EDGE_WEB:80"
		    mode: l2
		    check: none
		    limits: [per-client]
		    members: [$(seq -s ', ' -f '10.99.0.%g' 21 $((20 + $1)))]
		limits:
		  per-client: {count: new-connections, rate: $2/s, burst: 100, sources: 1024, mode: enforce}
	END
}
status() { edge_ctl --json status || true; } # its exit status tells the state

write 8 50
edge_server_start b1
e2e_start
tap_fails "a member that makes the table grow is refused, with key and numbers" 1 \
	'web: its table needs 8192 slots .* while it keeps the 4096 .* of 8192 in the maps.*capacity.slots' \
	edge_ctl member add web 10.99.0.40
write 9 50
tap_fails "so is a file with it" 1 'its table needs 8192 slots' edge_ctl reload
write 8 5000
tap_fails "a limit whose record has to move is refused" 1 \
	'per-client: its record of sources needs 1024 .*capacity.limit_sources' edge_ctl reload
tap_is "nothing of it is in force" "$(status | jq -c '[.services[0].members_total,
	.limits[0].rate]')" "$(status | jq -c '[8, .limits[0].rate]')"
write 8 51
tap_run "a rate that keeps its record is taken" edge_ctl reload
write 8 50

# The same by a restart, when nobody can refuse it.
lab_stop sluiced TERM
write 9 50
e2e_start
told() { status | jq -e '.why | any(test("web: its table cannot grow from 4096 to 8192 slots"))'; }
tap_run "status tells the shortage" wait_for 8 told
tap_match "and what to do" "$(status | jq -r .next)" 'raise capacity.slots'
tap_run "the node is ready all the same" edge_is_ready
tap_match "an event tells" "$(edge_ctl --json events |
	jq -r '.events[] | select(.type == "map_problem") | .text')" 'web: its table cannot grow'
tap_is "a metric tells" "$(edge_api GET /metrics | grep '^sluice_map_problems ')" 'sluice_map_problems 1'
tap_run "the member that was there forwards" lab_in c1 curl -sf -o /dev/null --max-time 5 \
	--retry 20 --retry-all-errors --retry-delay 0 "http://$EDGE_WEB/"
tap_run "taking a member away mends it" edge_ctl member remove web 10.99.0.29
mended() { ! told && edge_api GET /metrics | grep -q '^sluice_map_problems 0'; }
tap_run "and status is silent" wait_for 8 mended

# And a limit, which stays as it was.
lab_stop sluiced TERM
write 8 5000
e2e_start
still() { # MODE
	status | jq -e --arg text "limit per-client: still as it was before it changed, in mode $1: no room" \
		'.why | any(contains($text))'
}
tap_run "a limit that finds no room is told" wait_for 8 still enforce
edge_ctl limit mode per-client disabled > /dev/null
tap_run "and can be switched off" wait_for 8 still disabled
tap_done
