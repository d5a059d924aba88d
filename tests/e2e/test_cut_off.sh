#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The balancer's own cable is pulled: it is not ready and withdraws its routes within 3 s, ejects nobody,
# breaks no connection, and recovers alone. A member that really died meanwhile is out afterwards.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/hold.sh"

e2e_begin 3
hold_serve b1 b2 b3
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	announce: route
	flows: {pre: 200ms}
	services:
	  hold: {listen: "tcp $EDGE_WEB:$HOLD_PORT", mode: l2, check: ${E2E_CHECK%\}}, port: 80}, members: [10.99.0.21, 10.99.0.22, 10.99.0.23]}
	  web: {listen: "tcp $EDGE_WEB:80", mode: l2, check: $E2E_CHECK, members: [10.99.0.21, 10.99.0.22, 10.99.0.23]}
END
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving
routes_are() {
	edge_ctl --json node show | jq -e --argjson n "$1" '.announce.routes_installed == $n'
}
tap_run "the route is there" wait_for 5 routes_are 1
hold_keep v4 c1 -n 100 -i 300 -t 60 "$EDGE_WEB"
tap_run "100 connections are held" wait_for 15 hold_has_opened v4 100
cable() { # up|down: its far end
	lab_in rt ip link set p-lb "$1"
}
is_not_ready() {
	! edge_is_ready
}
seq=$(edge_ctl --json events | e2e_last_event)
cable down
tap_run "not ready within 3 s" wait_for 3 is_not_ready
tap_run "its route is withdrawn" wait_for 3 routes_are 0
tap_match "status says why" "$(edge_ctl status)" 'this host is cut off: carrier lost'
edge_server_stop b3
sleep 6 # long enough for all checks to have failed
none_ejected() {
	edge_ctl --json service show web | jq -e '[.pools[].members[].health] | all(. == "up")'
}
tap_run "nobody is ejected" none_ejected
cable up
tap_run "ready again by itself" wait_for 5 edge_is_ready
tap_run "the route is back" wait_for 5 routes_are 1
tap_run "and who died meanwhile is out in the end" wait_for 40 edge_member_is web 10.99.0.23 ejected
served() {
	edge_member_is web 10.99.0.21 serving && edge_member_is web 10.99.0.22 serving
}
tap_run "the others serve" wait_for 10 served
e2e_settle
load=$(edge_load c1 --count 300 --source "$EDGE_SOURCES1" "http://$EDGE_WEB/")
e2e_served "300 requests arrive" "$load"
tap_is "nothing happened to the others" "$(edge_ctl --json events --since "$seq" | e2e_taken_out)" "10.99.0.23:7000 10.99.0.23:80"
hold_none_broken "all that" v4
tap_done
