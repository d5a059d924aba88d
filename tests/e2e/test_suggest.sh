#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# limit suggest: percentiles of traffic that is known, and a limit that refuses none of it; more
# sources than fit; too little traffic.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 1
config() { # LIMIT
	cat > "$E2E_CONFIG" <<-END
		version: 1
		interfaces: [eth0]
		services:
		  web: {listen: "tcp $EDGE_WEB:80", mode: l2, limits: [small], members: [10.99.0.21]}
		  dns: {listen: "udp $EDGE_DNS:53", mode: l2, members: [10.99.0.21]}
		limits:
		  small: $1
	END
}
config "{count: new-connections, rate: 1/s, burst: 5, mode: enforce}"
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving

# suggest SERVICE ARGUMENTS...: its JSON in $LAB_DIR/suggest.
suggest() {
	edge_ctl --json limit suggest "$@" > "$LAB_DIR/suggest"
}
is() { # JQ
	jq -e "$1" "$LAB_DIR/suggest"
}
unit() { # UNIT JQ
	jq ".units[] | select(.unit == \"$1\") | $2" "$LAB_DIR/suggest"
}

suggest web --for 2s
tap_run "without traffic it says so" is '[.units[] | .suggestion == null and
	(.why_not | contains("too little traffic: 0 sources"))] | all'
tap_match "for a person, too" "$(edge_ctl limit suggest web --for 1s)" "none: too little traffic"

# A hundred sources in turn: ten SYNs a second each, whatever the limit refuses.
edge_flood atk -n 100 -r 1000 -t 9 100.70.0.1 "$EDGE_WEB" 80 > "$LAB_DIR/sent" &
flood=$!
sleep 1
suggest web --for 6s
wait $flood
tap_is "sources" "$(jq .sources "$LAB_DIR/suggest")" 100
tap_is "of that service" "$(jq -r .service "$LAB_DIR/suggest")" web
tap_is "nothing was missed" "$(jq -c '[.packets_missed, .sampled_one_in, .state]' "$LAB_DIR/suggest")" '[0,1,"done"]'
for rank in p50 p99 p99_9 max; do
	tap_between "new connections a second, $rank" "$(unit new-connections ".average.$rank * 10 | floor")" 85 110
done
tap_between "bytes a second" "$(unit bytes '.average.p50 | floor')" 500 720
tap_between "the rate that is suggested" "$(unit new-connections .suggestion.rate_n)" 15 30
tap_is "the burst is twice that" "$(unit new-connections '.suggestion | .burst_n == 2 * .rate_n')" true
tap_is "nobody was above" "$(unit new-connections .suggestion.sources_above)" 0

# The limit that is suggested refuses none of the same again.
config "$(jq -r '.units[] | select(.unit == "new-connections") | .suggestion |
	"{count: new-connections, rate: \(.rate), burst: \(.burst), mode: enforce}"' "$LAB_DIR/suggest")"
tap_run "it is a limit" edge_ctl reload
before=$(edge_ctl --json limit show small | jq .refused)
edge_flood atk -n 100 -r 1000 -t 3 100.71.0.1 "$EDGE_WEB" 80 > /dev/null
sleep 0.3
tap_is "and refuses none" "$(($(edge_ctl --json limit show small | jq .refused) - before))" 0

# One is loud: it is named, and so is the difference that it makes.
edge_flood atk -n 100 -r 1000 -t 6 100.70.0.1 "$EDGE_WEB" 80 > /dev/null &
flood=$!
edge_flood atk -r 500 -t 6 100.64.0.66 "$EDGE_WEB" 80 > /dev/null &
loud=$!
sleep 1
suggest web --for 3s
wait $flood $loud
tap_between "the median stays" "$(unit new-connections '.average.p50 * 10 | floor')" 80 120
tap_between "the maximum is the loud one" "$(unit new-connections '.average.max | floor')" 400 600
tap_is "in case it is not honest there is a limit for it" \
	"$(unit new-connections '.lower | [.sources_above, .loudest_above[0].source, .rate_n <= 40]' | jq -c .)" \
	'[1,"100.64.0.66/32",true]'

# Another prefix: all of them are one source.
edge_flood atk -n 100 -r 1000 -t 4 100.70.0.1 "$EDGE_WEB" 80 > /dev/null &
flood=$!
suggest web --for 3s --prefix4 24
wait $flood
tap_is "by /24 they are one source" "$(jq -c '[.sources, .prefix4]' "$LAB_DIR/suggest")" "[1,24]"

# More than fit: a part of them.
edge_flood atk -n 60000 -r 60000 -t 12 100.80.0.1 "$EDGE_WEB" 80 > /dev/null &
flood=$!
sleep 1
suggest web --for 4s
wait $flood
tap_run "of too many a part is looked at" is '.sampled_one_in >= 4 and .sources > 500 and .sources < 8192'

# It is ended early, with what there is.
lab_start suggest lb "$LAB_OUT/bin/sluicectl" --instance "$LAB_PREFIX" --socket "$(edge_socket)" \
	--json limit suggest web --for 10m
running() {
	curl -sf --unix-socket "$(edge_socket)" http://sluice/v1/measurements |
		jq -e '.measurements[0].state == "running" and .measurements[0].for_s == 600'
}
tap_run "one runs" wait_for 5 running
tap_fails "one at a time" 6 "measured already" edge_ctl limit suggest web
kill -INT "${LAB_PIDS[suggest]}"
stopped() {
	grep -q '"state":"stopped"' "$LAB_DIR/suggest.log"
}
tap_run "an interrupt ends it" wait_for 5 stopped

tap_fails "no such service" 3 "no service wbe" edge_ctl limit suggest wbe
tap_fails "no such prefix" 2 "prefix4 33: 1 to 32" edge_ctl limit suggest web --prefix4 33
tap_fails "for too long" 2 "an hour at most" edge_ctl limit suggest web --for 2h
tap_done
