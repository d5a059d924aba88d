#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Mode local: limits in front of what this host serves itself, and nothing else changes for it.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

RATE=50 BURST=100
e2e_begin 1
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	services:
	  own: {listen: "tcp $EDGE_WEB:80", mode: local, limits: [per-client]}
	  own6: {listen: "tcp [$EDGE_WEB6]:80", mode: local, limits: [per-client]}
	  sent: {listen: "tcp $EDGE_TUNNEL:80", mode: l2, members: [10.99.0.21]}
	limits:
	  per-client: {count: new-connections, rate: $RATE/s, burst: $BURST, mode: enforce}
END

# The address has to be the host's in this mode, and must not be in any other.
tap_fails "an address that is not the host's is refused, with the fix" 1 \
	"services.own.listen.*$EDGE_WEB.*ip address add $EDGE_WEB/32 dev lo" edge_daemon "$E2E_CONFIG"
tap_fails "so is the IPv6 one" 1 "services.own6.listen.*ip address add $EDGE_WEB6/128 dev lo" \
	edge_daemon "$E2E_CONFIG"
for address in "$EDGE_WEB" "$EDGE_WEB6" "$EDGE_TUNNEL"; do
	lab_in lb ip address add "$address" dev lo
done
tap_fails "an address of the host in another mode is refused, with the fix" 1 \
	"services.sent.listen.*$EDGE_TUNNEL.*ip address del $EDGE_TUNNEL" edge_daemon "$E2E_CONFIG"
lab_in lb ip address del "$EDGE_TUNNEL/32" dev lo
sed "s/ $EDGE_WEB:80/ $EDGE_WEB/; s/tcp $EDGE_WEB:80/tcp $EDGE_WEB/" "$E2E_CONFIG" > "$LAB_DIR/all.yaml"
tap_fails "all ports of the host's address are refused" 1 'services.own.*all ports' \
	edge_daemon "$LAB_DIR/all.yaml"
sed "s/mode: local,/mode: local, members: [10.99.0.21],/" "$E2E_CONFIG" > "$LAB_DIR/members.yaml"
tap_fails "members of such a service are refused" 1 'mode local has no members' \
	edge_daemon "$LAB_DIR/members.yaml"
tap_is "after all that nothing is attached" "$(lab_xdp_id lb eth0)" ""

edge_server_start lb
edge_server_start c2
e2e_start
tap_run "the other service's member serves" wait_for 10 e2e_all_serving
tap_match "status is OK" "$(edge_ctl status)" '^OK'
tap_is "the service has no members" "$(edge_ctl --json service show own |
	jq -c '[.mode, .members_total]')" '["local",0]'

# served NAME URL SOURCES MEMBER
served() {
	local load
	load=$(edge_load c1 --count 400 --source "$3" "$2")
	e2e_served "$1: 400 requests arrive" "$load"
	e2e_shares "$1: at $4" "$load" "$4=1"
}
before=$(e2e_verdict local)
served "IPv4" "http://$EDGE_WEB/" "$EDGE_SOURCES1" lb
served "IPv6" "http://[$EDGE_WEB6]/" 2001:db8:c1::/124 lb
after=$(e2e_verdict local)
tap_between "every packet of them is counted as local" $((after - before)) 2400 16000
tap_between "so does the service" "$(edge_ctl --json service show own | jq .new_connections)" 400 404
tap_is "with its packets and bytes" "$(edge_ctl --json service show own6 |
	jq '.packets > 1200 and .bytes > .packets * 40')" true
tap_between "the limit counts each connection once" \
	"$(edge_ctl --json limit show per-client | jq .passed)" 800 808
served "a service beside it is balanced" "http://$EDGE_TUNNEL/" "$EDGE_SOURCES1" b1

# What is the host's own stays its own.
served "another port of the address" "http://$EDGE_WEB:8080/" "$EDGE_SOURCES1" lb
tap_run "it answers pings" lab_in c1 ping -c 3 -i 0.2 -W 1 "$EDGE_WEB"
tap_run "it answers large pings, which come in fragments" \
	lab_in c1 ping -c 3 -i 0.2 -W 1 -s 4000 "$EDGE_WEB"
tap_run "over IPv6, too" lab_in c1 ping -c 3 -i 0.2 -W 1 -s 4000 "$EDGE_WEB6"
lab_start echo lb python3 tests/lib/udp_echo.py lb "$EDGE_WEB" 5353
wait_for 5 grep -q answers "$LAB_DIR/echo.log"
tap_is "it gets datagrams in fragments, on a port that is no service's" "$(lab_in c1 python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, 10, 0)  # IP_MTU_DISCOVER: never
s.settimeout(2)
s.sendto(b'x' * 2000, ('$EDGE_WEB', 5353))
print(len(s.recv(4096)))")" 2003
tap_run "it connects to others from that address" lab_in lb curl -sf -o /dev/null --max-time 2 \
	--interface "$EDGE_WEB" http://198.51.100.12/

limit() {
	edge_ctl --json limit show per-client | jq .refused
}

# A loud source is held, the others notice nothing.
edge_load c1 --count 450 --rate 150 --source "$EDGE_SOURCES1" "http://$EDGE_WEB/" > "$LAB_DIR/load" &
before=$(limit)
sent=$(edge_flood atk -r 10000 -t 3 198.51.100.66 "$EDGE_WEB" 80 | jq .sent)
sleep 0.3
passed=$((sent - $(limit) + before))
wait $!
tap_between "a SYN flood of one source passes at its limit" $passed $BURST \
	$((BURST + RATE * 3 * 105 / 100 + 10))
e2e_served "450 requests of others meanwhile" "$(cat "$LAB_DIR/load")"

# Killed: packets pass, the limit holds.
lab_stop sluiced KILL
served "without a daemon" "http://$EDGE_WEB/" "$EDGE_SOURCES1" lb
load=$(edge_load c2 --count 600 --workers 4 --timeout 0.5 --seconds 3 "http://$EDGE_WEB/")
tap_between "without a daemon the limit holds" "$(jq .ok <<< "$load")" $BURST \
	$((BURST + RATE * 4 * 105 / 100 + 10))
if edge_daemon_start "$E2E_CONFIG"; then
	tap_ok "the next daemon takes over"
else
	tap_not_ok "the next daemon takes over" "$(tail -n 20 "$LAB_DIR/sluiced.log")"
fi
tap_between "counters went on meanwhile" \
	"$(edge_ctl --json service show own | jq .new_connections)" 1400 4000
lab_stop sluiced KILL
tap_run "detach works" edge_ctl_offline detach
load=$(edge_load c2 --count 600 --workers 4 "http://$EDGE_WEB/")
e2e_served "afterwards there is no limit" "$load"
tap_done
