#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Members behind a VLAN device of the balancer: packets leave by the device below, with its tag.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

[ "$(id -u)" -eq 0 ] || tap_skip_all "network namespaces and BPF need root"
! command -v modprobe > /dev/null || modprobe -q 8021q
unshare --net sh -c "ip link add dummy type veth peer name other &&
	ip link add link dummy name probe type vlan id 7" > /dev/null 2>&1 ||
	tap_skip_all "no VLAN devices in this kernel"

e2e_begin 0
# far is behind eth1, in VLAN 42.
lab_ns far
lab_veth lb eth1 far eth0
lab_xdp_pass far eth0
lab_in lb sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
vlan_end() { # NS DEVICE NUMBER
	lab_in "$1" ip link add link "$2" name inside type vlan id 42
	lab_in "$1" ip link set inside up mtu 1450
	lab_in "$1" ip address add "10.98.0.$3/24" dev inside
	lab_in "$1" ip address add "2001:db8:98::$3/64" dev inside nodad
}
vlan_end lb eth1 10
vlan_end far eth0 24
lab_in far ip route add default via 10.98.0.10
lab_in far ip route add default via 2001:db8:98::10
lab_in rt ip route add 10.98.0.0/24 via "$EDGE_LB"
lab_in rt ip route add 2001:db8:98::/64 via "$EDGE_LB6"
edge_serve far
cat > "$E2E_CONFIG" <<-CONFIG
	version: 1
	interfaces: [eth0]
	services:
	  web: {listen: "tcp $EDGE_WEB:80", mode: l2, check: $E2E_CHECK, $E2E_NO_TRIAL, members: [10.98.0.24]}
	  web6: {listen: "tcp [$EDGE_WEB6]:80", mode: l2, check: $E2E_CHECK, $E2E_NO_TRIAL, members: ["2001:db8:98::24"]}
	  tunnel: {listen: "tcp $EDGE_TUNNEL:80", mode: ipip, members: [10.98.0.24]}
	  tunnel6: {listen: "tcp [$EDGE_TUNNEL6]:80", mode: ipip, members: ["2001:db8:98::24"]}
CONFIG
backend() {
	lab_in far env SLUICE_DECAP="$LAB_OUT/bin/sluice-decap" deploy/backend/sluice-backend "$@" \
		--state "$LAB_DIR/backend-state"
}
answers() {
	lab_in c1 curl -s --max-time 5 "http://$1/"
}

e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving
before=$(e2e_verdict forwarded)
tap_is "l2, IPv4" "$(answers "$EDGE_WEB")" far
tap_is "l2, IPv6" "$(answers "[$EDGE_WEB6]")" far
tap_between "sent by the packet path" $(($(e2e_verdict forwarded) - before)) 6 100

# The tag is on the wire below, and the stack takes it off.
lab_in far timeout 10 tcpdump -i eth0 -nn -e -c 1 "vlan 42 and dst host $EDGE_WEB" \
	> "$LAB_DIR/tagged" 2> "$LAB_DIR/tcpdump.err" &
wait_for 5 grep -q listening "$LAB_DIR/tcpdump.err"
answers "$EDGE_WEB" > /dev/null
wait $!
tap_match "tagged 42" "$(cat "$LAB_DIR/tagged")" 'vlan 42,'

tap_match "the next hop is the device below, with the tag" \
	"$(edge_ctl --json where "tcp 198.51.100.11:5555 > $EDGE_WEB:80" | jq -c .)" 'eth1'
if backend setup ipip "$EDGE_TUNNEL" --from 10.98.0.10 > /dev/null 2>&1 &&
	backend setup ipip "$EDGE_TUNNEL6" --from 2001:db8:98::10 > /dev/null 2>&1; then
	tap_is "tunnel, IPv4" "$(answers "$EDGE_TUNNEL")" far
	tap_is "tunnel, IPv6" "$(answers "[$EDGE_TUNNEL6]")" far
else
	tap_skip "tunnel, IPv4" "no tunnel devices in this kernel"
	tap_skip "tunnel, IPv6" "no tunnel devices in this kernel"
fi

# A device that goes takes the next hop along, and comes back.
lab_in lb ip link set inside down
tap_run "its end is noticed" wait_for 10 edge_member_is web 10.98.0.24 ejected
lab_in lb ip link set inside up
lab_in lb ip address replace 2001:db8:98::10/64 dev inside nodad
tap_run "and its return" wait_for 10 e2e_all_serving
tap_is "traffic, too" "$(answers "$EDGE_WEB")" far
tap_done
