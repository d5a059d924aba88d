#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Three balancers, and backends in two racks with a switch each. One balancer loses its uplink: it alone
# withdraws, and blames no backend. A rack is lost at once and comes back, then both are lost: no
# balancer takes that for a fault of its own and withdraws, all of them come to the same tables by
# themselves, and connections to the rack that lives are held.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/hold.sh"
. "$(dirname "$0")/../lib/nodes.sh"

e2e_begin 4
nodes_build 3
hold_serve b1 b2 b3 b4
STRICT=8080 # nginx answers there, too

# The switches of the racks, behind the one of the balancers.
for rack in 1 2; do
	lab_in rt ip link add "rack$rack" type bridge forward_delay 0 mcast_snooping 0
	lab_in rt ip link add "up$rack" type veth peer name "down$rack"
	lab_in rt ip link set "up$rack" master in
	lab_in rt ip link set "down$rack" master "rack$rack"
	for link in "rack$rack" "up$rack" "down$rack"; do
		lab_in rt ip link set "$link" up
	done
done
for number in 1 2 3 4; do
	lab_in rt ip link set "p-b$number" master "rack$(((number + 1) / 2))"
done

rack_lost() { # RACK...
	local rack
	for rack in "$@"; do
		lab_in rt ip link set "up$rack" down
	done
}

rack_back() { # RACK
	lab_in rt ip link set "up$1" up
}

# Flows are spread over these, whatever they announce.
lab_in rt sysctl -qw net.ipv4.fib_multipath_hash_policy=1
spread_over() { # NODE...
	local node ways=()
	for node in "$@"; do
		ways+=(nexthop via "10.99.0.$((9 + node))")
	done
	lab_in rt ip route replace "$EDGE_WEB" "${ways[@]}"
}
spread_over 1 2 3
MEMBERS="members: [10.99.0.21, 10.99.0.22, 10.99.0.23, 10.99.0.24]"
COMMON="mode: l2, check: ${E2E_CHECK%\}}, port: 80}, $E2E_NO_TRIAL, learn: 4s, $MEMBERS"
for node in 1 2 3; do
	cat > "$LAB_DIR/node$node.yaml" <<-END
		version: 1
		interfaces: [eth0]
		announce: route
		hash_seed: $(printf '%064d' 7)
		metrics: {listen: disabled}
		flows: {pre: 1s, pending_life: 3s, closing_life: 3s, refresh: 1s}
		services:
		  hold: {listen: "tcp $EDGE_WEB:$HOLD_PORT", $COMMON}
		  web: {listen: "tcp $EDGE_WEB:80", panic: readmit, $COMMON}
		  strict: {listen: "tcp $EDGE_WEB:$STRICT", panic: drop, $COMMON}
	END
done

each_node() { # COMMAND...: with the number of the node after it
	local node
	for node in 1 2 3; do
		"$@" "$node" || return 1
	done
}

is_ready() { # NODE
	curl -sf -o /dev/null --max-time 2 --unix-socket "$LAB_DIR/run/$LAB_PREFIX-$1/control.sock" http://sluice/v1/ready
}

routes_are() { # COUNT NODE: what the kernel has
	[ "$(lab_in "$(nodes_namespace "$2")" ip route show table 201 | grep -c blackhole)" = "$1" ]
}

announces() { # NODE: its one address, and it is ready
	is_ready "$1" && routes_are 1 "$1" && nodes_ctl "$1" --json node show |
		jq -e '.role == "active" and .announce.routes == 1 and .announce.routes_installed == 1'
}

has_withdrawn() { # NODE
	routes_are 0 "$1" && ! is_ready "$1"
}

declare -A TURNS=([1]=1 [2]=1 [3]=1) # how often each has announced and withdrawn
has_stayed() { # NODE: announced, without a break
	announces "$1" && [ "$(nodes_ctl "$1" --json events | jq -s '[.[] | (.events // [.])[] |
		select(.type == "routes_changed")] | length')" = "${TURNS[$1]}" ]
}

# The exit status of service show is about the members: they may be out here.
out_are() { # ADDRESSES NODE: of every service, those that get no new connection, for a comparison
	local service
	for service in hold web strict; do
		[ "$({ nodes_ctl "$2" --json service show "$service" || :; } | jq -r '[.pools[].members[] |
			select(.now_percent == 0) | .address] | sort | join(" ")')" = "$1" ] || return 1
	done
}

panics() { # SERVICE KIND NODE
	[ "$({ nodes_ctl "$3" --json service show "$1" || :; } | jq -r .panic)" = "$2" ]
}

tables_agree() {
	[ -n "$(nodes_tables 1)" ] && [ "$(nodes_tables 1)" = "$(nodes_tables 2)" ] &&
		[ "$(nodes_tables 1)" = "$(nodes_tables 3)" ]
}

is_settled() { # NODE
	nodes_ctl "$1" --json stats | jq -e .settled
}

comes_to_rest() { # WHAT
	tap_run "$1: all nodes come to rest" wait_for 30 each_node nodes_is_at_rest
	tap_run "$1: and have the same tables" wait_for 10 tables_agree
	tap_run "$1: no node has withdrawn" each_node has_stayed
}

broken_on() { # BACKENDS, as a pattern: how many connections to them were broken
	grep -cE "a connection to ($1) is broken" "$LAB_DIR/keep-v4.log"
}

held_by() { # JQ ON THE SERVERS
	hold_now v4 | jq ".servers | $1"
}

rack_2_is_lost() {
	[ "$(held_by '(.b3 // 0) + (.b4 // 0)')" = 0 ]
}

