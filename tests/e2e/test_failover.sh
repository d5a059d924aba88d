#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Members that die, come back, are added, removed, put into maintenance, get other weights, or
# another MAC address.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 3
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	flows: {pre: 200ms}
	services:
	  web: {listen: "tcp $EDGE_WEB:80", mode: l2, check: $E2E_CHECK, $E2E_NO_TRIAL, members: [10.99.0.21, 10.99.0.22]}
	  web6: {listen: "tcp [$EDGE_WEB6]:80", mode: l2, check: $E2E_CHECK, $E2E_NO_TRIAL, members: ["2001:db8:99::21", "2001:db8:99::22"]}
	  tunnel: {listen: "tcp $EDGE_TUNNEL:80", mode: ipip, check: $E2E_CHECK, $E2E_NO_TRIAL, members: [10.99.0.21, "2001:db8:99::22"]}
END
for backend in b1 b2; do
	tap_run "$backend: sluice-decap attaches" lab_in $backend "$LAB_OUT/bin/sluice-decap" \
		attach eth0 --from "$EDGE_LB" --from "$EDGE_LB6"
done
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving

# spread_others NAME MEMBER=WEIGHT...: as e2e_spread, through the IPv6 service and the tunnels.
spread_others() {
	local load
	e2e_settle
	load=$(edge_load c1 --count 400 --source 2001:db8:c1::/120 "http://[$EDGE_WEB6]/")
	e2e_served "$1, IPv6: 400 requests arrive" "$load"
	e2e_shares "$1, IPv6: at those who should serve" "$load" "${@:2}"
	load=$(edge_load c1 --count 400 --source "$EDGE_SOURCES1" "http://$EDGE_TUNNEL/")
	e2e_served "$1, tunnels: 400 requests arrive" "$load"
	e2e_shares "$1, tunnels: at those who should serve" "$load" "${@:2}"
}
spread_others "both" b1=1 b2=1

edge_server_stop b2
tap_run "a killed server is ejected within 3 s" wait_for 3 edge_member_is web 10.99.0.22 ejected
tap_run "by the IPv6 service, too" wait_for 10 edge_member_is web6 2001:db8:99::22 ejected
tap_run "and by the tunnels" wait_for 10 edge_member_is tunnel 2001:db8:99::22 ejected
e2e_spread 600 "without it" b1=1
spread_others "without it" b1=1
tap_match "status says so" "$(edge_ctl status)" '^DEGRADED'
tap_fails "status exits 1" 1 '10\.99\.0\.22' edge_ctl status
tap_match "an event says so" "$(edge_ctl --json events)" '10\.99\.0\.22|10.99.0.22:80'
edge_server_start b2
tap_run "it is back within 4 s" wait_for 4 edge_member_is web 10.99.0.22 serving
e2e_spread 600 "with it again" b1=1 b2=1
tap_run "and everywhere" wait_for 4 e2e_all_serving
spread_others "with it again" b1=1 b2=1
tap_match "status is OK" "$(edge_ctl status)" '^OK'

tap_run "a member is added" edge_ctl member add web 10.99.0.23 --weight 200
tap_run "and serves" wait_for 5 edge_member_is web 10.99.0.23 serving
e2e_spread 600 "three members" b1=1 b2=1 b3=2
tap_run "a weight is changed" edge_ctl member weight web 10.99.0.23 50
e2e_spread 600 "less weight" b1=2 b2=2 b3=1
tap_run "a weight is set to 0" edge_ctl member weight web 10.99.0.23 0
e2e_spread 600 "no weight" b1=1 b2=1
tap_run "maintenance" edge_ctl member maint web 10.99.0.21
e2e_spread 600 "in maintenance" b2=1
tap_run "ready" edge_ctl member ready web 10.99.0.21
e2e_spread 600 "ready again" b1=1 b2=1
tap_run "a member is removed" edge_ctl member remove web 10.99.0.23
tap_is "and gone" "$(edge_ctl --json service show web | jq .members_total)" 2
tap_fails "removing it again: no such member" 3 '10\.99\.0\.23' edge_ctl member remove web 10.99.0.23

# The machine behind an address is exchanged, and says so (gratuitous ARP).
lab_in b1 sysctl -qw net.ipv4.conf.eth0.arp_notify=1 net.ipv6.conf.eth0.ndisc_notify=1
lab_in b1 ip link set eth0 address 02:00:00:00:21:01
tap_run "another MAC address is noticed within 2 s" wait_for 2 \
	eval 'edge_ctl --json service show web | grep -q 02:00:00:00:21:01'
e2e_spread 600 "with the new MAC address" b1=1 b2=1

# The same over IPv6 (unsolicited neighbour advertisement).
lab_in b2 sysctl -qw net.ipv6.conf.eth0.ndisc_notify=1
lab_in b2 ip link set eth0 address 02:00:00:00:22:01
tap_run "another MAC address is noticed over IPv6 within 2 s" wait_for 2 \
	eval 'edge_ctl --json service show web6 | grep -q 02:00:00:00:22:01'
tap_run "by the tunnel over IPv6, too" wait_for 2 \
	eval 'edge_ctl --json service show tunnel | grep -q 02:00:00:00:22:01'
spread_others "with the new MAC address" b1=1 b2=1

# The same without a word: the kernel finds out, and the member is out for so long.
lab_in b1 sysctl -qw net.ipv4.conf.eth0.arp_notify=0 net.ipv6.conf.eth0.ndisc_notify=0
lab_in lb sysctl -qw net.ipv4.neigh.eth0.base_reachable_time_ms=1000 \
	net.ipv4.neigh.eth0.delay_first_probe_time=1
lab_in b1 ip link set eth0 address 02:00:00:00:21:02
tap_run "a silent change is noticed, too" wait_for 30 \
	eval 'edge_ctl --json service show web | grep -q 02:00:00:00:21:02'
tap_run "and the member serves" wait_for 10 edge_member_is web 10.99.0.21 serving
e2e_spread 600 "with the newest MAC address" b1=1 b2=1

# A machine that is gone altogether.
lab_in b1 ip link set eth0 down
tap_run "a dead machine is taken out within 5 s" wait_for 5 \
	eval '! edge_member_is web 10.99.0.21 serving'
e2e_spread 600 "without the machine" b2=1
lab_in b1 ip link set eth0 up
lab_in b1 ip route replace default via 10.99.0.1
tap_run "and back" wait_for 20 edge_member_is web 10.99.0.21 serving
e2e_spread 600 "with the machine" b1=1 b2=1
tap_done
