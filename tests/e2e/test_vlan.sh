#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Frames with VLAN tags: balanced like those without, and the tags stay, or become the next hop's.
# Frames are written and read byte by byte, for a host's own stack would need VLAN devices.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

# The host behind eth1 sends and is a member; another member is behind eth2.
e2e_begin 0
edge_behind near eth1 98
edge_behind far eth2 97
lab_xdp_pass near eth0
lab_xdp_pass far eth0
NEAR=10.98.0.24 NEAR6=2001:db8:98::24 FAR=10.97.0.24
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth1]
	services:
	  l2-v4: {listen: "udp $EDGE_DNS:53", mode: l2, members: [$NEAR]}
	  l2-v6: {listen: "udp [$EDGE_WEB6]:53", mode: l2, members: ["$NEAR6"]}
	  v4-in-v4: {listen: "udp $EDGE_TUNNEL:53", mode: ipip, members: [$NEAR]}
	  v4-in-v6: {listen: "udp $EDGE_TUNNEL:54", mode: ipip, members: ["$NEAR6"]}
	  v6-in-v4: {listen: "udp [$EDGE_TUNNEL6]:53", mode: ipip, members: [$NEAR]}
	  v6-in-v6: {listen: "udp [$EDGE_TUNNEL6]:54", mode: ipip, members: ["$NEAR6"]}
	  far: {listen: "udp $EDGE_DNS:54", mode: l2, members: [$FAR]}
	  far-tunnel: {listen: "udp $EDGE_TUNNEL:55", mode: ipip, members: [$FAR]}
END
mac() { # NAMESPACE INTERFACE
	lab_in "$1" ip -json link show dev "$2" | jq -r '.[0].address'
}
BALANCER=$(mac lb eth1)
TO_NEAR="$BALANCER $(mac near eth0)" TO_FAR="$(mac lb eth2) $(mac far eth0)"
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving

# send [OPTIONS...] TARGET PORT: a datagram with the tags $TAGS; prints what comes back. -f: what
# arrives at the host behind eth2 instead.
TAGS=""
send() {
	local -a options=()
	local tag source=198.51.100.77
	[ "$1" != -f ] || { options=(--netns "/run/netns/$LAB_PREFIX-far") && shift; }
	for tag in $TAGS; do
		options+=(--tag "$tag")
	done
	[[ $1 != *:* ]] || source=2001:db8:51::77
	lab_in near python3 tests/lib/frames.py "${options[@]}" "${@:3}" eth0 "$BALANCER" $source "$1" "$2"
}

for TAGS in "" 8100:6064 "88a8:00c8 8100:6064" "8100:1001 8100:0002" 88a8:e0c8; do
	kept=${TAGS:+$TAGS }
	name=${TAGS:-no tag}
	tap_is "$name: kept, l2, IPv4" "$(send "$EDGE_DNS" 53)" "$TO_NEAR ${kept}0800 +0"
	tap_is "$name: kept, l2, IPv6" "$(send "$EDGE_WEB6" 53)" "$TO_NEAR ${kept}86dd +0"
	tap_is "$name: kept, IPv4 in IPv4" "$(send "$EDGE_TUNNEL" 53)" "$TO_NEAR ${kept}0800 +20"
	tap_is "$name: kept, IPv4 in IPv6" "$(send "$EDGE_TUNNEL" 54)" "$TO_NEAR ${kept}86dd +40"
	tap_is "$name: kept, IPv6 in IPv4" "$(send "$EDGE_TUNNEL6" 53)" "$TO_NEAR ${kept}0800 +20"
	tap_is "$name: kept, IPv6 in IPv6" "$(send "$EDGE_TUNNEL6" 54)" "$TO_NEAR ${kept}86dd +40"
	tap_is "$name: kept to another interface, l2" "$(send -f "$EDGE_DNS" 54)" "$TO_FAR ${kept}0800 +0"
	tap_is "$name: kept to another interface, tunnel" "$(send -f "$EDGE_TUNNEL" 55)" \
		"$TO_FAR ${kept}0800 +20"
done
# The limit of a packet's size is that of the IP packet, whatever the tags.
TAGS="88a8:00c8 8100:6064"
tap_is "two tags on the largest packet" "$(send "$EDGE_DNS" 53 --size 1464)" "$TO_NEAR $TAGS 0800 +0"
before=$(e2e_verdict too_big)
tap_is "a tunnel's header that does not fit" "$(send "$EDGE_TUNNEL" 53 --size 1464 --wait 0.5)" ""
tap_is "is counted as too_big" "$(($(e2e_verdict too_big) - before))" 1

# Three tags: nobody's, left to the stack.
before=$(e2e_verdict forwarded)
TAGS="88a8:00c8 8100:0001 8100:0002"
tap_is "three tags: nothing is sent on" "$(send "$EDGE_DNS" 53 --wait 0.5)" ""
tap_is "three tags: nothing is counted as forwarded" "$(($(e2e_verdict forwarded) - before))" 0

# A next hop behind a VLAN device has a tag of its own. The daemon writes it when it finds such a
# device; here the word is written in its place, so that the kernel needs none.
set_vlan() { # MAC TCI
	python3 tests/lib/set_vlan.py "$(echo "/sys/fs/bpf/sluice/$LAB_PREFIX"/abi*/nexthops)" "$@"
}
tap_run "next hops get a tag" set_vlan "$(mac near eth0)" 2007
tap_run "the far one another" set_vlan "$(mac far eth0)" 0fff
for TAGS in "" 8100:6064 "88a8:00c8 8100:6064"; do
	name=${TAGS:-no tag}
	tap_is "$name: becomes the next hop's, l2" "$(send "$EDGE_DNS" 53)" "$TO_NEAR 8100:2007 0800 +0"
	tap_is "$name: becomes the next hop's, l2, IPv6" "$(send "$EDGE_WEB6" 53)" \
		"$TO_NEAR 8100:2007 86dd +0"
	tap_is "$name: becomes the next hop's, IPv4 in IPv6" "$(send "$EDGE_TUNNEL" 54)" \
		"$TO_NEAR 8100:2007 86dd +40"
	tap_is "$name: becomes the other interface's, l2" "$(send -f "$EDGE_DNS" 54)" \
		"$TO_FAR 8100:0fff 0800 +0"
	tap_is "$name: becomes the other interface's, tunnel" "$(send -f "$EDGE_TUNNEL" 55)" \
		"$TO_FAR 8100:0fff 0800 +20"
done
tap_done