spread() { # WHAT MEMBER=WEIGHT...
	local load
	tap_run "$1: slots have their owners" wait_for 20 each_node is_settled
	load=$(edge_load c2 --count 600 --source "$EDGE_SOURCES2" "http://$EDGE_WEB/")
	e2e_served "$1: 600 requests arrive" "$load"
	e2e_shares "$1: at those who live" "$load" "${@:2}"
}

no_member() { # NODE
	nodes_ctl "$1" --json stats | jq '.verdicts[] | select(.name == "no_member") | .packets'
}

counts_no_member() { # THAN: all nodes together
	[ $(($(no_member 1) + $(no_member 2) + $(no_member 3))) -gt "$1" ]
}

get() { # PORT
	lab_in c2 curl -sf -o /dev/null --max-time 1 "http://$EDGE_WEB:$1/"
}

for node in 1 2 3; do
	nodes_start "$node"
	tap_is "node $node serves" $? 0
done
tap_run "all announce" wait_for 15 each_node announces
comes_to_rest "at first"
hold_keep v4 c1 -n 200 -i 250 -r 20 -t 10 "$EDGE_WEB"
tap_run "200 connections" wait_for 15 hold_has_opened v4 200
living=$(held_by '.b1 + .b2')
tap_between "about half of them in rack 1" "$living" 60 160
before=$(nodes_tables 1)

# ---- the uplink of one node
seq=$(nodes_ctl 3 --json events | e2e_last_event)
begin=$(lab_now_ms)
lab_in rt ip link set p-lb3 down
if wait_for 10 has_withdrawn 3; then
	tap_between "uplink lost: node 3 withdraws within 3 s" $(($(lab_now_ms) - begin)) 0 $((3000 * LAB_PATIENCE))
else
	tap_not_ok "uplink lost: node 3 withdraws within 3 s" "$(nodes_ctl 3 status)"
fi
spread_over 1 2 # as BGP would
sleep 6 # all its checks have failed
tap_is "uplink lost: its tables are as they were" "$(nodes_tables 3)" "$before"
tap_run "uplink lost: it ejects nobody" out_are "" 3
for node in 1 2; do
	tap_run "uplink lost: node $node stays" has_stayed "$node"
done
lab_in rt ip link set p-lb3 up
tap_run "uplink back: node 3 announces by itself" wait_for 10 announces 3
TURNS[3]=3
spread_over 1 2 3
spread "uplink back" b1=1 b2=1 b3=1 b4=1
comes_to_rest "uplink back"
tap_is "uplink back: the tables are those of before" "$(nodes_tables 1)" "$before"
tap_is "uplink back: nothing happened to any member" "$(nodes_ctl 3 --json events --since "$seq" | e2e_taken_out)" ""
hold_none_broken "uplink back" v4
sleep 16 # node 3 believes failures again

# ---- one rack
begin=$(lab_now_ms)
rack_lost 2
if wait_for 20 each_node out_are "10.99.0.23 10.99.0.24"; then
	tap_ok "rack 2 is out on all nodes"
	echo "# measured: rack dead: out after $(($(lab_now_ms) - begin)) ms"
else
	tap_not_ok "rack 2 is out on all nodes" "$(nodes_ctl 1 status)"
fi
spread "rack dead" b1=1 b2=1
comes_to_rest "rack dead"
tap_run "rack dead: its tables are others" test "$(nodes_tables 1)" != "$before"
tap_run "rack dead: its connections are lost" wait_for 20 rack_2_is_lost
tap_is "rack dead: no connection to rack 1 is broken" "$(broken_on "b1|b2")" 0

# ---- it comes back
rack_back 2
tap_run "rack back: all serve" wait_for 20 each_node nodes_serves
spread "rack back" b1=1 b2=1 b3=1 b4=1
comes_to_rest "rack back"
tap_is "rack back: the tables are those of before" "$(nodes_tables 1)" "$before"
sleep 2 # each connection has said something since
tap_is "rack back: no connection to rack 1 is broken" "$(broken_on "b1|b2")" 0
tap_is "rack back: it has all those of before" "$(held_by '.b1 + .b2')" "$living"
echo "# measured: a rack lost and back: $(broken_on "b1|b2") connections to the other one broken, $living held"
lab_stop keep-v4 TERM

# ---- everything
rack_lost 1 2
tap_run "all dead: panic: readmit readmits" wait_for 15 each_node panics web readmit
tap_run "all dead: panic: drop does not" wait_for 15 each_node panics strict drop
for node in 1 2 3; do
	tap_match "all dead: status of node $node says so" "$(nodes_ctl "$node" status)" \
		'web: too few members are healthy'
done
sleep 2 # a node that took this for its own fault would have withdrawn
tap_run "all dead: no node has withdrawn" each_node has_stayed
counted=$(($(no_member 1) + $(no_member 2) + $(no_member 3)))
tap_fails "all dead: panic: drop answers nothing" 28 '' get "$STRICT"
tap_run "all dead: and counts it as no_member" wait_for 5 counts_no_member "$counted"
for number in 2 3 4; do
	edge_server_stop "b$number"
done
begin=$(lab_now_ms)
rack_back 1
tap_run "one is back: it gets traffic" wait_for 15 get 80
echo "# measured: one of all is back: traffic after $(($(lab_now_ms) - begin)) ms"
tap_run "one is back: on all nodes it alone" wait_for 15 each_node out_are "10.99.0.22 10.99.0.23 10.99.0.24"
spread "one is back" b1=1
tap_run "one is back: panic: drop serves again" get "$STRICT"
tap_run "one is back: no panic" each_node panics web none
comes_to_rest "one is back"
tap_done
