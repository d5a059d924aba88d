#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Where tunnel packets come from: the route decides, unless the configuration does.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

OTHER=10.99.0.110
OTHER6=2001:db8:99::110

e2e_begin 1
lab_in lb ip address add "$OTHER/24" dev eth0
lab_in lb ip address add "$OTHER6/64" dev eth0 nodad preferred_lft 0 # no route chooses it

# config [OUTER_SOURCE]
config() {
	cat > "$E2E_CONFIG" <<-END
		version: 1
		interfaces: [eth0]
		${1:+outer_source: $1}
		services:
		  v4: {listen: "tcp $EDGE_TUNNEL:80", mode: ipip, check: none, members: [10.99.0.21]}
		  v6: {listen: "tcp [$EDGE_TUNNEL6]:80", mode: ipip, check: none, members: ["2001:db8:99::21"]}
	END
}

# only_from ADDRESS...: the backend unpacks tunnels of these alone.
only_from() {
	local -a from=()
	for address in "$@"; do
		from+=(--from "$address")
	done
	lab_in b1 "$LAB_OUT/bin/sluice-decap" attach eth0 "${from[@]}"
}

answer() {
	lab_in c1 curl -s --max-time 1 "http://$1/"
}

is_answered() {
	[ "$(answer "$EDGE_TUNNEL")" = b1 ]
}

config
e2e_start
tap_run "the backend unpacks what the route's address sends" only_from "$EDGE_LB" "$EDGE_LB6"
tap_run "without outer_source that is the source" wait_for 5 is_answered
tap_is "for IPv6, too" "$(answer "[$EDGE_TUNNEL6]")" b1

tap_run "now only what the other addresses send" only_from "$OTHER" "$OTHER6"
tap_is "the service is gone" "$(answer "$EDGE_TUNNEL")" ""
config "{ipv4: $OTHER, ipv6: '$OTHER6'}"
tap_run "a reload names them" edge_ctl reload
tap_run "they are the source" wait_for 5 is_answered
tap_is "for IPv6, too" "$(answer "[$EDGE_TUNNEL6]")" b1

config "{ipv4: 10.99.0.200}"
tap_fails "an address of somebody else is refused" 1 'outer_source\.ipv4.*10\.99\.0\.200 is no address of this host' \
	edge_ctl reload
tap_is "and nothing changed" "$(answer "$EDGE_TUNNEL")" b1
config
tap_run "without it again" edge_ctl reload
tap_run "the route's address" only_from "$EDGE_LB" "$EDGE_LB6"
tap_run "is the source again" wait_for 5 is_answered
lab_stop sluiced
config "{ipv4: $OTHER, ipv6: '$OTHER6'}"
tap_run "from the start" edge_daemon_start "$E2E_CONFIG"
tap_run "only what the other addresses send" only_from "$OTHER" "$OTHER6"
tap_run "they are the source" wait_for 5 is_answered
tap_done
