#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Probes that take the way of the service's packets, in both modes and families, by the daemon and by
# sluice-check: what breaks that way takes a member out, with the reason, though its own address answers.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/hold.sh"

DECAP=(--from "$EDGE_LB" --from "$EDGE_LB6")
QUICK="interval: 500ms, timeout: 300ms, fast: 200ms, down: 500ms"
V4="members: [10.99.0.21, 10.99.0.22, 10.99.0.23]"
V6='members: ["2001:db8:99::21", "2001:db8:99::22", "2001:db8:99::23"]'
e2e_begin 3
hold_serve b1 b2
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=x \
	-keyout "$LAB_DIR/key" -out "$LAB_DIR/pem" 2> /dev/null
decap() { # BACKEND
	lab_in "$1" "$LAB_OUT/bin/sluice-decap" attach eth0 "${DECAP[@]}"
}
for backend in b1 b2 b3; do
	tap_run "$backend: sluice-decap attaches" decap $backend
	lab_start "udp-$backend" $backend python3 tests/lib/udp_echo.py $backend "$EDGE_DNS" 53
	lab_start "tls-$backend" $backend python3 tests/lib/probed.py 443 "$LAB_DIR/pem" "$LAB_DIR/key"
done
configure() { # LINES...
	cat > "$E2E_CONFIG" <<-END
		version: 1
		interfaces: [eth0]
		flows: {pre: 200ms}
		services:
		  l2: {listen: "tcp $EDGE_WEB:80", mode: l2, check: {$QUICK}, $E2E_NO_TRIAL, $V4}
		  l2-http: {listen: "tcp $EDGE_WEB:8080", mode: l2, check: {type: http, $QUICK}, $E2E_NO_TRIAL, $V4}
		  l2-own: {listen: "tcp $EDGE_WEB:81", mode: l2, check: {port: 80, via: member, $QUICK}, $E2E_NO_TRIAL, $V4}
		  l2-v6: {listen: "tcp [$EDGE_WEB6]:80", mode: l2, check: {type: http, $QUICK}, $E2E_NO_TRIAL, $V6}
		  ipip: {listen: "tcp $EDGE_TUNNEL:80", mode: ipip, check: {type: http, $QUICK}, $E2E_NO_TRIAL, $V4}
		  ipip-tls: {listen: "tcp $EDGE_TUNNEL:443", mode: ipip, check: {type: https, path: /status/200, verify: disabled, $QUICK}, $E2E_NO_TRIAL, $V4}
		  ipip-own: {listen: "tcp $EDGE_TUNNEL:81", mode: ipip, check: {port: 80, via: member, $QUICK}, $E2E_NO_TRIAL, $V4}
		  ipip-v6: {listen: "tcp [$EDGE_TUNNEL6]:80", mode: ipip, check: {$QUICK}, $E2E_NO_TRIAL, $V6}
		  gue: {listen: "tcp $EDGE_TUNNEL:83", mode: gue, check: {type: http, port: 80, $QUICK}, $E2E_NO_TRIAL, $V4}
		  gue-v6: {listen: "tcp [$EDGE_TUNNEL6]:83", mode: gue, check: {port: 80, $QUICK}, $E2E_NO_TRIAL, $V6}
		  mixed: {listen: "tcp $EDGE_TUNNEL:8080", mode: ipip, check: {$QUICK}, $E2E_NO_TRIAL, $V6}
		  udp: {listen: "udp $EDGE_DNS:53", mode: l2, check: {type: udp, send: x, $QUICK}, $E2E_NO_TRIAL, $V4}
		  slow: {listen: "tcp $EDGE_TUNNEL:82", mode: ipip, check: {port: 80}, $E2E_NO_TRIAL, $V4}
		  steady: {listen: "tcp $EDGE_WEB:$HOLD_PORT", mode: l2, check: {$QUICK}, members: [10.99.0.21, 10.99.0.22]}
	END
	printf '%s\n' "$@" >> "$E2E_CONFIG"
}
configure
e2e_start
tap_run "every service's members answer through the path" wait_for 15 e2e_all_serving
tap_match "member show says which way" "$(edge_ctl member show ipip 10.99.0.23)" 'through the path'
tap_is "so does JSON" "$(edge_ctl --json member show ipip-own 10.99.0.23 | jq -r .check.via)" member
hold_keep steady c1 -n 60 -i 200 -r 60 "$EDGE_WEB"
tap_run "60 connections to two members that stay well" wait_for 10 hold_has_opened steady 60

