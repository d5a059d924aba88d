#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Equal members, weights and hash_seed give equal tables on every node, whatever the order in which
# they came, and whether the file or a command added them; anything else shows in the fingerprint.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/nodes.sh"

e2e_begin 4
nodes_build 2

write_config() { # NODE SEED MEMBERS
	cat > "$LAB_DIR/node$1.yaml" <<-END
		version: 1
		interfaces: [eth0]
		hash_seed: $(printf '%064d' "$2")
		metrics: {listen: disabled}
		flows: {pre: 1s, pending_life: 3s, closing_life: 3s, refresh: 1s}
		services:
		  web: {listen: "tcp $EDGE_WEB:80", mode: l2, check: none, learn: 4s, slots: 16384, members: [$3]}
		  grows: {listen: "tcp $EDGE_WEB:81", mode: l2, check: none, learn: 4s, members: [10.99.0.21, 10.99.0.22]}
	END
}

fingerprint() { # NODE SERVICE
	nodes_ctl "$1" --json status | jq -r --arg s "$2" '.services[] | select(.name == $s) | .table'
}

agree_on() { # SERVICE
	[ -n "$(fingerprint 1 "$1")" ] && [ "$(fingerprint 1 "$1")" = "$(fingerprint 2 "$1")" ]
}

differ_on() { # SERVICE
	[ "$(fingerprint 1 "$1")" != "$(fingerprint 2 "$1")" ]
}

metric() { # NODE
	nodes_ctl "$1" metrics | grep '^sluice_service_table_info' | sort
}

# Who gets a connection that opens, for many of them.
owners() { # NODE
	local port
	for port in $(seq 20001 20120); do
		nodes_ctl "$1" --json where "tcp 198.51.100.7:$port > $EDGE_WEB:80" | jq -r .slot.owner
	done
}

write_config 1 7 "10.99.0.21, {address: 10.99.0.22, weight: 50}, 10.99.0.23, 10.99.0.24"
write_config 2 7 "10.99.0.24, 10.99.0.21"
for node in 1 2; do
	nodes_start "$node"
	tap_is "node $node serves" $? 0
done
tap_run "other members, other tables" differ_on web
tap_run "node 2 gets a member by command" nodes_ctl 2 member add web 10.99.0.23
tap_run "and another one with its weight" nodes_ctl 2 member add web 10.99.0.22 --weight 50
tap_run "the tables are the same now" wait_for 10 agree_on web
tap_run "node 2 comes to rest" wait_for 20 nodes_is_at_rest 2
tap_is "metrics say so, too" "$(metric 1)" "$(metric 2)"
tap_match "with the fingerprint that status shows" "$(metric 1)" "fingerprint=\"$(fingerprint 1 web)\""
tap_is "each of 120 connections gets the same member" "$(owners 1)" "$(owners 2)"
tap_match "and not all the same one" "$(owners 1 | sort | uniq | wc -l)" '^[34]$'

tap_run "another weight on node 2" nodes_ctl 2 member weight web 10.99.0.21 30
tap_run "shows" wait_for 10 differ_on web
tap_run "it is taken back" nodes_ctl 2 member weight web 10.99.0.21 100
tap_run "and they agree again" wait_for 10 agree_on web
tap_run "node 1 drains a member" nodes_ctl 1 member drain web 10.99.0.23
tap_run "that shows, too" wait_for 10 differ_on web
tap_run "node 1 comes to rest" wait_for 20 nodes_is_at_rest 1
tap_run "the member is ready again" nodes_ctl 1 member ready web 10.99.0.23
tap_run "and they agree" wait_for 10 agree_on web
for node in 1 2; do
	tap_run "node $node comes to rest" wait_for 20 nodes_is_at_rest "$node"
done
tap_is "each of 120 connections gets the same member again" "$(owners 1)" "$(owners 2)"
tap_run "a node that drains keeps its tables" nodes_ctl 2 node drain --quiet 1s
tap_run "and agrees with the other one" agree_on web

# A table that has grown does not shrink in use: this must show, and `slots` avoids it (as above).
for member in 31 32 33 34 35 36 37; do
	nodes_ctl 2 member add grows "10.99.0.$member" > /dev/null
	nodes_ctl 2 member add web "10.99.0.$member" > /dev/null
done
for member in 31 32 33 34 35 36 37; do
	nodes_ctl 2 member remove grows "10.99.0.$member" > /dev/null
	nodes_ctl 2 member remove web "10.99.0.$member" > /dev/null
done
tap_run "members that come and go leave a table with slots: as it was" wait_for 10 agree_on web
tap_run "and one without has grown, which shows" wait_for 10 differ_on grows

lab_stop sluiced2 TERM
nodes_ctl_offline() {
	lab_in lb2 "$LAB_OUT/bin/sluicectl" --instance "$LAB_PREFIX-2" "$@"
}
tap_run "node 2 ends" nodes_ctl_offline detach
rm -rf "$LAB_DIR/state/$LAB_PREFIX-2"
write_config 2 8 "10.99.0.24, 10.99.0.23, {address: 10.99.0.22, weight: 50}, 10.99.0.21"
nodes_start 2
tap_is "node 2 serves with another seed" $? 0
tap_run "another seed, another table" differ_on web
tap_done
