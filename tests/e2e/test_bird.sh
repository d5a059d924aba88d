#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# announce: route, with the files of deploy/bird: BIRD on the balancer learns the routes and tells the
# router by BGP, and traffic follows what the services can do.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

command -v bird > /dev/null || tap_skip_all "BIRD is not installed (deploy/install-deps test)"
e2e_begin 1

ROUTED=192.0.2.77
ROUTED6=2001:db8:10::77
e2e_hold $ROUTED $ROUTED6
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	announce: route
	services:
	  routed: {listen: "tcp $ROUTED:80", mode: l2, check: $E2E_CHECK, $E2E_NO_TRIAL, on_down: withdraw, members: [10.99.0.21]}
	  routed6: {listen: "tcp [$ROUTED6]:80", mode: l2, check: $E2E_CHECK, $E2E_NO_TRIAL, members: ["2001:db8:99::21"]}
END

cp deploy/bird/bird.conf "$LAB_DIR/bird-lb.conf"
cp deploy/bird/router.conf "$LAB_DIR/bird-rt.conf"

start_bird() { # NAMESPACE
	lab_start "bird-$1" "$1" bird -f -c "$LAB_DIR/bird-$1.conf" -s "$LAB_DIR/bird-$1.ctl" \
		-P "$LAB_DIR/bird-$1.pid"
}

via() { # the router's way to an address
	lab_in rt ip route get "$1" 2>/dev/null | sed -n 's/.* via \([^ ]*\).*/\1/p'
}

via_is() { # ADDRESS NEXTHOP
	[ "$(via "$1")" = "$2" ]
}

get() { # ADDRESS
	lab_in c1 curl -sf -o /dev/null --max-time 2 "http://$1/"
}

e2e_start
start_bird lb
start_bird rt
tap_run "the router learns the address" wait_for 20 via_is "$ROUTED" "$EDGE_LB"
tap_run "and the IPv6 address" wait_for 20 via_is "$ROUTED6" "$EDGE_LB6"
tap_run "traffic arrives" get "$ROUTED"
tap_run "over IPv6, too" get "[$ROUTED6]"
begin=$(lab_now_ms)
tap_run "node standby" edge_ctl node standby
tap_run "takes the route back" wait_for 10 via_is "$ROUTED" ""
tap_run "of both" wait_for 10 via_is "$ROUTED6" ""
echo "# withdrawn from the router after $(($(lab_now_ms) - begin)) ms"
tap_fails "node drain gives up when told to" 7 'packets for its services still arrive' \
	edge_ctl node drain --for 1s --quiet 20s
tap_match "status shows that nothing comes" "$(sleep 2; edge_ctl status)" \
	'standby: routes 0 of 2 in table 201; no packet for its services for [0-9]+ s'
tap_match "node drain waits for silence" "$(edge_ctl node drain)" ': drained, no packet for its services for '
tap_run "node active" edge_ctl node active
tap_run "brings it back" wait_for 10 via_is "$ROUTED" "$EDGE_LB"
edge_server_stop b1
tap_run "a service without members attracts nothing, if it shall not" wait_for 6 via_is "$ROUTED" ""
tap_run "another one keeps its route in a panic" wait_for 6 edge_member_is routed6 2001:db8:99::21 ejected
sleep 1
tap_run "as it was" via_is "$ROUTED6" "$EDGE_LB6"
tap_run "node standby" edge_ctl node standby
tap_run "takes that back, too" wait_for 10 via_is "$ROUTED6" ""
tap_run "node active" edge_ctl node active
tap_run "brings it back, panic or not" wait_for 10 via_is "$ROUTED6" "$EDGE_LB6"
tap_run "all its members in maintenance" edge_ctl member maint routed6 2001:db8:99::21
tap_run "are no panic: withdrawn" wait_for 10 via_is "$ROUTED6" ""
tap_run "its member is ready again" edge_ctl member ready routed6 2001:db8:99::21
tap_is "and announced only when it serves" "$(via "$ROUTED6")" ""
edge_server_start b1
tap_run "with one it does" wait_for 8 via_is "$ROUTED" "$EDGE_LB"
tap_run "and serves" get "$ROUTED"
tap_run "the other one, too" wait_for 8 via_is "$ROUTED6" "$EDGE_LB6"
lab_stop sluiced TERM
tap_run "a daemon that stops sends traffic elsewhere" wait_for 10 via_is "$ROUTED" ""

# A new node attracts nothing before its checks have told who serves: here nobody does.
tap_run "its maps go" edge_ctl_offline detach
edge_server_stop b1
e2e_start
tap_run "the first check says that its member is out" wait_for 8 edge_member_is routed 10.99.0.21 ejected
tap_run "the other one, too" wait_for 8 edge_member_is routed6 2001:db8:99::21 ejected
tap_is "until then no route was installed" "$(edge_ctl --json events | jq -s 'flatten | map(tostring) |
	map(select(contains("routes_changed"))) | length')" 0
edge_server_start b1
tap_run "with a member that serves one is" wait_for 12 via_is "$ROUTED" "$EDGE_LB"
tap_match "and an event says so" "$(edge_ctl --json events)" 'routes_changed'
tap_done
