#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A member behind another interface than the one that packets come in by, and whether that interface
# takes frames that XDP sends. A veth does only while its far end runs a program.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 2
lab_veth lb eth1 b2 eth1
lab_in lb ip address add 10.77.0.1/24 dev eth1
lab_in b2 ip address add 10.77.0.2/24 dev eth1
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	services:
	  web: {listen: "tcp $EDGE_WEB:80", mode: l2, members: [10.99.0.21, 10.77.0.2]}
END
e2e_start

far() { # STATE
	edge_member_is web 10.77.0.2 "$1"
}
why() {
	edge_ctl --json status | jq -r '.why[]'
}

tap_run "a member behind a device that loses what XDP sends is unreachable" wait_for 5 far unreachable
tap_match "status says why, and what to do" "$(why)" '10\.77\.0\.2:80 unreachable: eth1.*program.*far end'
tap_run "the other one serves" wait_for 5 edge_member_is web 10.99.0.21 serving
load=$(edge_load c1 --count 100 "http://$EDGE_WEB/")
e2e_served "no request is lost" "$load"
e2e_shares "the reachable member serves all" "$load" b1=1

lab_xdp_pass b2 eth1
tap_run "with a program at the far end it is reachable" wait_for 5 far serving
e2e_settle
load=$(edge_load c1 --count 200 "http://$EDGE_WEB/")
e2e_served "no request is lost" "$load"
tap_run "and it serves" grep -q '"b2"' <<< "$load"

lab_in b2 ip link set dev eth1 xdpdrv off
tap_run "without the program it is unreachable again" wait_for 5 far unreachable
load=$(edge_load c1 --count 100 "http://$EDGE_WEB/")
e2e_served "no request is lost" "$load"

# Generic XDP sends through the stack, which needs nothing from the driver.
sed -i '2a xdp: generic' "$E2E_CONFIG"
tap_run "a reload to generic mode" edge_ctl reload
tap_run "makes it reachable" wait_for 5 far serving
e2e_served "and requests are served" "$(edge_load c1 --count 100 "http://$EDGE_WEB/")"
sed -i '/^xdp:/d' "$E2E_CONFIG"
tap_run "back to native mode" edge_ctl reload
tap_run "it is unreachable again" wait_for 5 far unreachable

# The interface that packets come in by sends them back; on a veth that takes the same.
lab_in rt ip link set dev p-lb xdpdrv off
tap_run "so is a member behind the interface itself" wait_for 5 edge_member_is web 10.99.0.21 unreachable
tap_match "and status says why" "$(why)" '10\.99\.0\.21:80 unreachable: eth0.*program.*far end'
lab_xdp_pass rt p-lb
tap_run "until the far end runs a program again" wait_for 5 edge_member_is web 10.99.0.21 serving
tap_done