says() { # SERVICE ADDRESS PATTERN
	grep -qE "$3" <<< "$(edge_member "$1" "$2" health_text)"
}
BROKEN_AT=0
breaks() { # COMMAND...
	BROKEN_AT=$EPOCHREALTIME
	"$@"
}
# goes_out NAME SECONDS SERVICE ADDRESS PATTERN: within so long, and what is said of it.
goes_out() {
	if wait_for "$2" edge_member_is "$3" "$4" ejected; then
		echo "# $1: $3 has it out $(awk "BEGIN { printf \"%.1f\", $EPOCHREALTIME - $BROKEN_AT }") s later"
		tap_ok "$1: $3 takes it out"
	else
		tap_not_ok "$1: $3 takes it out" "$(edge_ctl member show "$3" "$4")"
	fi
	if wait_for 10 says "$3" "$4" "$5"; then
		tap_ok "$1: $3 says why"
	else
		tap_not_ok "$1: $3 says why" "$(edge_member "$3" "$4" health_text)"
	fi
}
arrive() { # NAME URL
	e2e_settle
	e2e_served "$1: 200 requests arrive" "$(edge_load c1 --count 200 --source "$EDGE_SOURCES1" "$2")"
}
# What clients see of it may make it suspect, which takes nothing from it.
serves() { # SERVICE ADDRESS
	edge_member_is "$1" "$2" serving || edge_member_is "$1" "$2" suspect
}
stays() { # NAME SERVICE...
	local service address name=$1
	shift
	for service; do
		address=10.99.0.23
		[[ $service != *v6 && $service != mixed ]] || address=2001:db8:99::23
		tap_run "$name: $service has it still" serves "$service" "$address"
	done
}

# The service's address is gone from the loopback of one.
breaks lab_in b3 ip address del "$EDGE_WEB/32" dev lo
goes_out "no loopback address, l2" 8 l2 10.99.0.23 \
	"^connect timeout \(at $EDGE_WEB\), but its own address answers: is that on its loopback\?"
goes_out "no loopback address, l2, http" 8 l2-http 10.99.0.23 'is that on its loopback'
stays "no loopback address, l2" l2-own ipip
tap_match "status says which and why" "$(edge_ctl status | tr -s ' \n' ' ')" \
	'l2: 10.99.0.23:80 ejected.*its own address answers: is that on its loopback'
tap_match "so does an event" "$(edge_ctl events)" 'member_diagnosis.*l2/default/10.99.0.23:80.*on its loopback'
arrive "no loopback address, l2" "http://$EDGE_WEB/"

# With the daemon stopped and started meanwhile.
lab_stop sluiced TERM
tap_run "without a daemon the path is still there" test "$(lab_in lb ip rule | grep -c 'fwmark 0x5')" -eq 1
e2e_start
tap_run "the next daemon knows who is out" edge_member_is l2 10.99.0.23 ejected
tap_run "and finds why again" wait_for 10 says l2 10.99.0.23 'is that on its loopback'
tap_is "the path is there once" "$(lab_in lb ip rule | grep -c 'fwmark 0x5')" 1
lab_in b3 ip address add "$EDGE_WEB/32" dev lo
tap_run "with its address it is back by itself" wait_for 10 edge_member_is l2 10.99.0.23 serving
tap_run "everywhere" wait_for 10 e2e_all_serving

