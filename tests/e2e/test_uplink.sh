#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# All members are behind the balancer's gateways, IPv4 and IPv6, and its uplink fails: the far end of
# its cable goes down, its own interface does, or the gateways fall silent while the carrier stays. It
# withdraws within 3 s, ejects nobody, leaves its tables alone, breaks no connection, and recovers by
# itself. One gateway of two takes out its members, and no more.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/hold.sh"

e2e_begin 0
NEAR=10.99.0.100 # on the balancer's segment, found by ARP

# Backends one hop further.
lab_in rt ip link add far type bridge forward_delay 0 mcast_snooping 0
lab_in rt ip link set far up
lab_in rt ip address add 10.98.0.1/24 dev far
lab_in rt ip address add 2001:db8:98::1/64 dev far nodad
for number in 1 2 3; do
	name=b$number
	lab_ns "$name"
	lab_veth "$name" eth0 rt "p-$name"
	lab_in rt ip link set "p-$name" master far
	lab_in "$name" ip address add "10.98.0.2$number/24" dev eth0
	lab_in "$name" ip address add "2001:db8:98::2$number/64" dev eth0 nodad
	lab_in "$name" ip route add default via 10.98.0.1
	lab_in "$name" ip route add default via 2001:db8:98::1
	edge_serve "$name"
	lab_start "hold-$name" "$name" "$LAB_OUT/tests/lib/hold" serve "$name" "$EDGE_TUNNEL" "$HOLD_PORT"
	lab_in "$name" ip address add "$NEAR" dev lo
	lab_in "$name" "$LAB_OUT/bin/sluice-decap" attach eth0 --from "$EDGE_LB" --from "$EDGE_LB6" ||
		lab_die "$name cannot unpack tunnels"
done
edge_host near in 50
# As a port of the bridge this does not matter; when it is none, no address of rt is found through it.
lab_in rt sysctl -qw net.ipv4.conf.p-lb.arp_ignore=8
# Interfaces that lose their carrier keep their IPv6 addresses, as network managers have it.
lab_in lb sysctl -qw net.ipv6.conf.all.keep_addr_on_down=1 net.ipv6.conf.eth0.keep_addr_on_down=1

write_config() { # MEMBERS6
	cat > "$E2E_CONFIG" <<-END
		version: 1
		interfaces: [eth0]
		announce: route
		flows: {pre: 200ms}
		services:
		  tunnel: {listen: "tcp $EDGE_TUNNEL:80", mode: ipip, check: $E2E_CHECK, members: [10.98.0.21, 10.98.0.22, 10.98.0.23]}
		  hold: {listen: "tcp $EDGE_TUNNEL:$HOLD_PORT", mode: ipip, check: ${E2E_CHECK%\}}, port: 80}, members: [10.98.0.21, 10.98.0.22, 10.98.0.23]}
		  tunnel6: {listen: "tcp [$EDGE_TUNNEL6]:80", mode: ipip, check: $E2E_CHECK, members: [$1]}
		  near: {listen: "tcp $NEAR:80", announce: arp, mode: ipip, check: $E2E_CHECK, members: [10.98.0.21, 10.98.0.22]}
	END
}

tables() {
	{ edge_ctl --json status || :; } | jq -c '[.services[] | {name, table}] | sort_by(.name)'
}

routes_are() { # COUNT
	[ "$(lab_in lb sh -c 'ip route show table 201; ip -6 route show table 201' 2> /dev/null | grep -c blackhole)" = "$1" ]
}

is_withdrawn() {
	routes_are 0 && ! edge_is_ready
}

is_back() {
	routes_are 2 && edge_is_ready
}

all_up() {
	{ edge_ctl --json status || :; } | # its exit status is about the whole
		jq -e '[.services[] | .members_serving == .members_total] | all'
}

# outage NAME WHY BREAK MEND: functions of this file.
outage() {
	local name=$1 why=$2 begin seq load
	tap_run "$name: all serve before" wait_for 40 all_up
	e2e_settle
	before=$(tables)
	seq=$(edge_ctl --json events | e2e_last_event)
	begin=$(lab_now_ms)
	"$3"
	if wait_for 6 is_withdrawn; then
		begin=$(($(lab_now_ms) - begin))
		echo "# $name: not ready and withdrawn after $begin ms"
		tap_between "$name: withdrawn within 3 s" "$begin" 0 $((3000 * LAB_PATIENCE))
	else
		tap_not_ok "$name: withdrawn within 3 s" "$(edge_ctl status)"
	fi
	tap_match "$name: status says why" "$(edge_ctl status | tr -s ' \n' ' ')" "this host is cut off: $why; nobody is ejected for that"
	tap_match "$name: the metric does" "$(edge_ctl metrics | grep local_fault)" '^sluice_local_fault 1$'
	sleep 7 # every check has failed, and the kernel gave every neighbour up
	tap_is "$name: tables are as they were" "$(tables)" "$before"
	tap_run "$name: nobody is ejected" all_up
	begin=$(lab_now_ms)
	"$4"
	tap_run "$name: it is back by itself" wait_for 10 is_back
	echo "# $name: ready and announced $(($(lab_now_ms) - begin)) ms after the end"
	load=$(edge_load c1 --count 200 --source "$EDGE_SOURCES1" "http://$EDGE_TUNNEL/")
	e2e_served "$name: 200 requests arrive" "$load"
	sleep 16 # failures are believed again
	tap_is "$name: tables are as they were afterwards" "$(tables)" "$before"
	tap_is "$name: nothing happened to any member" "$(edge_ctl --json events --since "$seq" | e2e_taken_out)" ""
	hold_none_broken "$name" v4
}

