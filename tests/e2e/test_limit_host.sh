#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A limit of everything that arrives: it holds a flood to the host's own address, also after a restart,
# and counts neither management nor members.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 2
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	management: {prefixes: [198.51.100.77]}
	services:
	  web: {listen: "tcp $EDGE_WEB:80", mode: l2, members: [10.99.0.21, 10.99.0.22]}
	limits:
	  host: {count: packets, rate: 50/s, burst: 100, scope: everything, mode: enforce}
END
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving

# passed SOURCE TARGET: packets that are not refused in three seconds.
passed() {
	local before sent
	before=$(e2e_verdict host_limit)
	sent=$(edge_flood atk -r 3000 -t 3 "$1" "$2" 22 | jq .sent)
	sleep 0.2
	echo $((sent - $(e2e_verdict host_limit) + before))
}

tap_between "a flood to the host itself is held" "$(passed 198.51.100.66 "$EDGE_LB")" 240 270
tap_between "one to a service, too" "$(passed 198.51.100.67 "$EDGE_WEB")" 240 270
tap_between "management is not" "$(passed 198.51.100.77 "$EDGE_LB")" 8000 10000
tap_match "where knows it" "$(edge_ctl where "tcp 198.51.100.66:4711 > $EDGE_LB:22")" \
	'^limit +host, enforce, counts packets to anything of 198.51.100.66/32 at 50/s'
tap_match "where knows that members are spared" \
	"$(edge_ctl where "tcp 10.99.0.21:80 > $EDGE_LB:4711" --ack)" '^limit +host,.*: does not count this packet'
tap_match "gateways, too" "$(edge_ctl where "icmp 10.99.0.1 > $EDGE_LB")" '^limit +host,.*: does not count'
tap_match "and routing protocols" "$(edge_ctl where "tcp 198.51.100.66:4711 > $EDGE_LB:179")" \
	'^limit +host,.*: does not count'
tap_match "what may be a reply is counted, unless a socket expects it" \
	"$(edge_ctl where "tcp 198.51.100.66:443 > $EDGE_LB:4711" --ack)" \
	'^limit +host,.*: admits; not counted when a socket of this host expects it'
counted() { # PACKET FLAGS...
	edge_ctl --json where "$@" | jq -c '.limits[] | select(.name == "host").is_counted'
}
tap_is "the API does not know it" "$(counted "tcp 198.51.100.66:443 > $EDGE_LB:4711" --ack)" null
tap_is "nor of UDP" "$(counted "udp 198.51.100.66:53 > $EDGE_LB:4711")" null
tap_is "what opens a connection is no reply" "$(counted "tcp 198.51.100.66:4711 > $EDGE_LB:22")" true
tap_is "nor is what a service gets" "$(counted "tcp 198.51.100.66:4711 > $EDGE_WEB:80" --ack)" true
tap_match "limit show, too" "$(edge_ctl limit show host --source 10.99.0.21)" \
	'^exempt +by scope everything, as a member'
tap_fails "so a ban would be none" 6 "exempt by scope everything" edge_ctl ban add host 10.99.0.21
tap_match "limit list names the scope" "$(edge_ctl limit list)" '^host +packets .* everything$'
tap_is "members still answer their checks" "$(edge_ctl --json service show web | jq .members_serving)" 2

# Its bans, by command and by refusals, hold for the host and for services.
banned_is() { # PREFIX
	edge_ctl --json ban list | jq -e --arg source "$1" 'any(.bans[]; .source == $source and .limit == "host")'
}
dropped() { # SOURCE TARGET: packets that a ban drops
	local before
	before=$(e2e_verdict ban)
	edge_flood atk -r 100 -t 1 "$1" "$2" 22 > /dev/null
	sleep 0.2
	echo $(($(e2e_verdict ban) - before))
}
tap_match "ban add" "$(edge_ctl ban add host 198.51.100.70 --for 1h --all-packets --reason 'abuse 12')" \
	"limit host: 198.51.100.70/32 banned for 1 h"
tap_between "it drops what goes to the host" "$(dropped 198.51.100.70 "$EDGE_LB")" 80 110
tap_between "and to a service" "$(dropped 198.51.100.70 "$EDGE_WEB")" 80 110
tap_match "where knows the ban" "$(edge_ctl where "tcp 198.51.100.70:4711 > $EDGE_LB:22")" "ban .*abuse 12"
tap_fails "management is not banned" 6 "exempt by management" edge_ctl ban add host 198.51.100.77
sed -i '/ host: /s/}$/, ban: {after: 100, within: 5s, for: 60s}}/' "$E2E_CONFIG"
tap_run "with bans by refusals" edge_ctl reload
edge_flood atk -r 1000 -t 2 198.51.100.71 "$EDGE_LB" 22 > /dev/null
tap_run "refusals ban" wait_for 5 banned_is 198.51.100.71/32
tap_match "lift" "$(edge_ctl ban lift host 198.51.100.70)" "is no longer banned"
tap_is "lifted" "$(dropped 198.51.100.70 "$EDGE_LB")" 0
sed -i '/ host: /s/, ban: .*/}/' "$E2E_CONFIG"
tap_run "without them" edge_ctl reload
lab_stop sluiced KILL
if edge_daemon_start "$E2E_CONFIG"; then tap_ok "restarted"; else tap_not_ok "restarted"; fi
tap_between "held by the next daemon" "$(passed 198.51.100.68 "$EDGE_LB")" 240 270
sed -i '/^limits:/,$d' "$E2E_CONFIG"
tap_run "without it" edge_ctl reload
tap_between "all pass" "$(passed 198.51.100.66 "$EDGE_LB")" 8000 10000
sed -i '/^management/d' "$E2E_CONFIG"
echo "limits: {host: {count: packets, rate: 50/s, scope: everything, mode: enforce}}" >> "$E2E_CONFIG"
tap_fails "not without management prefixes" 1 'limits.host.scope: .* needs management.prefixes' \
	edge_ctl reload
tap_done