breaks lab_in b3 ip address del "$EDGE_TUNNEL/32" dev lo
goes_out "no loopback address, ipip" 8 ipip 10.99.0.23 \
	"^connect timeout \(through the tunnel\), but its own address answers: is $EDGE_TUNNEL on its loopback\?"
goes_out "no loopback address, gue" 8 gue 10.99.0.23 \
	"^connect timeout \(through the tunnel\), but its own address answers: is $EDGE_TUNNEL on its loopback\?"
stays "no loopback address, ipip" ipip-own ipip-v6 gue-v6 l2
goes_out "no loopback address, at default settings" 10 slow 10.99.0.23 "is $EDGE_TUNNEL on its loopback"
lab_in b3 ip address add "$EDGE_TUNNEL/32" dev lo
# Why who stays out is silent is asked every 20 s alone: what breaks next shall find nobody out.
tap_run "with it everybody is back by himself" wait_for 20 e2e_all_serving

# Nobody unpacks.
breaks lab_in b3 "$LAB_OUT/bin/sluice-decap" detach eth0
goes_out "no decapsulation" 8 ipip 10.99.0.23 \
	'^connect timeout \(through the tunnel\), but its own address answers: it does not unpack tunnels$'
goes_out "no decapsulation, IPv6" 8 ipip-v6 2001:db8:99::23 'it does not unpack tunnels'
goes_out "no decapsulation, gue" 8 gue 10.99.0.23 'it does not unpack GUE, or not at gue_port$'
goes_out "no decapsulation, gue, IPv6" 8 gue-v6 2001:db8:99::23 'it does not unpack GUE, or not at gue_port$'
goes_out "no decapsulation, https" 8 ipip-tls 10.99.0.23 'it does not unpack tunnels'
goes_out "no decapsulation, families mixed" 8 mixed 2001:db8:99::23 'does it unpack, and have'
stays "no decapsulation" l2 l2-v6 ipip-own
arrive "no decapsulation" "http://$EDGE_TUNNEL/"
decap b3
tap_run "with it everybody is back by himself" wait_for 20 e2e_all_serving

# IPv6 on the segment, and UDP.
breaks lab_in b3 ip address del "$EDGE_WEB6/128" dev lo
lab_in b3 ip address del "$EDGE_DNS/32" dev lo
goes_out "no loopback address, l2, IPv6" 8 l2-v6 2001:db8:99::23 'is that on its loopback'
goes_out "no loopback address, UDP" 8 udp 10.99.0.23 \
	"^no answer within 300 ms \(at $EDGE_DNS\)"
lab_in b3 ip address add "$EDGE_WEB6/128" dev lo nodad
lab_in b3 ip address add "$EDGE_DNS/32" dev lo
tap_run "with them everybody is back by himself" wait_for 20 e2e_all_serving

# The port is closed, the host is dead: those are no matters of the path.
breaks edge_server_stop b3
goes_out "no server" 8 ipip 10.99.0.23 '^connection refused$'
goes_out "no server, at default settings" 10 slow 10.99.0.23 '^connection refused$'
edge_server_start b3
tap_run "with it everybody is back by himself" wait_for 20 e2e_all_serving
breaks lab_in b3 ip link set eth0 arp off
lab_in b3 nft -f - <<-END
	table inet dead { chain in { type filter hook prerouting priority -300; drop; }; }
END
goes_out "a dead host" 8 ipip 10.99.0.23 \
	'^connect timeout \(through the tunnel\), and its own address is silent, too|check not possible from here: no next hop'
lab_in b3 nft delete table inet dead
lab_in b3 ip link set eth0 arp on
tap_run "alive everybody is back by himself" wait_for 40 e2e_all_serving
hold_none_broken "all that" steady