far_end_down() {
	lab_in rt ip link set p-lb down
}
far_end_up() {
	lab_in rt ip link set p-lb up
}
own_end_down() {
	lab_in lb ip link set eth0 down
}
own_end_up() { # and what a network manager does then
	lab_in lb ip link set eth0 up
	lab_in lb ip route replace default via 10.99.0.1
	lab_in lb ip route replace default via 2001:db8:99::1
}
port_astray() { # as in a wrong VLAN, or behind a switch that hangs
	lab_in rt ip link set p-lb nomaster
}
port_right() {
	lab_in rt ip link set p-lb master in
}

write_config '"2001:db8:98::21", "2001:db8:98::22", "2001:db8:98::23"'
e2e_start
tap_run "it announces" wait_for 15 is_back
tap_match "the metric says that nothing is wrong" "$(edge_ctl metrics)" '^sluice_local_fault 0$'
tap_run "all serve" wait_for 20 all_up
hold_keep v4 c1 -n 100 -i 300 -t 60 "$EDGE_TUNNEL"
tap_run "100 connections are held" wait_for 15 hold_has_opened v4 100
outage "far end down" "carrier lost" far_end_down far_end_up
outage "own interface down" "carrier lost" own_end_down own_end_up
outage "gateways silent" "(every check fails, and )?gateway (10.99.0.1|2001:db8:99::1) does not answer, nor does 1 more" port_astray port_right
tap_match "a finding has a fix" "$(port_astray; wait_for 5 is_withdrawn; edge_ctl status; port_right)" 'ip neigh show to'
tap_run "it is back" wait_for 10 is_back
tap_run "all serve" wait_for 40 all_up

lab_stop keep-v4 TERM

# One gateway of two, which only falls silent: its members go, those behind the other one stay.
six_serve() {
	edge_ctl --json service show tunnel6 | jq -e '[.pools[].members[].state] | all(. == "serving")'
}
four_out() {
	edge_ctl --json service show tunnel | jq -e '[.pools[].members[].state] | all(. == "unreachable")'
}
sleep 16
lab_in rt sysctl -qw net.ipv4.conf.in.arp_ignore=8
tap_run "without the gateway of IPv4 its members are unreachable" wait_for 15 four_out
tap_run "those of IPv6 serve" six_serve
tap_run "and the node is ready" edge_is_ready
lab_in rt sysctl -qw net.ipv4.conf.in.arp_ignore=0
tap_run "all of them are back with it" wait_for 40 all_up

# The same when it is the only one: nobody on the segment is answered any more, either.
near_answers() {
	lab_in near ip neigh flush dev eth0
	lab_in near curl -sf -o /dev/null --max-time 2 "http://$NEAR/"
}
near_is_silent() {
	lab_in near ip neigh flush dev eth0
	lab_in near ping -c 1 -W 1 "$NEAR" > /dev/null
	lab_in near ip neigh show "$NEAR" | grep -qE 'INCOMPLETE|FAILED'
}
write_config '10.98.0.21, 10.98.0.22, 10.98.0.23'
tap_run "members in IPv4 alone" edge_ctl reload --force
tap_run "serve" wait_for 20 all_up
tap_run "a host of the segment finds the service by ARP" wait_for 10 near_answers

# Answers that get lost cut off nobody whose probes pass, though the kernel gives the gateway up.
gateway_is() { # STATE
	lab_in lb ip neigh show 10.99.0.1 dev eth0 | grep -q "$1"
}
lab_in lb sysctl -qw net.ipv4.neigh.eth0.ucast_solicit=1 # after one lost answer, as after three
seq=$(edge_ctl --json events | e2e_last_event)
lab_in rt sysctl -qw net.ipv4.conf.in.arp_ignore=8
tap_run "answers of the only gateway are lost until the kernel gives it up" \
	wait_for 10 gateway_is FAILED
lab_in rt sysctl -qw net.ipv4.conf.in.arp_ignore=0
tap_run "then they come again" wait_for 5 gateway_is REACHABLE
tap_is "that cuts nobody off" "$(edge_ctl --json events --since "$seq" |
	jq -rs '[.[] | (.events // [.])[] | select(.type == "local_fault") | .text] | join("; ")')" ""
tap_is "nor takes a member out" "$(edge_ctl --json events --since "$seq" | e2e_taken_out)" ""
lab_in lb sysctl -qw net.ipv4.neigh.eth0.ucast_solicit=3
lab_in rt sysctl -qw net.ipv4.conf.in.arp_ignore=8
tap_run "the only gateway is silent, though it still forwards: withdrawn in the end" wait_for 15 is_withdrawn
sleep 4 # the kernel asks anew, and gives up again
tap_run "and stays so" is_withdrawn
tap_run "ARP is not answered, either" wait_for 5 near_is_silent
lab_in rt sysctl -qw net.ipv4.conf.in.arp_ignore=0
tap_run "it is back by itself" wait_for 10 is_back
tap_run "and answers" wait_for 10 near_answers
tap_done
