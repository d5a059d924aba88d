#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Service addresses that nobody routes: found by ARP and neighbour discovery, on a segment that
# members and clients share; and as routes that a routing daemon could learn. Standby, detach, and
# the end of the daemon take them back.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 2

# Addresses of the servers' own segment, on the backends only where they do not answer for them.
NEAR=10.99.0.100
NEAR6=2001:db8:99::100
ROUTED=192.0.2.77
ROUTED6=2001:db8:10::77
e2e_hold $NEAR $NEAR6 $ROUTED $ROUTED6
lb_mac=$(lab_in lb ip -json link show eth0 | jq -r '.[0].address')

write_config() {
	cat > "$E2E_CONFIG" <<-END
		version: 1
		interfaces: [eth0]
		announce: arp
		services:
		  near: {listen: "tcp $NEAR:80", mode: l2, check: $E2E_CHECK, $E2E_NO_TRIAL, members: [10.99.0.21, 10.99.0.22]}
		  near6: {listen: "tcp [$NEAR6]:80", mode: l2, check: $E2E_CHECK, $E2E_NO_TRIAL, members: ["2001:db8:99::21"]}
		  routed: {listen: "tcp $ROUTED:80", announce: route, on_down: withdraw, mode: l2, check: $E2E_CHECK, circuit: {open: 1s, trial: 12s}, members: [10.99.0.21, 10.99.0.22]}
		  routed6: {listen: "tcp [$ROUTED6]:80", announce: route, mode: l2, check: none, members: ["2001:db8:99::21"]}
	END
}

neighbour() { # of the router: MAC of an address
	lab_in rt ip neigh show "$1" dev in | sed -n 's/.*lladdr \([0-9a-f:]*\).*/\1/p'
}

neighbour_is() { # ADDRESS MAC
	[ "$(neighbour "$1")" = "$2" ]
}

forget() {
	lab_in rt ip neigh flush dev in
}

get() { # ADDRESS
	lab_in c1 curl -sf -o /dev/null --max-time 2 "http://$1/"
}

routes() {
	(
		lab_in lb ip route show table 201
		lab_in lb ip -6 route show table 201
	) 2>/dev/null | sed 's/ dev lo / /; s/ *proto 201.*//; s/ *$//; s/ metric.*//' | sort
}

routes_are() {
	[ "$(routes)" = "$1" ]
}

lab_in lb ip route add blackhole 198.18.0.0/15 table 201 proto static
all_routes=$(printf 'blackhole %s\n' "$ROUTED" "$ROUTED6" "198.18.0.0/15 proto static" | sort)
no_routes="blackhole 198.18.0.0/15 proto static"

# A node that starts knows nothing of its members. Other nodes do, so it has no route before.
write_config
edge_server_stop b2
e2e_start
tap_run "a new node has routes in the end" wait_for 12 routes_are "$all_routes"
tap_is "it knows by then who is down" "$(edge_ctl --json service show routed |
	jq -c '[.pools[].members[].state]')" '["serving","ejected"]'
tap_is "and its table says so" "$(edge_ctl --json service show routed |
	jq -c '[.flows | .announced, .waiting, .moving]')" '[0,0,0]'
edge_server_start b2
tap_run "all members serve" wait_for 25 e2e_all_serving
tap_is "also one that is not checked" "$(edge_ctl --json service show routed6 |
	jq -c '[.pools[].members[] | .state, .health]')" '["serving","up"]'

# ARP and neighbour discovery.
tap_run "traffic arrives without any route" get "$NEAR"
tap_is "ARP gives the balancer's MAC" "$(neighbour $NEAR)" "$lb_mac"
tap_run "over IPv6, too" get "[$NEAR6]"
tap_is "neighbour discovery gives the balancer's MAC" "$(neighbour $NEAR6)" "$lb_mac"
tap_match "the packet path answered" "$(e2e_verdict neighbor_answered)" '^[1-9]'
load=$(edge_load c1 --count 300 --source "$EDGE_SOURCES1" "http://$NEAR/")
e2e_served "300 requests arrive" "$load"
e2e_shares "at both members" "$load" b1=1 b2=1
tap_is "the address is nowhere on the balancer" \
	"$(lab_in lb ip -brief address | grep -cE "$NEAR/|$NEAR6/")" 0
forget
tap_fails "nobody answers for an address that is no service's" 28 '' \
	lab_in c1 curl -s -o /dev/null --max-time 1 http://10.99.0.101/