# This host is in the way: nobody is blamed for it.
# Whatever else status has to say; who has no verdict yet serves.
all_serve() {
	[ "$(edge_ctl --json service list | jq '[.services[] | .members_serving == .members_total] | all')" = true ]
}
state_is() {
	[ "$(edge_ctl --json status | jq -r .state)" = "$1" ]
}
finding() { # PATTERN
	grep -qE "$1" <<< "$(edge_ctl status | tr -s ' \n' ' ')"
}
lab_in lb ip rule add preference 5 lookup main
tap_run "a rule that comes first is told" wait_for 15 finding 'DEGRADED.*probes of .* do not take the path'
tap_run "a member's check says that it is blind" wait_for 5 says l2 10.99.0.21 '^check not possible from here: '
sleep 2
tap_run "but all serve" all_serve
lab_in lb ip rule del preference 5
tap_run "without it checks go on" wait_for 40 state_is ok
lab_in lb ip address add "$EDGE_TUNNEL/32" dev lo
tap_run "a service's address on this host is told, with the fix" wait_for 10 \
	finding "$EDGE_TUNNEL is an address of this host.*ip address del $EDGE_TUNNEL/32 dev lo"
tap_run "its check is blind" wait_for 10 says ipip 10.99.0.21 '^check not possible from here: '
sleep 1
tap_run "and all serve" all_serve
lab_in lb ip address del "$EDGE_TUNNEL/32" dev lo
tap_run "without it all is well" wait_for 40 state_is ok
hold_none_broken "those" steady

# What cannot be.
refused() { # NAME PATTERN LINES...
	local name=$1 pattern=$2
	shift 2
	configure "$@"
	tap_fails "$name" 1 "$pattern" edge_ctl reload
}
refused "icmp through the path" 'check.via.*an echo request has no port' \
	"  bad: {listen: \"tcp 192.0.2.20:80\", mode: l2, check: {type: icmp, via: path}, members: [10.99.0.21]}"
refused "exec through the path" 'check.via.*a program connects by itself' \
	"  bad: {listen: \"tcp 192.0.2.20:80\", mode: l2, check: {type: exec, command: [/bin/true], via: path}, members: [10.99.0.21]}"
refused "all ports" 'needs a port' \
	"  bad: {listen: \"tcp 192.0.2.20\", mode: l2, check: {via: path}, members: [10.99.0.21]}"
refused "another way" 'check.via' \
	"  bad: {listen: \"tcp 192.0.2.20:80\", mode: l2, check: {via: tunnel}, members: [10.99.0.21]}"
tap_run "all serve" all_serve

# Without any such check nothing is left on the host.
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	services:
	  l2: {listen: "tcp $EDGE_WEB:80", mode: l2, check: {via: member, $QUICK}, $V4}
END
device=$(lab_in lb ip -json link | jq -r '[.[].ifname | select(startswith("sluice"))][0]')
tap_run "checks of members alone" edge_ctl reload --force
gone() {
	[ "$(lab_in lb ip rule | grep -c 'fwmark 0x5')" = 0 ] && ! lab_in lb ip link show "$device"
}
tap_run "take the path away" wait_for 10 gone
tap_run "and serve" wait_for 10 e2e_all_serving
tap_run "detach" edge_ctl detach

# A first start that cannot have the path serves all the same, and says what is in the way.
lab_stop sluiced TERM
lab_in lb ip link add "$device" type veth peer name other
configure
e2e_start
tap_run "somebody else's device is told" wait_for 15 finding "DEGRADED.*probes cannot take the path: .*$device"
tap_is "nobody has a verdict" "$(edge_member ipip 10.99.0.21 health)" unknown
tap_run "and all serve" all_serve
e2e_served "which is true" "$(edge_load c1 --count 100 "http://$EDGE_TUNNEL/")"
lab_in lb ip link del "$device"
tap_run "without it the path is made" wait_for 40 state_is ok
tap_match "an event says so" "$(edge_ctl events)" 'probe_path.*take the path again'
tap_run "detach takes it away" edge_ctl detach
tap_run "wholly" wait_for 10 gone
tap_done
