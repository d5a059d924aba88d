#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Probes through the path come from the address that the member is reached from: members of two
# segments, of which one knows no way back to the balancer's address on the other; and addresses that
# the balancer has on its loopback alone.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

QUICK="interval: 500ms, timeout: 300ms, fast: 200ms, down: 500ms"
V4="members: [10.99.0.21, 10.98.0.24]"
V6='members: ["2001:db8:99::21", "2001:db8:98::24"]'
e2e_begin 1
edge_behind far eth1 98
edge_serve far
lab_in far ip route add unreachable 10.99.0.0/24
lab_in far ip route add unreachable 2001:db8:99::/64
for name in b1 far; do
	lab_start "udp-$name" "$name" python3 tests/lib/udp_echo.py "$name" "$EDGE_DNS" 53
done
echo /status/200 > "$LAB_DIR/slow"
lab_start slow far python3 tests/lib/probed.py --root "$LAB_DIR" 82
tap_run "b1 unpacks" lab_in b1 "$LAB_OUT/bin/sluice-decap" attach eth0 --from "$EDGE_LB" --from "$EDGE_LB6"
tap_run "far does" lab_in far "$LAB_OUT/bin/sluice-decap" attach eth0 --from 10.98.0.10 --from 2001:db8:98::10
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	flows: {pre: 200ms}
	services:
	  l2: {listen: "tcp $EDGE_WEB:80", mode: l2, check: {$QUICK}, $E2E_NO_TRIAL, $V4}
	  l2-http: {listen: "tcp $EDGE_WEB:8080", mode: l2, check: {type: http, $QUICK}, $E2E_NO_TRIAL, $V4}
	  long: {listen: "tcp $EDGE_WEB:81", mode: l2, check: {type: http, port: 8080, path: "/$(printf 'x%.0s' {1..500})", $QUICK}, $E2E_NO_TRIAL, $V4}
	  own: {listen: "tcp $EDGE_WEB:83", mode: l2, check: {port: 80, via: member, $QUICK}, $E2E_NO_TRIAL, $V4}
	  ping: {listen: "tcp $EDGE_WEB:84", mode: l2, check: {type: icmp, $QUICK}, $E2E_NO_TRIAL, $V4}
	  slow: {listen: "tcp $EDGE_WEB:82", mode: l2, check: {type: http, path: /as/slow, interval: 3s, timeout: 3s, fall: 1}, members: [10.98.0.24]}
	  l2-v6: {listen: "tcp [$EDGE_WEB6]:80", mode: l2, check: {$QUICK}, $E2E_NO_TRIAL, $V6}
	  l2-http-v6: {listen: "tcp [$EDGE_WEB6]:8080", mode: l2, check: {type: http, $QUICK}, $E2E_NO_TRIAL, $V6}
	  udp: {listen: "udp $EDGE_DNS:53", mode: l2, check: {type: udp, send: x, $QUICK}, $E2E_NO_TRIAL, $V4}
	  ipip: {listen: "tcp $EDGE_TUNNEL:80", mode: ipip, check: {$QUICK}, $E2E_NO_TRIAL, $V4}
	  ipip-v6: {listen: "tcp [$EDGE_TUNNEL6]:80", mode: ipip, check: {type: http, $QUICK}, $E2E_NO_TRIAL, $V6}
END
e2e_start
answered() { # SERVICE ADDRESS: with a check that passed
	[ "$(edge_member "$1" "$2" health)" = up ]
}
answered_all() {
	local service address
	for service in l2 l2-http own ping long l2-v6 l2-http-v6 udp ipip ipip-v6; do
		for address in 10.99.0.21 10.98.0.24; do
			[[ $service != *v6 ]] || address="2001:db8:${address:3:2}::${address##*.}"
			answered "$service" "$address" || return
		done
	done
}
tap_run "members of both segments answer" wait_for 15 answered_all

# A narrow path: what is too large for it was never sent, and says nothing of the member.
says() { # SERVICE ADDRESS PATTERN
	grep -qE "$3" <<< "$(edge_member "$1" "$2" health_text)"
}
lab_in lb ip route add 10.98.0.24 dev eth1 mtu 560
tap_run "a request that does not fit says so" wait_for 10 says long 10.98.0.24 \
	'^check not possible from here: a packet of it is larger than the path to the member allows'
sleep 2
tap_run "its member is up still" answered long 10.98.0.24
tap_run "smaller ones pass" answered l2-http 10.98.0.24
tap_run "and say nothing" says l2-http 10.98.0.24 '^$'
lab_in lb ip route del 10.98.0.24 dev eth1
tap_run "on a wider path it passes" wait_for 10 says long 10.98.0.24 '^$'

# The cable of one segment is pulled: who is behind it cannot be reached, which is no failure of theirs,
# not even of a probe that was waiting for its answer.
tap_run "the slow one is up" wait_for 10 answered slow 10.98.0.24
downs() {
	edge_ctl events | grep -c 'member_down'
}
is_asking() {
	[ -n "$(lab_in lb ss -Htn state established dst "$EDGE_WEB" dport = 82)" ]
}
echo /slow/2500 > "$LAB_DIR/slow"
tap_run "a probe waits" wait_for 10 is_asking
before=$(downs)
lab_in far ip link set eth0 down
tap_run "behind the cable members are unreachable" wait_for 10 edge_member_is l2 10.98.0.24 unreachable
tap_run "and say why" wait_for 10 says slow 10.98.0.24 '^check not possible from here: eth1 has no carrier$'
for service in slow l2 l2-http ipip own ping; do
	tap_run "nobody is down for it: $service" answered "$service" 10.98.0.24
done
tap_is "no event says so" "$(downs)" "$before"
tap_run "the other segment serves" edge_member_is l2 10.99.0.21 serving
echo /status/200 > "$LAB_DIR/slow"
lab_in far ip link set eth0 up
lab_in far ip route replace default via 10.98.0.10
tap_run "with the cable they serve" wait_for 10 edge_member_is slow 10.98.0.24 serving
tap_run "at once, without a trial" edge_member_is l2 10.98.0.24 serving
tap_run "and answer" wait_for 10 says slow 10.98.0.24 '^$'

# Another address on the segment: the next probes come from that.
lab_in lb ip address del 10.98.0.10/24 dev eth1
lab_in lb ip address add 10.98.0.11/24 dev eth1
tap_run "the balancer's address on the segment is another" wait_for 15 edge_member_is l2 10.98.0.24 serving
sleep 2
tap_run "and the member answers to it" answered l2 10.98.0.24
tap_done