# Routes.
tap_run "services that can serve have routes" wait_for 10 routes_are "$all_routes"
tap_match "status says so" "$(edge_ctl status)" 'active: .*2 addresses, routes 2 of 2 in table 201'
edge_server_stop b1
edge_server_stop b2
tap_run "without members the route goes" wait_for 5 routes_are \
	"$(printf 'blackhole %s\n' "$ROUTED6" "198.18.0.0/15 proto static" | sort)"
tap_match "status counts them" "$(edge_ctl status)" 'routes 1 of 2 in table 201'
edge_server_start b1
edge_server_start b2
tap_run "with members it is back, though all are on trial" wait_for 8 routes_are "$all_routes"
tap_match "an event says so" "$(edge_ctl --json events)" 'routes_changed'
tap_match "metrics say so" "$(edge_ctl metrics)" 'sluice_routes_installed 2'

# Without the program there is nothing to attract traffic to; its place is taken for good here.
take_place() { # the daemon may be faster
	lab_in lb ip link set dev eth0 xdp off && (lab_xdp_pass lb eth0)
}
wait_for 5 take_place
tap_run "a program that is gone takes the routes with it" wait_for 5 routes_are "$no_routes"
lab_in lb ip link set dev eth0 xdp off
tap_run "attached again, they are back" wait_for 5 routes_are "$all_routes"

# Standby.
get "$NEAR"
answered=$(e2e_verdict neighbor_answered)
tap_match "node standby" "$(edge_ctl node standby)" 'standby now: ARP and ND not answered'
tap_is "withdraws the routes before it returns" "$(routes)" "$no_routes"
tap_run "it is idempotent" edge_ctl node standby
tap_match "and shown" "$(edge_ctl node show)" 'is standby'
tap_run "who knows the MAC already is served" get "$NEAR" # a stale entry serves until it is asked again
forget
tap_fails "nobody else finds the address" 28 '' \
	lab_in c1 curl -s -o /dev/null --max-time 2 "http://$NEAR/"
tap_fails "neither over IPv6" 28 '' \
	lab_in c1 curl -s -o /dev/null --max-time 2 "http://[$NEAR6]/"
tap_is "no question was answered" "$(e2e_verdict neighbor_answered)" "$answered"
lab_stop sluiced TERM
# One more service, which nobody announced before, and whose member is not there.
cp "$E2E_CONFIG" "$LAB_DIR/before.yaml"
echo '  dead: {listen: "tcp 192.0.2.78:80", announce: route, mode: l2, check: none, members: [10.99.0.29]}' >> "$E2E_CONFIG"
e2e_start
tap_match "a restarted daemon keeps the role" "$(edge_ctl node show)" 'is standby'
tap_run "a service has no member that answers" wait_for 10 edge_member_is dead 10.99.0.29 unreachable

# Active again: the router is told without asking.
lab_in rt ip neigh replace "$NEAR" lladdr 02:00:00:00:00:99 dev in nud stale
lab_in rt ip neigh replace "$NEAR6" lladdr 02:00:00:00:00:99 dev in nud stale
frames=$(edge_ctl metrics | sed -n 's/^sluice_gratuitous_frames_total //p')
tap_match "node active" "$(edge_ctl node active)" 'active now: ARP and ND answered'
tap_run "gratuitous ARP arrives at once" wait_for 1 neighbour_is $NEAR "$lb_mac"
tap_run "so does the advertisement" wait_for 1 neighbour_is $NEAR6 "$lb_mac"
tap_run "the routes are back, without that of the dead service" wait_for 10 routes_are "$all_routes"
tap_run "the service serves" get "$NEAR"
cp "$LAB_DIR/before.yaml" "$E2E_CONFIG"
tap_run "reload without the dead one" edge_ctl reload --force
sleep 3
tap_is "each address is told three times" \
	"$(edge_ctl metrics | sed -n 's/^sluice_gratuitous_frames_total //p')" $((frames + 6))

# A service that is added is told at once, too.
lab_in rt ip neigh replace 10.99.0.102 lladdr 02:00:00:00:00:99 dev in nud stale
cp "$E2E_CONFIG" "$LAB_DIR/before.yaml"
echo '  added: {listen: "tcp 10.99.0.102:80", mode: l2, check: none, members: [10.99.0.21]}' >> "$E2E_CONFIG"
tap_run "reload with one more service" edge_ctl reload
tap_run "the router is told of it" wait_for 10 neighbour_is 10.99.0.102 "$lb_mac"
cp "$LAB_DIR/before.yaml" "$E2E_CONFIG"
tap_run "reload without it" edge_ctl reload --force
lab_in rt ip neigh flush dev in
tap_fails "nobody answers for it any more" 28 '' \
	lab_in c1 curl -s -o /dev/null --max-time 1 http://10.99.0.102/

