#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Uploads through tunnels, everything at MTU 1500: with advmss on the backends nothing is ever too
# big; without, the balancer tells the client what fits, and the upload arrives all the same.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

BYTES=$((10 * 1000 * 1000))

e2e_begin 1
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	services:
	  v4-in-v4: {listen: "tcp $EDGE_TUNNEL:9000", mode: ipip, check: none, members: [10.99.0.21]}
	  v4-in-v6: {listen: "tcp $EDGE_TUNNEL:9001", mode: ipip, check: none, members: ["2001:db8:99::21"]}
	  v6-in-v6: {listen: "tcp [$EDGE_TUNNEL6]:9000", mode: ipip, check: none, members: ["2001:db8:99::21"]}
	  v6-in-v4: {listen: "tcp [$EDGE_TUNNEL6]:9001", mode: ipip, check: none, members: [10.99.0.21]}
END
tap_run "sluice-decap attaches" lab_in b1 "$LAB_OUT/bin/sluice-decap" attach eth0 \
	--from "$EDGE_LB" --from "$EDGE_LB6"
for address in "$EDGE_TUNNEL" "$EDGE_TUNNEL6"; do
	for port in 9000 9001; do
		lab_start "sink-$address-$port" b1 python3 tests/lib/upload.py serve "$address" "$port"
	done
done
e2e_start

# What the client has learned about the way to an address, and forgets again.
learned_mtu() {
	lab_in c1 ip route get "$1" | sed -n 's/.* mtu \([0-9]*\).*/\1/p'
}

forget_mtu() {
	lab_in c1 ip route flush cache
	lab_in c1 ip -6 route flush cache
}

# advmss IPV4 IPV6: what the backend asks its peers to send at most; 0 as the interface allows.
advmss() {
	lab_in b1 ip route change default via 10.99.0.1 advmss "$1"
	lab_in b1 ip -6 route change default via 2001:db8:99::1 advmss "$2"
}

# upload NAME ADDRESS PORT: arrives; the count of packets that were too big goes to TOO_BIG.
upload() {
	local before result
	before=$(e2e_verdict too_big)
	result=$(lab_in c1 timeout 60 python3 tests/lib/upload.py send "$2" "$3" $BYTES)
	tap_is "$1: 10 MB arrive" "$(jq -c '[.bytes, .is_intact]' <<< "$result")" "[$BYTES,true]"
	TOO_BIG=$(($(e2e_verdict too_big) - before))
}

# told NAME ADDRESS PORT MTU: without advmss, the client learns what fits.
told() {
	forget_mtu
	upload "$1, without advmss" "$2" "$3"
	tap_is "$1: the client learned MTU $4" "$(learned_mtu "$2")" "$4"
	tap_between "$1: and few packets were too big" "$TOO_BIG" 1 500
}

# spared NAME ADDRESS PORT: with advmss nobody has to be told.
spared() {
	forget_mtu
	upload "$1, with advmss" "$2" "$3"
	tap_is "$1: nothing was too big" "$TOO_BIG" 0
}

advmss 0 0
told "v4 in v4" "$EDGE_TUNNEL" 9000 1480
told "v4 in v6" "$EDGE_TUNNEL" 9001 1460
told "v6 in v6" "$EDGE_TUNNEL6" 9000 1460
told "v6 in v4" "$EDGE_TUNNEL6" 9001 1480

# Room for the larger outer header, IPv6's, so that both tunnels do: 1500 - 40 less 40 or 60.
advmss 1420 1400
spared "v4 in v4" "$EDGE_TUNNEL" 9000
spared "v4 in v6" "$EDGE_TUNNEL" 9001
spared "v6 in v6" "$EDGE_TUNNEL6" 9000
spared "v6 in v4" "$EDGE_TUNNEL6" 9001

tap_done
