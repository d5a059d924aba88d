#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# `where` foretells what happens to real packets: member, limit, unknown port, nobody's address.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 2
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	services:
	  web: {listen: "tcp $EDGE_WEB:80", mode: l2, check: $E2E_CHECK, $E2E_NO_TRIAL, limits: [per-client], members: [10.99.0.21, 10.99.0.22]}
	  web6: {listen: "tcp [$EDGE_WEB6]:80", mode: l2, members: ["2001:db8:99::21", "2001:db8:99::22"]}
	  tunnel: {listen: "tcp $EDGE_TUNNEL:80", mode: ipip, members: [10.99.0.21]}
	limits:
	  per-client: {count: new-connections, rate: 1/min, burst: 20, mode: enforce}
	management: {prefixes: [203.0.113.72]}
	lists:
	  partners: {action: exempt, prefixes: [203.0.113.73]}
END
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving

where() { # ARGUMENTS...: the document
	edge_ctl --json where "$@"
}

# answers NAME JQ EXPECTED ARGUMENTS...
answers() {
	tap_is "$1" "$(where "${@:4}" | jq -c "$2")" "$3"
}

# The member that is named is the one that answers.
agree() { # SOURCE-IP URL-HOST SERVICE-ENDPOINT BRACKETED-SOURCE
	local port answer named wrong=0
	for port in $(seq 30001 30012); do
		answer=$(lab_in c1 curl -s --max-time 3 --interface "$1" --local-port "$port" "http://$2/")
		named=$(where "tcp $4:$port > $3" | jq -r .member.address)
		[ "b${named: -1}" = "$answer" ] || wrong=$((wrong + 1))
	done
	echo $wrong
}
tap_is "IPv4: twelve connections reach the member that was named" \
	"$(agree 203.0.113.9 "$EDGE_WEB" "$EDGE_WEB:80" 203.0.113.9)" 0
tap_is "IPv6: twelve connections reach the member that was named" \
	"$(agree 2001:db8:c1::9 "[$EDGE_WEB6]" "[$EDGE_WEB6]:80" "[2001:db8:c1::9]")" 0

web="tcp 203.0.113.70:4711 > $EDGE_WEB:80"
answers "a forwarded packet" '[.verdict,.action,.service.name,.packet.interface,.mode]' \
	'["forwarded","forward","web","eth0","l2"]' "$web"
answers "the tokens of a source that is new" '.limits | map([.name,.left,.burst,.is_counted])' \
	'[["per-client",20,20,true]]' "$web"
answers "what belongs to a connection is not counted" '.limits[0].is_counted' false "$web" --ack
answers "asking costs nothing" '.limits[0].left' 20 "$web"

# Whom limits leave alone is said so, and not that they admit him.
so() { # SOURCE
	edge_ctl where "tcp $1:4711 > $EDGE_WEB:80" | grep -E '^(limit|so) ' | tr -s ' '
}
tap_match "nobody counts a management source" "$(so 203.0.113.72)" '^limit per-client,.*: does not count this packet'
tap_match "and why is said" "$(so 203.0.113.72)" 'so goes to 10.99.0.2[12]:80 of web/default; a management source: no list or limit applies$'
tap_match "nor one that a list exempts" "$(so 203.0.113.73)" '^limit per-client,.*: does not count this packet'
tap_match "whose list is named" "$(so 203.0.113.73)" '; exempt by list partners$'
tap_match "others are counted" "$(so 203.0.113.74)" '^limit per-client,.*: admits'

lab_in c1 bash -c "for i in \$(seq 25); do curl -s -o /dev/null --max-time 0.3 --interface 203.0.113.70 http://$EDGE_WEB/; done"
answers "a limit that refuses is named" '[.verdict,(.limits[] | select(.is_deciding).name),.member]' \
	'["limit","per-client",null]' "$web"
text=$(edge_ctl where "$web")
tap_is "a drop has exit status 1" $? 1
tap_is "and a sentence" "$(grep '^so ' <<< "$text" | tr -s ' ')" \
	"so dropped: limit per-client refuses its source for now"
answers "packets of open connections go on" '.verdict' '"forwarded"' "$web" --ack

answers "an unknown port" '[.verdict,.service]' '["unknown_port",null]' \
	"tcp 203.0.113.9:4711 > $EDGE_WEB:81"
tap_is "names the services there" \
	"$(where "tcp 203.0.113.9:4711 > $EDGE_WEB:81" | grep -c "on this address: web (tcp $EDGE_WEB:80)")" 1
answers "nobody's address" '[.verdict,.action]' '["not_service","pass"]' "udp 203.0.113.9:53 > 192.0.2.99:53"
answers "ICMP" '.packet.protocol' '"icmp"' "icmp 203.0.113.9 > $EDGE_WEB"
answers "the tunnel's header is added" '[.bytes_sent,.nexthop.mtu]' '[1500,1500]' \
	"tcp 203.0.113.9:4711 > $EDGE_TUNNEL:80" --bytes 1480
answers "too big for the tunnel" '.verdict' '"too_big"' "tcp 203.0.113.9:4711 > $EDGE_TUNNEL:80" --bytes 1481

tap_run "maintenance" edge_ctl member maint tunnel 10.99.0.21
answers "no member" '[.verdict,.summary]' \
	'["no_member","dropped: no member of tunnel may serve: 10.99.0.21:80 maintenance"]' \
	"tcp 203.0.113.9:4711 > $EDGE_TUNNEL:80"

# A slot in motion: new connections go to its owner, unknown ones stay with the earlier one.
tap_run "a weight changes" edge_ctl member weight web 10.99.0.21 10
is_moving() {
	edge_ctl --json service show web | jq -e '.flows.moving > 0'
}
tap_run "slots move" wait_for 10 is_moving
for ((port = 30100; port < 30300; port++)); do
	flow="tcp 203.0.113.9:$port > $EDGE_WEB:80"
	[ "$(where "$flow" --ack | jq -r .slot.state)" != moving ] || break
done
answers "what opens there goes to the new owner" \
	'.slot | [.state, .named_by, .is_runner_up, .owner != .earlier_owner]' \
	'["moving","owner",false,true]' "$flow"
answers "as it says" '"\(.member.address):80" == .slot.owner' true "$flow"
answers "what is unknown stays with the earlier one" '.slot | [.named_by, .is_runner_up]' \
	'["earlier_owner",false]' "$flow" --ack
answers "as it says, too" '"\(.member.address):80" == .slot.earlier_owner' true "$flow" --ack
tap_match "in words" "$(edge_ctl where "$flow" --ack)" 'flow .*stays with the slot.s earlier owner'

tap_fails "a text that is no packet is refused" 1 'column 5 of the packet' \
	edge_ctl where "tcp 203.0.113.900:1 > $EDGE_WEB:80"
tap_fails "flags are TCP's" 1 'only TCP' edge_ctl where "udp 203.0.113.9:1 > $EDGE_WEB:80" --syn
tap_fails "too short" 1 '40 to 3400' edge_ctl where "$web" --bytes 39
tap_fails "an interface that is not attached" 3 'did you mean eth0' edge_ctl where "$web" --interface eth1
tap_done