# Shutting down, being killed, starting again.
lab_stop sluiced TERM
tap_is "a daemon that ends withdraws its routes" "$(routes)" "$no_routes"
forget
tap_run "the packet path answers ARP on" get "$NEAR"
e2e_start
tap_run "the next one installs them" wait_for 8 routes_are "$all_routes"
lab_stop sluiced KILL
tap_is "one that is killed leaves them" "$(routes)" "$all_routes"

# A dead daemon's node can be put on standby.
tap_match "node show without a daemon" "$(edge_ctl_offline node show)" 'active; sluiced is not running'
tap_match "node standby without a daemon" "$(edge_ctl_offline node standby)" 'standby now, 2 routes withdrawn'
tap_is "the routes are gone" "$(routes)" "$no_routes"
forget
tap_fails "nobody answers ARP" 28 '' lab_in c1 curl -s -o /dev/null --max-time 1 "http://$NEAR/"
tap_match "status says so" "$(edge_ctl_offline status)" 'on standby'
tap_match "node active without a daemon" "$(edge_ctl_offline node active)" 'active now'
forget
tap_run "ARP is answered" get "$NEAR"
e2e_start
tap_run "the next daemon installs the routes" wait_for 8 routes_are "$all_routes"
lab_stop sluiced KILL
sed -i "/routed6/d" "$E2E_CONFIG"
e2e_start
tap_run "the next one withdraws those of no service" wait_for 10 routes_are \
	"$(printf 'blackhole %s\n' "$ROUTED" "198.18.0.0/15 proto static" | sort)"

# Another table, or another way, by reload.
sed -i 's/^announce: arp/&\nroutes: {table: 333, protocol: 33, stop: keep}/' "$E2E_CONFIG"
tap_run "reload with another table" edge_ctl reload
tap_run "the old one is left" wait_for 10 routes_are "$no_routes"
tap_match "the new one has the route" "$(lab_in lb ip route show table 333)" "blackhole $ROUTED proto 33"
lab_stop sluiced TERM
tap_match "stop: keep leaves it" "$(lab_in lb ip route show table 333)" "blackhole $ROUTED"
tap_run "detach without a daemon" edge_ctl_offline detach
tap_is "leaves no routes" "$(lab_in lb ip route show table 333)" ""
tap_is "but others'" "$(routes)" "$no_routes"
e2e_start
tap_run "detach with a daemon" edge_ctl detach
tap_run "ends it" wait_for 5 eval '! lab_is_running sluiced'
tap_is "leaves none, either" "$(lab_in lb ip route show table 333)" ""

# The interface's MAC changes: neighbours are told.
sed -i '/^routes:/d' "$E2E_CONFIG"
e2e_start
get "$NEAR"
lab_in lb ip link set eth0 address 02:00:00:00:77:01
tap_run "another MAC of ours is told" wait_for 10 neighbour_is $NEAR 02:00:00:00:77:01
tap_run "and answers" get "$NEAR"
lab_in lb ip rule add priority 99 table 201
sed -i 's/near: .*/near: {listen: "tcp '$NEAR':81", mode: l2, announce: arp, members: [10.99.0.21]}/' "$E2E_CONFIG"
tap_fails "a rule that points at the table is refused with the fix" 6 'ip rule del priority 99' \
	edge_ctl reload
lab_in lb ip rule del priority 99
lab_stop sluiced TERM
edge_ctl_offline detach > /dev/null

# Refused.
lab_in lb ip address add "$NEAR/32" dev lo
tap_fails "a local service address is refused with the fix" 1 "ip address del $NEAR" \
	edge_daemon "$E2E_CONFIG"
lab_in lb ip address del "$NEAR/32" dev lo
tap_fails "announce: arp without CAP_NET_RAW is refused with the fix" 1 'CAP_NET_RAW' \
	lab_in lb timeout 10 setpriv --bounding-set -net_raw --inh-caps -net_raw \
	"$LAB_OUT/bin/sluiced" --config "$E2E_CONFIG" --instance "$LAB_PREFIX" --run-dir "$LAB_DIR/run"
tap_done
