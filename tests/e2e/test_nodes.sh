#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Three balancers behind a router that spreads flows over them by ECMP, told by BGP with the files of
# deploy/bird. Held connections live on when one is added, drained, and lost. What a node knows of
# flows in exceptional slots is lost with it: that is the bound of what may break.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/hold.sh"
. "$(dirname "$0")/../lib/nodes.sh"

command -v bird > /dev/null || tap_skip_all "BIRD is not installed (deploy/install-deps test)"
e2e_begin 4
nodes_build 3
hold_serve b1 b2 b3 b4
CHECK="${E2E_CHECK%\}}, port: 80}"
ALL=(v4 v6)

# BGP has these routes, not the site's own.
lab_in rt ip route del "$EDGE_WEB"
lab_in rt ip route del "$EDGE_WEB6"
lab_in rt sysctl -qw net.ipv4.fib_multipath_hash_policy=1 net.ipv6.fib_multipath_hash_policy=1
for node in 1 2 3; do
	cat > "$LAB_DIR/node$node.yaml" <<-END
		version: 1
		interfaces: [eth0]
		announce: route
		hash_seed: $(printf '%064d' 7)
		metrics: {listen: disabled}
		flows: {pre: 1s}
		services:
		  hold: {listen: "tcp $EDGE_WEB:$HOLD_PORT", mode: l2, check: $CHECK, $E2E_NO_TRIAL, learn: 6s, members: [10.99.0.21, 10.99.0.22, 10.99.0.23]}
		  hold6: {listen: "tcp [$EDGE_WEB6]:$HOLD_PORT", mode: l2, check: $CHECK, $E2E_NO_TRIAL, learn: 6s, members: ["2001:db8:99::21", "2001:db8:99::22", "2001:db8:99::23"]}
	END
	sed -e "s/^define NODE = .*/define NODE = 10.99.0.$((9 + node));/" \
		-e "s/^define NODE6 = .*/define NODE6 = 2001:db8:99::$((9 + node));/" \
		deploy/bird/bird.conf > "$LAB_DIR/bird$node.conf"
done

start_bird() { # NAME NAMESPACE CONFIG
	lab_start "$1" "$2" bird -f -c "$3" -s "$LAB_DIR/$1.ctl" -P "$LAB_DIR/$1.pid"
}

ways() { # ADDRESS: how many balancers the router sends it to
	lab_in rt ip -json route show "$1" 2> /dev/null |
		jq '.[0] | if . == null then 0 elif .nexthops then (.nexthops | length) else 1 end'
}

ways_are() { # COUNT
	[ "$(ways "$EDGE_WEB")" = "$1" ] && [ "$(lab_in rt ip -6 route show "$EDGE_WEB6" | grep -c via)" = "$1" ]
}

served() { # NODE
	nodes_ctl "$1" --json node show | jq .traffic.packets
}

serves_more() { # NODE THAN
	[ "$(served "$1")" -gt "$2" ]
}

broken() { # of all that were ever opened
	local name sum=0
	for name in "${ALL[@]}"; do
		sum=$((sum + $(hold_now "$name" | jq '.broken + .unopened')))
	done
	echo "$sum"
}

start_bird bird-rt rt deploy/bird/router.conf
for node in 1 2; do
	nodes_start "$node"
	tap_is "node $node serves" $? 0
	start_bird "bird$node" "$(nodes_namespace "$node")" "$LAB_DIR/bird$node.conf"
done
tap_run "the router knows two ways" wait_for 30 ways_are 2
hold_keep v4 c1 -n 300 -i 300 -r 20 -t 30 "$EDGE_WEB"
hold_keep v6 c2 -n 150 -i 300 -r 10 -t 30 "$EDGE_WEB6"
tap_run "300 connections over IPv4" wait_for 10 hold_has_opened v4 300
tap_run "150 over IPv6" wait_for 10 hold_has_opened v6 150
for node in 1 2; do
	tap_run "node $node has some of them" wait_for 5 serves_more "$node" 100
done

# One is added.
start_bird bird3 lb3 "$LAB_DIR/bird3.conf"
nodes_start 3
tap_is "node 3 serves" $? 0
tap_run "the router knows three ways" wait_for 30 ways_are 3
tap_run "node 3 has some of them" wait_for 10 serves_more 3 100
sleep 3
hold_none_broken "a node is added" "${ALL[@]}"
for node in 2 3; do
	tap_is "node $node has the tables of node 1" "$(nodes_tables "$node")" "$(nodes_tables 1)"
done

# One is drained.
tap_match "node 2 drains" "$(nodes_ctl 2 node drain --for 60s)" ': drained, no packet for its services'
tap_run "the router knows two ways" ways_are 2
before=$(served 2)
sleep 2
tap_is "nothing comes any more" "$(served 2)" "$before"
hold_none_broken "a node is drained" "${ALL[@]}"
tap_run "it is taken back" nodes_ctl 2 node active
tap_run "the router knows three ways again" wait_for 10 ways_are 3
tap_run "and traffic comes" wait_for 10 serves_more 2 "$before"
sleep 3
hold_none_broken "it is back" "${ALL[@]}"

# One is lost, at rest, and in a flood of SYNs from here on.
hold_flood
lose() { # NODE: the machine is gone, as its router sees it
	lab_in rt ip link set "p-$(nodes_namespace "$1")" down
	lab_stop "bird$1" KILL
	lab_stop "sluiced$1" KILL
}
for node in 1 2 3; do
	tap_run "node $node is at rest" wait_for 30 nodes_is_at_rest "$node"
done
bound=$(nodes_held 1)
lost=$(served 1)
begin=$(lab_now_ms)
lose 1
tap_run "the router sees that node 1 is lost" wait_for 20 ways_are 2
echo "# noticed after $(($(lab_now_ms) - begin)) ms; it had forwarded $lost packets"
sleep 10
count=$(broken)
echo "# a node is lost at rest: $count connections broken, $bound in exceptional slots on it"
tap_is "at rest no slot is exceptional" "$bound" 0
tap_is "and no connection is broken" "$count" 0
hold_none_broken "a node is lost at rest" "${ALL[@]}"

# One is lost while slots are exceptional: the others do not know what it knew.
for node in 2 3; do
	nodes_ctl "$node" member add hold 10.99.0.24 > /dev/null
	nodes_ctl "$node" member add hold6 2001:db8:99::24 > /dev/null
done
for node in 2 3; do
	tap_run "node $node has learned" wait_for 60 nodes_is_at_rest "$node"
done
has_counted() { # NODE: a whole sweep has found entries
	[ "$(nodes_held "$1")" -gt 0 ]
}
tap_run "node 2 holds flows" wait_for 20 has_counted 2
hold_none_broken "a member is added on both" "${ALL[@]}"
sleep 5 # the number is that of the last sweep
bound=$(nodes_held 2)
lose 2
tap_run "the router sees that node 2 is lost" wait_for 20 ways_are 1
sleep 10
count=$(broken)
echo "# a node is lost after a change: $count connections broken, $bound in exceptional slots on it"
tap_between "only those in exceptional slots may break" "$count" 0 "$bound"
tap_run "the flood was on" kill -0 "$HOLD_FLOOD"
kill "$HOLD_FLOOD"
for name in "${ALL[@]}"; do
	tap_run "$name: data flowed" test "$(hold_now "$name" | jq .messages)" -gt 1000
done
tap_done
