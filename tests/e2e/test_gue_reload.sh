#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Mode gue with the whole daemon, to backends that know the format and none of our programs: every family
# in every other, mode and port changed by reload under connections that stay, and what is said of a
# member where nobody takes the datagrams.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/hold.sh"

V4="members: [10.99.0.21, 10.99.0.22]"
V6='members: ["2001:db8:99::21", "2001:db8:99::22"]'
SOURCES6=2001:db8:c1::/120
QUICK="interval: 500ms, timeout: 300ms, fast: 200ms, down: 500ms"
e2e_begin 2
hold_serve b1 b2
for backend in b1 b2; do
	tap_run "$backend: sluice-decap attaches, for mode ipip" lab_in $backend \
		"$LAB_OUT/bin/sluice-decap" attach eth0 --from "$EDGE_LB" --gue-port 0
done
take() { # BACKEND PORT...
	lab_start "gue-$1" "$1" python3 tests/lib/gue_backend.py "${@:2}"
}
configure() { # KEYS of the service `steady`
	cat > "$E2E_CONFIG" <<-END
		version: 1
		interfaces: [eth0]
		flows: {pre: 200ms}
		services:
		  v4: {listen: "tcp $EDGE_TUNNEL:80", mode: gue, check: {$QUICK}, $E2E_NO_TRIAL, $V4}
		  v4-v6: {listen: "tcp $EDGE_TUNNEL:8080", mode: gue, check: {$QUICK}, $E2E_NO_TRIAL, $V6}
		  v6: {listen: "tcp [$EDGE_TUNNEL6]:80", mode: gue, gue_port: 7001, check: {$QUICK}, $E2E_NO_TRIAL, $V6}
		  v6-v4: {listen: "tcp [$EDGE_TUNNEL6]:8080", mode: gue, check: {$QUICK}, $E2E_NO_TRIAL, $V4}
		  steady: {listen: "tcp $EDGE_WEB:$HOLD_PORT", $1, check: {$QUICK}, $E2E_NO_TRIAL, $V4}
	END
}
take b1 6080 7001
take b2 6080 7001
configure "mode: ipip"
e2e_start
tap_run "every service's members answer through the path" wait_for 15 e2e_all_serving
load() { # NAME URL SOURCES
	e2e_served "$1" "$(edge_load c1 --count 200 --source "$3" "$2")"
}
load "IPv4 in IPv4" "http://$EDGE_TUNNEL/" "$EDGE_SOURCES1"
load "IPv4 in IPv6" "http://$EDGE_TUNNEL:8080/" "$EDGE_SOURCES1"
load "IPv6 in IPv6, at a port of its own" "http://[$EDGE_TUNNEL6]/" $SOURCES6
load "IPv6 in IPv4" "http://[$EDGE_TUNNEL6]:8080/" $SOURCES6

where() {
	edge_ctl where "tcp 203.0.113.9:4711 > $EDGE_TUNNEL:80" "$@"
}
tap_match "where says how a packet is sent" "$(where --bytes 1472)" '^sent as +gue to UDP port 6080, 1500 bytes$'
tap_is "one byte more is too big" "$(edge_ctl --json where "tcp 203.0.113.9:4711 > $EDGE_TUNNEL:80" \
	--bytes 1473 | jq -r .verdict)" too_big
tap_is "the API has the port" "$(edge_ctl --json service show v6 | jq -c '.pools[0] | [.mode, .gue_port]')" \
	'["gue",7001]'
tap_match "service show has it" "$(edge_ctl service show v6)" '^mode +gue to UDP port 7001$'

# A service that connections are held on, from one way to the other.
# Broken is what has no answer for three seconds.
hold_keep steady c1 -n 60 -i 200 -r 60 -t 3 "$EDGE_WEB"
tap_run "60 connections through ipip" wait_for 10 hold_has_opened steady 60
change() { # NAME KEYS WAY
	configure "$2"
	tap_run "$1" edge_ctl reload
	tap_match "$1: it is the way" "$(edge_ctl service show steady)" "^mode +$3\$"
	sleep 4
	hold_none_broken "$1" steady
}
change "ipip becomes gue" "mode: gue" 'gue to UDP port 6080'
change "its port changes" "mode: gue, gue_port: 7001" 'gue to UDP port 7001'
lab_stop sluiced TERM
configure "mode: gue, gue_port: 6080"
e2e_start
tap_match "the next daemon takes the file's port" "$(edge_ctl service show steady)" 'gue to UDP port 6080$'
sleep 4
hold_none_broken "a restart with another port" steady
change "gue becomes l2" "mode: l2" l2
change "l2 becomes gue" "mode: gue" 'gue to UDP port 6080'
configure "mode: l2, gue_port: 7001"
tap_fails "a port without UDP is refused" 1 'services.steady.gue_port: is for mode gue' edge_ctl reload
tap_match "and nothing changes" "$(edge_ctl service show steady)" 'gue to UDP port 6080$'
configure "mode: gue"

# Nobody at the port: the host says so, to the datagram, which is no answer to the probe.
lab_stop gue-b2 TERM
taken=$(tail -n 1 "$LAB_DIR/gue-b2.log")
tap_is "they came as they should, and as they were meanwhile" "$(jq -c keys <<< "${taken%\}*}}")" \
	'["6080 v4 v4","6080 v4 v6","6080 v6 v4","7001 v4 v4","7001 v6 v6"]'
read -r ports lowest <<< "${taken##*\}}"
tap_run "flows have source ports of their own, from the dynamic range" \
	test "$ports" -ge 200 -a "$lowest" -ge 49152
is_out() { # SERVICE ADDRESS
	edge_member_is "$1" "$2" ejected
}
says() { # SERVICE ADDRESS TEXT
	grep -qF "$3" <<< "$(edge_member "$1" "$2" health_text)"
}
tap_run "without anybody at its port a member is out" wait_for 8 is_out v4 10.99.0.22
tap_run "so is one over IPv6" wait_for 8 is_out v6 2001:db8:99::22
tap_run "and it is said why" wait_for 8 says v4 10.99.0.22 'it does not unpack GUE, or not at gue_port'
e2e_settle
load "the other one serves" "http://$EDGE_TUNNEL/" "$EDGE_SOURCES1"
take b2 6080 7001
# What its host said of closed ports makes it suspect for a while, which takes nothing from it.
is_back() { # SERVICE ADDRESS
	edge_member_is "$1" "$2" serving || edge_member_is "$1" "$2" suspect
}
tap_run "it is back by itself" wait_for 15 is_back v4 10.99.0.22
tap_run "over IPv6, too" wait_for 15 is_back v6 2001:db8:99::22
tap_match "the host's errors were seen" "$(edge_ctl events)" \
	'steady/default/10.99.0.22:[0-9]+.*ICMP errors \(port unreachable\)'
tap_done
