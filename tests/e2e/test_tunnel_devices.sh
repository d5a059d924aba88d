#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Members that unpack tunnels with the kernel's own devices, as sluice-backend sets them up: each
# family in each other, nobody else's tunnels, and everything put back.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

[ "$(id -u)" -eq 0 ] || tap_skip_all "network namespaces and BPF need root"
! command -v modprobe > /dev/null || modprobe -qa ipip sit ip6_tunnel
for type in ipip sit ip6tnl; do
	# In a namespace of its own, which ends with the command; sit is there once its module is.
	if [ $type = sit ]; then probe="ip link show sit0"; else probe="ip link add probe type $type external"; fi
	unshare --net sh -c "$probe" > /dev/null 2>&1 || tap_skip_all "no $type devices in this kernel"
done

SIX_IN_FOUR=2001:db8:10::12 FOUR_IN_SIX=192.0.2.12
e2e_begin 0
cat > "$E2E_CONFIG" <<-CONFIG
	version: 1
	interfaces: [eth0]
	services:
	  v4-in-v4: {listen: "tcp $EDGE_TUNNEL:80", mode: ipip, members: [10.99.0.21]}
	  v6-in-v4: {listen: "tcp [$SIX_IN_FOUR]:80", mode: ipip, members: [10.99.0.21]}
	  v4-in-v6: {listen: "tcp $FOUR_IN_SIX:80", mode: ipip, members: ["2001:db8:99::21"]}
	  v6-in-v6: {listen: "tcp [$EDGE_TUNNEL6]:80", mode: ipip, members: ["2001:db8:99::21"]}
CONFIG
lab_in rt ip route add "$FOUR_IN_SIX" via "$EDGE_LB"
lab_in rt ip route add "$SIX_IN_FOUR" via "$EDGE_LB6"
edge_host b1 in 21
edge_server_start b1
# A distribution's default, which a tunnel must not fail by.
lab_in b1 sysctl -qw net.ipv4.conf.default.rp_filter=2 net.ipv4.conf.eth0.rp_filter=1

backend() {
	lab_in b1 deploy/backend/sluice-backend "$@" --state "$LAB_DIR/backend-state"
}

# What the command may touch, as text.
snapshot() {
	lab_in b1 sh -c 'ip -brief link; ip -brief address; ip route show table all
		ip -6 route show table all; ip rule; nft list ruleset
		sysctl -a 2>/dev/null | grep -E "^net\.(ipv4|ipv6)\.(conf|route)\.|^net.ipv[46].*forward"'
	ls -R "$LAB_DIR/backend-state" 2>&1
}

answers() {
	lab_in c1 curl -s --max-time 5 "$1"
}

received() { # DEVICE
	lab_in b1 ip -json -s link show dev "$1" | jq '.[0].stats64.rx.packets'
}

# What of the service's address a client hears.
offered_mss() { # HOST
	local host=$1
	lab_in c1 timeout 5 python3 -c "
import socket, sys
s = socket.create_connection((sys.argv[1], 80), 3)
print(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG))" "$host"
}

before=$(snapshot)
tap_run "setup IPv4 in IPv4" backend setup ipip "$EDGE_TUNNEL" --from "$EDGE_LB"
tap_run "setup IPv6 in IPv4" backend setup ipip "$SIX_IN_FOUR" --from "$EDGE_LB"
tap_run "setup IPv4 in IPv6" backend setup ipip "$FOUR_IN_SIX" --from "$EDGE_LB6"
tap_run "setup IPv6 in IPv6" backend setup ipip "$EDGE_TUNNEL6" --from "$EDGE_LB6"
once=$(snapshot)
tap_run "again" backend setup ipip "$FOUR_IN_SIX" --from "$EDGE_LB6"
tap_is "changes nothing" "$(snapshot)" "$once"
for address in "$EDGE_TUNNEL" "$SIX_IN_FOUR" "$FOUR_IN_SIX" "$EDGE_TUNNEL6"; do
	tap_run "check $address" backend check ipip "$address"
done
e2e_start

# request NAME URL DEVICE: answered, and the request came through that device.
request() {
	local count
	count=$(received "$3")
	tap_is "$1 answers" "$(answers "$2")" b1
	tap_between "$1 came through $3" $(($(received "$3") - count)) 3 100
}
request "IPv4 in IPv4" "http://$EDGE_TUNNEL/" sluice-ipip
request "IPv6 in IPv4" "http://[$SIX_IN_FOUR]/" sit0
request "IPv4 in IPv6" "http://$FOUR_IN_SIX/" sluice-ip6
request "IPv6 in IPv6" "http://[$EDGE_TUNNEL6]/" sluice-ip6
# One header of the longest kind must fit, less time stamps.
tap_between "segments fit the tunnel, IPv4" "$(offered_mss "$EDGE_TUNNEL")" 1200 1420
tap_between "segments fit the tunnel, IPv6" "$(offered_mss "$EDGE_TUNNEL6")" 1200 1400

# The attacker owns no balancer's address: his tunnels end in the firewall.
lab_in atk ip link add own type ipip remote 10.99.0.21 local 198.51.100.66
lab_in atk ip link set own up
lab_in atk ip route add "$EDGE_TUNNEL" dev own src 198.51.100.66
count=$(received sluice-ipip)
tap_is "a stranger's tunnel is not answered" \
	"$(lab_in atk curl -s --max-time 2 "http://$EDGE_TUNNEL/")" ""
tap_is "and not unpacked" "$(received sluice-ipip)" "$count"
lab_in b1 nft flush chain inet sluice_backend tunnels
tap_is "without the firewall it is" "$(lab_in atk curl -s --max-time 5 "http://$EDGE_TUNNEL/")" b1

tap_run "setup mends the firewall" backend setup ipip "$EDGE_TUNNEL" --from "$EDGE_LB"
tap_is "and it is heard no more" "$(lab_in atk curl -s --max-time 2 "http://$EDGE_TUNNEL/")" ""
lab_in b1 ip link set sluice-ip6 down
tap_fails "a device that went down is seen" 1 'missing  tunnel device sluice-ip6' \
	backend check ipip "$EDGE_TUNNEL6"
tap_run "setup mends it" backend setup ipip "$EDGE_TUNNEL6" --from "$EDGE_LB6"
tap_is "and it answers" "$(answers "http://[$EDGE_TUNNEL6]/")" b1

for address in "$EDGE_TUNNEL" "$SIX_IN_FOUR" "$FOUR_IN_SIX"; do
	tap_run "undo $address" backend undo ipip "$address"
	tap_is "the last one still answers" "$(answers "http://[$EDGE_TUNNEL6]/")" b1
done
tap_run "undo $EDGE_TUNNEL6" backend undo ipip "$EDGE_TUNNEL6"
tap_is "everything is as it was" "$(diff <(echo "$before") <(snapshot))" ""
tap_done
