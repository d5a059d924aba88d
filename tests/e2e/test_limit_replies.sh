#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A limit of everything leaves replies alone: what comes back on connections that this host opened, of
# TCP and UDP, unless count_replies says so. Connections to this host are counted either way.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

PEER=198.51.100.66
PEER6=2001:db8:51::66
LINES=150

e2e_begin 1
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	management: {prefixes: [10.98.0.0/24]}
	services:
	  web: {listen: "tcp $EDGE_WEB:80", mode: l2, members: [10.99.0.21]}
	limits:
	  host: {count: packets, rate: 1/min, burst: 20, scope: everything, mode: shadow}
END
cat > "$LAB_DIR/lines.py" <<-'END'
	import socket, sys

	kind = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}[sys.argv[1]]
	address, lines = sys.argv[2], int(sys.argv[3])
	family = socket.AF_INET6 if ":" in address else socket.AF_INET
	with socket.socket(family, kind) as sock:
	    sock.settimeout(10)
	    sock.connect((address, 7010))
	    for number in range(lines):
	        sock.send(b"%d\n" % number)
	        sock.recv(2048)
END
for address in "$PEER" "$PEER6"; do
	lab_start "udp-$address" atk python3 "$LAB_ROOT/tests/lib/udp_echo.py" peer "$address" 7010
	lab_start "tcp-$address" atk python3 "$LAB_ROOT/tests/lib/tcp_session.py" serve "$address" 7010
done
lab_start tcp-lb lb python3 "$LAB_ROOT/tests/lib/tcp_session.py" serve "$EDGE_LB" 7010
lines() { # NS PROTOCOL ADDRESS COUNT: there and back, each
	lab_in "$1" python3 "$LAB_DIR/lines.py" "${@:2}"
}
for to in "lb tcp $PEER" "lb tcp $PEER6" "lb udp $PEER" "lb udp $PEER6" "atk tcp $EDGE_LB"; do
	# shellcheck disable=SC2086 # three arguments
	tap_run "an answer: $to" wait_for 5 lines $to 1
done
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving

# counted NS PROTOCOL ADDRESS: packets that the limit judged while lines went there and back.
counted() {
	local before
	before=$(judged)
	lines "$@" $LINES || return
	sleep 0.2
	echo $(($(judged) - before))
}

judged() {
	edge_ctl --json limit show host | jq '.passed + .would_refuse'
}

for address in "$PEER" "$PEER6"; do
	tap_between "TCP to $address, opened here: replies are not counted" "$(counted lb tcp "$address")" 0 20
	tap_between "UDP to $address, connected here: nor are its answers" "$(counted lb udp "$address")" 0 20
done
tap_between "what others open is counted" "$(counted atk tcp "$EDGE_LB")" $LINES 1000
tap_match "limit show says it" "$(edge_ctl limit show host)" '^scope .*replies are not counted'

sed -i 's|scope: everything|scope: everything, count_replies: enabled|' "$E2E_CONFIG"
tap_run "count_replies" edge_ctl reload
for address in "$PEER" "$PEER6"; do
	tap_between "TCP to $address: counted" "$(counted lb tcp "$address")" $LINES 1000
	tap_between "UDP to $address: counted" "$(counted lb udp "$address")" $LINES 1000
done
tap_match "limit show says that" "$(edge_ctl limit show host)" '^scope .*replies are counted'
tap_done
