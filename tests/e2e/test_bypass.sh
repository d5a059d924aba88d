#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Bypass: limits refuse nothing for a while, at once, whoever is asked and whether or not a daemon
# lives; it ends by itself, and nothing is lost from the counters.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 1
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	services:
	  web: {listen: "tcp $EDGE_WEB:80", mode: l2, limits: [per-client], members: [10.99.0.21]}
	limits:
	  per-client: {count: new-connections, rate: 1/s, burst: 5, mode: enforce}
END

# Its answers end in a black hole at the router, so that it never answers in turn.
# flood: a source far above its limit for a second; prints how many packets were forwarded of the
# refusable ones, in per cent.
FORWARDED=0
flood() {
	local before after sent
	before=$(e2e_verdict forwarded)
	sent=$(edge_flood atk -r 500 -t 1 100.64.0.66 "$EDGE_WEB" 80 | jq .sent)
	after=$(e2e_verdict forwarded)
	FORWARDED=$(((after - before) * 100 / sent))
}

has_metric() {
	edge_get /metrics | grep -E '^sluice_bypass_remaining_seconds.what="limits". [1-9]'
}

limit() { # FIELD
	edge_ctl --json limit show per-client | jq ".$1"
}

e2e_start
flood
tap_between "the limit holds" "$FORWARDED" 0 5
tap_is "no bypass is shown" "$(edge_ctl --json bypass show | jq -c .)" '{"limits":null,"lists":null}'
tap_is "nor in status" "$(edge_ctl --json status | jq -c .bypass)" '{"limits":null,"lists":null}'

refused=$(limit refused)
would=$(limit would_refuse)
tap_run "bypass limits" edge_ctl bypass limits --for 10m
tap_between "the time that is left" "$(edge_ctl --json bypass show | jq .limits.left_s)" 590 600
tap_is "who set it" "$(edge_ctl --json bypass show | jq -r .limits.by)" "$(id -un)"
tap_is "lists are not bypassed" "$(edge_ctl --json bypass show | jq .lists)" null
flood
tap_between "nothing is refused" "$FORWARDED" 99 101
tap_is "nothing more is counted as refused" "$(limit refused)" "$refused"
tap_between "what would be is counted" "$(($(limit would_refuse) - would))" 450 500
tap_is "status says so in its first line" "$(edge_ctl status | head -n 1 | grep -o 'limits refuse nothing')" "limits refuse nothing"
tap_is "status is still OK" "$(edge_ctl --json status | jq -r .state)" ok
tap_run "metrics show it" has_metric
tap_run "an event tells who and how long" e2e_events bypass 'length == 1 and (.[0].text | contains("600 s, set by"))'
tap_is "received = forwarded + passed + dropped" \
	"$(edge_ctl --json stats | jq '.received_packets - ([.verdicts[].packets] | add)')" 0

tap_run "bypass none" edge_ctl bypass none
flood
tap_between "limits hold again at once" "$FORWARDED" 0 5

# How long until a word becomes deed? A hundred requests, each followed by one packet.
late=0
for _ in $(seq 1 20); do
	edge_api PUT /v1/bypass -H 'Content-Type: application/json' -d '{"what":"all","for_s":60}' > /dev/null
	before=$(limit refused)
	edge_flood atk -r 100 -t 0.1 100.64.0.66 "$EDGE_WEB" 80 > /dev/null
	sleep 0.25
	[ "$(limit refused)" = "$before" ] || late=$((late + 1))
	edge_api DELETE /v1/bypass > /dev/null
done
tap_is "effective from the first packet on" "$late" 0

tap_is "a bypass that is too long is refused" "$(edge_api PUT /v1/bypass -H 'Content-Type: application/json' -d '{"what":"all","for_s":86401}' | head -c 3)" 422
tap_fails "and by the command" 2 '24 hours at most' edge_ctl bypass all --for 25h
tap_fails "as one of nothing" 2 'not one of limits' edge_ctl bypass everything

# It ends by itself.
tap_run "a short bypass" edge_ctl bypass all --for 3s
flood
tap_between "it works" "$FORWARDED" 99 101
sleep 3
flood
tap_between "and is over" "$FORWARDED" 0 5
tap_run "an event tells that it is over" e2e_events bypass 'last | .text | contains("time is over")'

# With the daemon dead: the same, and it ends without anybody.
lab_stop sluiced KILL
tap_run "bypass with the daemon dead" edge_ctl_offline bypass limits --for 6s
tap_between "shown with the daemon dead" "$(edge_ctl_offline --json bypass show | jq .limits.left_s)" 4 6
sent=$(edge_flood atk -r 500 -t 1 100.64.0.66 "$EDGE_WEB" 80 | jq .sent)
sleep 6
tap_is "it is over with the daemon dead" "$(edge_ctl_offline --json bypass show | jq .limits)" null
edge_flood atk -r 500 -t 1 100.64.0.66 "$EDGE_WEB" 80 > /dev/null
refused=$(edge_ctl_offline --json status 2> /dev/null | jq '.dropped[] | select(.reason == "limit") | .total')
e2e_start
tap_between "the flood during the bypass was counted as such" "$(($(limit would_refuse) - would))" $((sent + 950)) $((sent + 1800))
tap_between "the flood after it was refused" "$(limit refused)" $((refused - 5)) $((refused + 5))
tap_done
