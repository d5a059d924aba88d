#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Limits of bytes, sources with a rate of their own, and what becomes of debts when the daemon, or the
# rate, is another one.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

PARTNER=198.51.100.66
e2e_begin 2
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	services:
	  web: {listen: "tcp $EDGE_WEB:80", mode: l2, limits: [clients], members: [10.99.0.21, 10.99.0.22]}
	  dns: {listen: "udp $EDGE_DNS:53", mode: l2, limits: [volume], members: [10.99.0.21, 10.99.0.22]}
	limits:
	  clients:
	    count: new-connections
	    rate: 50/s
	    burst: 100
	    mode: enforce
	    overload: closed
	    except:
	      - {prefixes: [198.51.100.0/24], rate: 5/s, burst: 10}
	      - {prefixes: [$PARTNER], rate: 500/s, burst: 1000}
	  volume: {count: bytes, rate: 800kbit/s, burst: 100kB, mode: enforce}
END
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving

limit() { # NAME FIELD
	edge_ctl --json limit show "$1" | jq -r ".$2"
}

# passed NAME SECONDS FLOOD-ARGUMENTS...: packets that a limit admits from a flood.
passed() {
	local name=$1 seconds=$2 before
	before=$(limit "$name" passed)
	edge_flood atk -r 5000 -t "$seconds" "${@:3}" > "$LAB_DIR/flood"
	sleep 0.2
	echo $(($(limit "$name" passed) - before))
}

tap_is "bits and bytes are one rate" "$(limit volume '| [.rate,.rate_n,.rate_s,.burst] | join(" ")')" \
	"800kbit/s 100000 1 100000"
tap_match "bytes are written as such" "$(edge_ctl limit show volume)" '^rate +800kbit/s bytes per source, burst 100 kB$'
tap_match "and exactness in full frames" "$(edge_ctl limit show volume)" '^exact +up to 17\.3 Mpps of full frames '
tap_match "of a source, too" "$(edge_ctl limit show volume --source 192.0.2.200)" '^left +100 kB of 100 kB now$'
# Frames of 42 bytes, which may count as the smallest of Ethernet, 60.
tap_between "bytes: a flood passes at the rate" "$(passed volume 3 -u $PARTNER "$EDGE_DNS" 53)" \
	$((390000 / 60)) $((420000 / 42))
tap_between "who is not excepted has the limit's rate" \
	"$(passed clients 3 203.0.113.5 "$EDGE_WEB" 80)" 240 270
tap_between "a prefix that is has its own" \
	"$(passed clients 3 198.51.100.7 "$EDGE_WEB" 80)" 22 32
tap_between "the longest prefix decides" \
	"$(passed clients 3 $PARTNER "$EDGE_WEB" 80)" 2400 2650
tap_match "where says which rate applies" \
	"$(edge_ctl where "tcp $PARTNER:4711 > $EDGE_WEB:80")" \
	'^limit +clients, enforce, counts new-connections of 198.51.100.66/32 at 500/s \(an exception\), [0-9,]* of 1,000 left'
tap_is "in numbers" "$(edge_ctl --json where "tcp $PARTNER:4711 > $EDGE_WEB:80" |
	jq -c '.limits[] | select(.name == "clients") | [.rate, .rate_n, .rate_s, .is_excepted]')" '["500/s",500,1,true]'
tap_is "so does limit show of the source" \
	"$(edge_ctl --json limit show clients --source $PARTNER | jq -c .exception)" \
	'{"rate":"500/s","rate_n":500,"rate_s":1}'
tap_match "limit show lists them" "$(edge_ctl limit show clients)" '^except +198.51.100.66/32: 500/s, burst '
tap_match "and what happens beyond its memory" "$(edge_ctl limit show clients)" 'overload: closed'

# Another daemon, then other rates in another unit of time: nobody gets a new burst.
edge_flood atk -r 5000 -t 12 $PARTNER "$EDGE_WEB" 80 > "$LAB_DIR/flood" &
FLOOD=$!
sleep 1
lab_stop sluiced
if edge_daemon_start "$E2E_CONFIG"; then tap_ok "restarted in a flood"; else tap_not_ok "restarted in a flood"; fi
start=$(date +%s%N) first=$(limit clients passed)
sleep 2
ms=$((($(date +%s%N) - start) / 1000000))
tap_between "what the partner owes is remembered" $(($(limit clients passed) - first)) 900 \
	$((ms * 525 / 1000 + 60))
sed -i 's|rate: 50/s|rate: 1/s|; s|rate: 500/s|rate: 600/s|' "$E2E_CONFIG"
start=$(date +%s%N) first=$(limit clients passed)
tap_run "other rates" edge_ctl reload
sleep 2
ms=$((($(date +%s%N) - start) / 1000000))
tap_between "also then" $(($(limit clients passed) - first)) 900 $((ms * 630 / 1000 + 250))
wait $FLOOD

# What cannot be together is said with what can.
sed -i 's|rate: 1/s|rate: 1/h|' "$E2E_CONFIG"
tap_fails "rates that no clock holds together" 1 \
	':15: limits.clients.except\[1\]: 600/s and 1/h of one limit are too far apart.*at most [0-9]+ for 1/h' \
	edge_ctl reload
tap_is "what ran goes on" "$(limit clients rate)" 1/s
sed -i 's|rate: 1/h|rate: 1/s|; /except:/,+2d' "$E2E_CONFIG"
tap_run "without exceptions" edge_ctl reload
tap_between "all are alike" "$(passed clients 2 198.51.100.8 "$EDGE_WEB" 80)" 100 104
tap_done
