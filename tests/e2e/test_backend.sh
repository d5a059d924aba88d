#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# sluice-backend makes a host a member, says what is missing, keeps strangers' tunnels out, and
# puts everything back.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 0
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	services:
	  direct: {listen: "tcp $EDGE_WEB:80", mode: l2, members: [10.99.0.21]}
	  direct6: {listen: "tcp [$EDGE_WEB6]:80", mode: l2, members: ["2001:db8:99::21"]}
	  tunnel: {listen: "tcp $EDGE_TUNNEL:80", mode: ipip, members: [10.99.0.21]}
	  tunnel6: {listen: "tcp [$EDGE_TUNNEL6]:80", mode: ipip, members: ["2001:db8:99::21"]}
END
edge_host b1 in 21
edge_server_start b1
export SLUICE_DECAP=$LAB_OUT/bin/sluice-decap

backend() {
	lab_in b1 deploy/backend/sluice-backend "$@" --state "$LAB_DIR/backend-state"
}

# What the command may touch, as text.
snapshot() {
	lab_in b1 sh -c 'ip -brief address; ip route; ip -6 route; nft list ruleset; ip -brief link
		sysctl net.ipv4.conf.all.arp_ignore net.ipv4.conf.all.arp_announce'
	lab_xdp_id b1 eth0
	ls -R "$LAB_DIR/backend-state" 2>&1
}

answers() {
	lab_in c1 curl -s --max-time 3 "$1"
}

# Wrong usage.
tap_fails "no mode, no address" 2 'COMMAND MODE ADDRESS' backend setup
tap_fails "an unknown command" 2 "'start'.*setup" backend start l2 "$EDGE_WEB"
tap_fails "an unknown mode" 2 "'nat'.*ipip" backend setup nat "$EDGE_WEB"
tap_fails "a wrong address" 2 "'192.0.2.999'" backend setup l2 192.0.2.999
tap_fails "a name is no address" 2 "'localhost'" backend setup l2 localhost
tap_fails "a tunnel from anybody" 2 'from' backend setup ipip "$EDGE_TUNNEL"
tap_fails "a wrong prefix" 2 '1 to 32' backend setup ipip "$EDGE_TUNNEL" --from 10.99.0.0/33
tap_fails "tunnel options without a tunnel" 2 'mode l2 has none' backend setup l2 "$EDGE_WEB" --decap eth0
tap_fails "no such device" 1 'no device eth7' backend setup ipip "$EDGE_TUNNEL" --from "$EDGE_LB" --decap eth7
tap_fails "undoing what was not set up" 3 'not set up' backend undo l2 "$EDGE_WEB"

# A rehearsal says everything and does nothing.
before=$(snapshot)
tap_match "--dry-run prints the commands" \
	"$(backend setup ipip "$EDGE_TUNNEL" --from "$EDGE_LB" --dry-run | paste -sd ' ')" \
	'saddr.*10\.99\.0\.10.*link add sluice-ipip.*advmss 1440.*arp_ignore=1.*address add 192\.0\.2\.11/32 dev lo'
tap_is "and runs none" "$(snapshot)" "$before"
tap_fails "check names what is missing" 1 "missing  $EDGE_WEB is on lo" backend check l2 "$EDGE_WEB"

# Each part, and traffic through it.
tap_run "setup l2, IPv4" backend setup l2 "$EDGE_WEB"
tap_run "setup l2, IPv6" backend setup l2 "$EDGE_WEB6"
tap_run "setup ipip, IPv4" backend setup ipip "$EDGE_TUNNEL" --from "$EDGE_LB" --decap eth0
once=$(snapshot)
tap_run "again" backend setup ipip "$EDGE_TUNNEL" --from "$EDGE_LB" --decap eth0
tap_is "changes nothing" "$(snapshot)" "$once"
tap_run "setup ipip, IPv6" backend setup ipip "$EDGE_TUNNEL6" --from "$EDGE_LB6" --decap eth0
for service in "l2 $EDGE_WEB" "l2 $EDGE_WEB6" "ipip $EDGE_TUNNEL" "ipip $EDGE_TUNNEL6"; do
	# shellcheck disable=SC2086 # mode and address
	tap_run "check $service" backend check $service
done
e2e_start
for url in "$EDGE_WEB" "[$EDGE_WEB6]" "$EDGE_TUNNEL" "[$EDGE_TUNNEL6]"; do
	tap_is "http://$url/ answers" "$(answers "http://$url/")" b1
done

