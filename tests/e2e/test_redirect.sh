#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Members behind other interfaces than the one that a packet came in on: redirected there, in every
# mode and family, and found again when the interface goes away and comes back.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

# b1 is on the balancer's segment, b4 behind eth1; c3 is a client behind eth2.
e2e_begin 1
edge_behind b4 eth1 98
edge_serve b4
edge_behind c3 eth2 97
config() { # INTERFACES
	cat <<-END
		version: 1
		interfaces: [$1]
		flows: {pre: 200ms}
		services:
		  l2-v4: {listen: "tcp $EDGE_WEB:80", mode: l2, check: $E2E_CHECK, $E2E_NO_TRIAL, members: [10.99.0.21, 10.98.0.24]}
		  l2-v6: {listen: "tcp [$EDGE_WEB6]:80", mode: l2, members: ["2001:db8:99::21", "2001:db8:98::24"]}
		  v4-in-v4: {listen: "tcp $EDGE_TUNNEL:80", mode: ipip, members: [10.99.0.21, 10.98.0.24]}
		  v4-in-v6: {listen: "tcp $EDGE_TUNNEL:8080", mode: ipip, members: ["2001:db8:99::21", "2001:db8:98::24"]}
		  v6-in-v6: {listen: "tcp [$EDGE_TUNNEL6]:80", mode: ipip, members: ["2001:db8:99::21", "2001:db8:98::24"]}
		  v6-in-v4: {listen: "tcp [$EDGE_TUNNEL6]:8080", mode: ipip, members: [10.99.0.21, 10.98.0.24]}
	END
}

decap() { # BACKEND BALANCER-ADDRESS...
	local backend=$1 address
	local -a from=()
	shift
	for address; do
		from+=(--from "$address")
	done
	lab_in "$backend" "$LAB_OUT/bin/sluice-decap" attach eth0 "${from[@]}"
}

tap_run "b1: sluice-decap attaches" decap b1 "$EDGE_LB" "$EDGE_LB6"
tap_run "b4: sluice-decap attaches" decap b4 10.98.0.10 2001:db8:98::10
config eth0 > "$E2E_CONFIG"
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving

# spread NAME NS URL SOURCES [MEMBER=WEIGHT...]
spread() {
	local load
	e2e_settle
	load=$(edge_load "$2" --count 600 --source "$4" "$3")
	e2e_served "$1: 600 requests arrive" "$load"
	e2e_shares "$1: at both sides" "$load" "${@:5}"
}

SOURCES6=2001:db8:c1::/120
spread "l2, IPv4" c1 "http://$EDGE_WEB/" "$EDGE_SOURCES1" b1=1 b4=1
spread "l2, IPv6" c1 "http://[$EDGE_WEB6]/" $SOURCES6 b1=1 b4=1
spread "tunnel, IPv4 in IPv4" c1 "http://$EDGE_TUNNEL/" "$EDGE_SOURCES1" b1=1 b4=1
spread "tunnel, IPv4 in IPv6" c1 "http://$EDGE_TUNNEL:8080/" "$EDGE_SOURCES1" b1=1 b4=1
spread "tunnel, IPv6 in IPv6" c1 "http://[$EDGE_TUNNEL6]/" $SOURCES6 b1=1 b4=1
spread "tunnel, IPv6 in IPv4" c1 "http://[$EDGE_TUNNEL6]:8080/" $SOURCES6 b1=1 b4=1
tap_is "the member's device is named" "$(edge_ctl --json member show l2-v4 10.98.0.24 |
	jq -r .nexthop.device)" eth1
tap_is "nothing is attached there: it only sends" "$(lab_xdp_id lb eth1)" ""

# A second interface comes in with a reload; its packets leave by the two others.
config "eth0, eth2" > "$E2E_CONFIG"
tap_run "another interface is attached by a reload" edge_ctl reload
tap_match "its program runs" "$(lab_xdp_id lb eth2)" '^[0-9]+$'
received() { # by the program, on eth2
	sleep 0.3 # the daemon gives counters that are up to 0.2 s old
	edge_ctl --json service show "$1" | jq .new_connections
}
before=$(received l2-v4)
spread "from there, l2, IPv4" c3 "http://$EDGE_WEB/" 10.97.0.24 b1=1 b4=1
tap_between "each connection is counted once" $(($(received l2-v4) - before)) 600 606
spread "from there, l2, IPv6" c3 "http://[$EDGE_WEB6]/" 2001:db8:97::24 b1=1 b4=1
spread "from there, tunnel, IPv4 in IPv6" c3 "http://$EDGE_TUNNEL:8080/" 10.97.0.24 b1=1 b4=1
config eth0 > "$E2E_CONFIG"
tap_fails "taking it off again has to be asked for" 6 'reload --force, or keep the interface' edge_ctl reload
tap_run "with --force it goes" edge_ctl reload --force
tap_is "nothing is attached there any more" "$(lab_xdp_id lb eth2)" ""

# The cable to the member is pulled, and another one is plugged in: another device by the same name.
lab_in lb ip link delete eth1
tap_run "without its interface the member is out within 3 s" wait_for 3 \
	edge_member_is l2-v4 10.98.0.24 unreachable
spread "without the interface" c1 "http://$EDGE_WEB/" "$EDGE_SOURCES1" b1=1
edge_behind_cable b4 eth1 98
tap_run "b4: sluice-decap attaches" decap b4 10.98.0.10 2001:db8:98::10
tap_run "with the new one it serves" wait_for 10 edge_member_is l2-v4 10.98.0.24 serving
spread "with the new interface" c1 "http://$EDGE_WEB/" "$EDGE_SOURCES1" b1=1 b4=1
tap_is "no packet was without a next hop" "$(e2e_verdict no_nexthop)" 0
# There is room for 64 interfaces that members are behind, and not for those that others were behind.
interfaces() { # FIRST LAST
	local number
	for number in $(seq "$1" "$2"); do
		lab_in lb ip link add "p$number" type veth peer name "q$number"
		lab_in lb ip link set "q$number" up
		lab_in lb ip link set "p$number" up
		lab_in lb ip address add "10.101.$number.1/24" dev "p$number"
		lab_in lb ip neigh add "10.101.$number.2" lladdr 02:00:00:00:00:02 nud permanent dev "p$number"
	done
}
behind() { # FIRST LAST
	local list
	list=$(seq -f '10.101.%g.2' -s ', ' "$1" "$2")
	cat > "$E2E_CONFIG" <<-END
		version: 1
		interfaces: [eth0]
		services:
		  many: {listen: "tcp $EDGE_WEB:80", mode: l2, check: none, members: [$list]}
	END
	edge_ctl reload --force
}
nexthops() { # FILTER: of all members, in one line
	edge_ctl --json service show many | jq -c "[.pools[].members[].nexthop | $1] | unique"
}
are_decided() { # COUNT: none waits for an answer
	edge_ctl --json service show many |
		jq -e "[.pools[].members[].nexthop.state] | length == $1 and all(. != \"pending\")"
}
interfaces 1 80
tap_run "members behind 40 interfaces" behind 1 40
tap_run "are known" wait_for 20 are_decided 40
tap_run "then behind 40 others" behind 41 80
tap_run "are, too" wait_for 20 are_decided 40
tap_match "there is room for those" "$(nexthops .text)" '^\[("p[0-9]+ loses[^]]*|"")\]$'
tap_done
