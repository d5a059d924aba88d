#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A daemon that starts again while no member is well: who serves all the same is not taken for well, so
# that a withdrawn route does not come back for a while; one that was kept is kept, and no table changes.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 2
ROUTED=192.0.2.77
KEPT=192.0.2.78
e2e_hold $ROUTED $KEPT
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	announce: route
	flows: {pre: 200ms}
	services:
	  routed: {listen: "tcp $ROUTED:80", on_down: withdraw, mode: l2, check: $E2E_CHECK, $E2E_NO_TRIAL, members: [10.99.0.21, 10.99.0.22]}
	  kept: {listen: "tcp $KEPT:80", mode: l2, check: $E2E_CHECK, $E2E_NO_TRIAL, members: [10.99.0.21, 10.99.0.22]}
END

routes() {
	lab_in lb ip route show table 201 2> /dev/null | sed -n 's/^blackhole \([0-9.]*\) .*/\1/p' | sort | xargs
}
routes_are() {
	[ "$(routes)" = "$*" ]
}
tables() {
	{ edge_ctl --json status || :; } | jq -c '[.services[] | {name, table}] | sort_by(.name)'
}
all_are() { # HEALTH
	edge_ctl --json service show routed | jq -e --arg h "$1" '[.pools[].members[].health] | all(. == $h)'
}
# A check has spoken since the start.
all_failed_again() {
	edge_ctl --json service show routed |
		jq -e '[.pools[].members[].health_text] | all(test("before the restart") | not)'
}
panic_of() {
	edge_ctl --json service show routed | jq -r .panic
}
again() { # SIGNAL
	lab_stop sluiced "$1"
	edge_daemon_start "$E2E_CONFIG"
	tap_is "$1: the daemon starts again" "$?" 0
	tap_run "$1: who failed before is not taken for well" all_are down
	tap_is "$1: and serves all the same" "$(panic_of)" readmit
	tap_run "$1: the route of one that is never withdrawn for that is there" wait_for 5 routes_are "$KEPT"
	tap_run "$1: checks fail as before" wait_for 15 all_failed_again
	e2e_settle
	tap_is "$1: no table changed" "$(tables)" "$before"
	tap_is "$1: the withdrawn route never came back" \
		"$(grep -v '^Deleted' "$LAB_DIR/monitor.log" | grep -c "blackhole $ROUTED")" 0
	tap_is "$1: nor is it there" "$(routes)" "$KEPT"
}

e2e_start
tap_run "both have routes" wait_for 15 routes_are "$ROUTED $KEPT"
tap_run "all are well" wait_for 10 all_are up
edge_server_stop b1
edge_server_stop b2
tap_run "without members one route goes" wait_for 10 routes_are "$KEPT"
tap_is "for who fails serves" "$(panic_of)" readmit
e2e_settle
before=$(tables)
lab_start monitor lb ip monitor route
again TERM
again KILL
edge_server_start b1
tap_run "with a member that is well it is back" wait_for 10 routes_are "$ROUTED $KEPT"
tap_done