# The attacker's tunnel, that is, a packet from somebody else with a packet inside.
lab_start echo b1 python3 tests/lib/udp_echo.py b1 "$EDGE_TUNNEL" 5353
tunnelled() { # NS: sends it, from there
	lab_in "$1" python3 -c "
import socket, struct
inner = struct.pack('!HHHH', 5353, 5353, 12, 0) + b'ping'
head = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(inner), 0, 0, 64, 17, 0,
	socket.inet_aton('198.51.100.11'), socket.inet_aton('$EDGE_TUNNEL'))
total = sum(struct.unpack('!10H', head))
total = (total & 0xffff) + (total >> 16)
head = head[:10] + struct.pack('!H', ~(total + (total >> 16)) & 0xffff) + head[12:]
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 4)
s.sendto(head + inner, ('10.99.0.21', 0))"
}
heard() { # NS: does the server hear what comes through a tunnel from there?
	lab_in c1 python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('198.51.100.11', 5353))
s.settimeout(5)
print('ready', flush=True)
try:
	print(s.recv(99).decode())
except TimeoutError:
	print('nothing')" > "$LAB_DIR/heard" &
	wait_for 5 grep -q ready "$LAB_DIR/heard"
	tunnelled "$1"
	wait $!
	tail -n 1 "$LAB_DIR/heard"
}
tap_is "a tunnel from the balancer's address arrives" "$(heard lb)" "b1 ping"
tap_is "one from somebody else does not" "$(heard atk)" nothing
lab_stop echo

# What breaks is seen.
lab_in b1 ip address del "$EDGE_WEB/32" dev lo
tap_fails "a lost address is seen" 1 "missing  $EDGE_WEB is on lo" backend check l2 "$EDGE_WEB"
lab_in b1 nft flush ruleset
tap_fails "a lost firewall is seen" 1 'missing  only the balancers' backend check ipip "$EDGE_TUNNEL"
tap_run "setup mends it" backend setup ipip "$EDGE_TUNNEL" --from "$EDGE_LB" --decap eth0
tap_run "check says so" backend check ipip "$EDGE_TUNNEL"
if ! lab_in b1 ip link add probe type ipip external 2>/dev/null; then
	tap_fails "a kernel without tunnel devices: the way out is named" 1 'decap' \
		backend setup ipip 192.0.2.12 --from "$EDGE_LB"
	tap_run "and the others are as they were" backend check ipip "$EDGE_TUNNEL"
	once=$(snapshot)
	tap_fails "the same for one that works" 1 'back to what was before' \
		backend setup ipip "$EDGE_TUNNEL" --from 10.99.0.77
	tap_is "leaves it as it was" "$(snapshot)" "$once"
	tap_is "and working" "$(answers "http://$EDGE_TUNNEL/")" b1
else
	lab_in b1 ip link del probe
	tap_skip "a kernel without tunnel devices: the way out is named" "this one has them"
	tap_skip "and the others are as they were" "this one has them"
	tap_skip "the same for one that works" "this one has them"
	tap_skip "leaves it as it was" "this one has them"
	tap_skip "and working" "this one has them"
fi

# A host with tunnels of its own, as `ip` tells of them here.
mkdir "$LAB_DIR/bin"
cat > "$LAB_DIR/bin/ip" <<-'END'
	#!/bin/bash
	if [ "$*" = "-o -details link show" ]; then
		echo "9: office@NONE: <NOARP,UP> mtu 1480 qdisc noqueue state UNKNOWN ipip remote any local any ttl inherit"
	else
		exec /sbin/ip "$@"
	fi
END
chmod 755 "$LAB_DIR/bin/ip"
once=$(snapshot)
PATH=$LAB_DIR/bin:$PATH tap_fails "a host with other tunnels: refused, naming them" 1 'office' \
	backend setup ipip 192.0.2.12 --from "$EDGE_LB" --decap eth0
tap_is "and nothing is left of it" "$(snapshot)" "$once"

# Undone one after the other, the rest goes on working.
tap_run "undo ipip, IPv4" backend undo ipip "$EDGE_TUNNEL"
tap_is "the IPv6 tunnel still answers" "$(answers "http://[$EDGE_TUNNEL6]/")" b1
tap_run "undo ipip, IPv6" backend undo ipip "$EDGE_TUNNEL6"
tap_run "undo l2, IPv6" backend undo l2 "$EDGE_WEB6"
tap_run "undo l2, IPv4" backend undo l2 "$EDGE_WEB"
tap_is "everything is as it was" "$(snapshot)" "$before"
tap_done
