#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Real requests through every forwarding mode and family: they arrive, none is lost, shares follow
# the weights, and the counters say what happened.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 3
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	services:
	  l2-v4: {listen: "tcp $EDGE_WEB:80", mode: l2, members: [10.99.0.21, 10.99.0.22, {address: 10.99.0.23, weight: 50}]}
	  l2-v6: {listen: "tcp [$EDGE_WEB6]:80", mode: l2, members: ["2001:db8:99::21", "2001:db8:99::22"]}
	  v4-in-v4: {listen: "tcp $EDGE_TUNNEL:80", mode: ipip, members: [10.99.0.21, 10.99.0.22]}
	  v4-in-v6: {listen: "tcp $EDGE_TUNNEL:8080", mode: ipip, members: ["2001:db8:99::21", "2001:db8:99::22"]}
	  v6-in-v6: {listen: "tcp [$EDGE_TUNNEL6]:80", mode: ipip, members: ["2001:db8:99::21", "2001:db8:99::22"]}
	  v6-in-v4: {listen: "tcp [$EDGE_TUNNEL6]:8080", mode: ipip, members: [10.99.0.21, 10.99.0.22]}
	  dns: {listen: "udp $EDGE_DNS:53", mode: l2, members: [10.99.0.21, 10.99.0.22]}
	  dns-tunnel: {listen: "udp $EDGE_TUNNEL:53", mode: ipip, members: [10.99.0.21]}
END
for backend in b1 b2; do
	tap_run "$backend: sluice-decap attaches" lab_in $backend "$LAB_OUT/bin/sluice-decap" \
		attach eth0 --from "$EDGE_LB" --from "$EDGE_LB6"
	lab_start "dns-$backend" $backend python3 tests/lib/udp_echo.py $backend "$EDGE_DNS" 53
	lab_start "dns-tunnel-$backend" $backend python3 tests/lib/udp_echo.py $backend "$EDGE_TUNNEL" 53
done
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving

# balance NAME URL [MEMBER=WEIGHT...]
balance() {
	local name=$1 url=$2 sources=203.0.113.0/25 load
	[[ $url == *"["* ]] && sources=2001:db8:c1::/120
	load=$(edge_load c1 --count 1200 --source "$sources" "$url")
	e2e_served "$name: 1,200 requests arrive" "$load"
	e2e_shares "$name: shares follow the weights" "$load" "${@:3}"
}

balance "l2, IPv4" "http://$EDGE_WEB/" b1=100 b2=100 b3=50
balance "l2, IPv6" "http://[$EDGE_WEB6]/" b1=1 b2=1
balance_tunnels() { # MODE
	balance "$1, IPv4 in IPv4" "http://$EDGE_TUNNEL/" b1=1 b2=1
	balance "$1, IPv4 in IPv6" "http://$EDGE_TUNNEL:8080/" b1=1 b2=1
	balance "$1, IPv6 in IPv6" "http://[$EDGE_TUNNEL6]/" b1=1 b2=1
	balance "$1, IPv6 in IPv4" "http://[$EDGE_TUNNEL6]:8080/" b1=1 b2=1
	e2e_served "$1, UDP: 100 datagrams are answered" "$(edge_load c2 --udp --count 100 "$EDGE_TUNNEL:53")"
}
balance_tunnels ipip

load=$(edge_load c2 --udp --count 600 --source 203.0.113.128/25 "$EDGE_DNS:53")
e2e_served "UDP: 600 datagrams are answered" "$load"
e2e_shares "UDP: shares follow the weights" "$load" b1=1 b2=1

# The same in UDP, which sluice-decap takes off, too.
taken_off() { # RESULT
	lab_in b1 "$LAB_OUT/bin/sluice-decap" show eth0 --json | jq ".counters.$1.packets"
}
before_gue=$(taken_off v4_in_v4)
sed -i 's/mode: ipip/mode: gue/' "$E2E_CONFIG"
tap_run "tunnels in mode gue, by a reload" edge_ctl reload
tap_run "all members serve in mode gue" wait_for 10 e2e_all_serving
balance_tunnels gue
tap_run "b1 took IPv4 and IPv6 out of UDP" test "$(taken_off v4_in_gue)" -gt 1000 -a "$(taken_off v6_in_gue)" -gt 1000
tap_between "and hardly anything out of IP alone" $(($(taken_off v4_in_v4) - before_gue)) 0 20
sed -i 's/mode: gue/mode: ipip/' "$E2E_CONFIG"
tap_run "and back" edge_ctl reload
tap_run "all members serve again" wait_for 10 e2e_all_serving

load=$(edge_load c2 --keep --workers 4 --count 4000 "http://$EDGE_WEB/")
e2e_served "4,000 requests on four kept connections arrive" "$load"

# Every counter has its place.
counted=$(edge_ctl --json service show l2-v4 | jq .new_connections)
tap_between "new connections of l2-v4 are counted once each" "$counted" 1204 1210
tap_is "bytes and packets are counted" "$(edge_ctl --json service show l2-v4 |
	jq '.packets > 5000 and .bytes > .packets * 40')" true
tap_is "received = forwarded + passed + dropped" "$(edge_ctl --json stats |
	jq '([.verdicts[].packets] | add) == .received_packets')" true

# What is not ours is not touched.
tap_run "the balancer's own address answers pings" lab_in c1 ping -c 3 -i 0.2 -W 1 "$EDGE_LB"
tap_run "the balancer's own IPv6 address does" lab_in c1 ping -c 3 -i 0.2 -W 1 "$EDGE_LB6"

# A service's address, but nobody's port: dropped, and counted as that.
before=$(e2e_verdict unknown_port)
tap_fails "an unknown port does not answer" 28 '' lab_in c1 curl -s --max-time 1 "http://$EDGE_WEB:81/"
tap_between "and is counted as unknown_port" "$(($(e2e_verdict unknown_port) - before))" 1 5

# 1,500 bytes with another header in front do not fit through 1,500.
before=$(e2e_verdict too_big)
lab_in c1 python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for size in (1472, 1452):
    s.sendto(b'x' * size, ('$EDGE_TUNNEL', 53))
s.settimeout(2)
print(len(s.recv(4096)))" > "$LAB_DIR/big"
tap_is "what just fits is answered" "$(cat "$LAB_DIR/big")" 1455
tap_is "what does not fit is counted as too_big" "$(($(e2e_verdict too_big) - before))" 1

# The same figures, as Prometheus reads them.
metrics=$(lab_in lb curl -s --max-time 3 http://127.0.0.1:9464/metrics)
tap_match "metrics: over TCP" "$metrics" '^sluice_[a-z_]+\{.*lb_service="l2-v4"'
tap_match "metrics: with types" "$metrics" '^# TYPE sluice_[a-z_]+_total counter'
tap_match "metrics: drops have a reason" "$metrics" '^sluice_.*reason="unknown_port".* [1-9]'
tap_is "metrics: no client address" "$(grep -cE '203\.0\.113|2001:db8:c' <<< "$metrics")" 0
tap_is "metrics: on the socket, too" "$(edge_api GET /metrics | head -c 4)" "200 "
tap_done
