#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Bans by refusals: a loud source is banned and comes back when its ban is over; somebody who is spoofed
# keeps the connections that it has; exempt sources and shadow limits know no bans.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

VICTIM=203.0.113.9 # of client c1; its name is used by the attacker
LOUD=100.64.0.66
config() { # BAN
	cat > "$E2E_CONFIG" <<-END
		version: 1
		interfaces: [eth0]
		services:
		  web: {listen: "tcp $EDGE_WEB:80", mode: l2, limits: [per-client, watched], members: [10.99.0.21]}
		lists:
		  partners: {action: exempt, prefixes: [100.64.9.0/24]}
		limits:
		  per-client: {count: new-connections, rate: 20/s, burst: 40, mode: enforce, ban: $1}
		  watched: {count: new-connections, rate: 20/s, burst: 40, mode: shadow, ban: {after: 1}}
	END
}
e2e_begin 1
config "{after: 100, within: 5s, for: 4s, max_per_second: 3}"
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving

bans() { # JQ
	edge_ctl --json ban list | jq -ce "$1"
}
banned() { # SOURCE TIMES
	e2e_events ban "map(select(.source == \"$1/32\")) | length >= $2"
}
opens() {
	lab_in c1 curl -sf --max-time 1 --interface "$1" -o /dev/null "http://$EDGE_WEB/"
}
shut() {
	! opens "$1"
}
lab_in c1 ip address add $VICTIM/32 dev lo

# Below `after` nobody is banned.
edge_flood atk -r 1000 -t 0.1 $LOUD "$EDGE_WEB" 80 > /dev/null
sleep 1.5
tap_is "few refusals ban nobody" "$(bans '.bans')" "[]"
sleep 5 # and count no longer

edge_flood atk -r 1000 -t 8 $LOUD "$EDGE_WEB" 80 > "$LAB_DIR/loud" &
loud=$!
tap_run "a loud source is banned" wait_for 5 banned $LOUD 1
tap_is "with the reason" "$(e2e_events ban '.[0] | [.limit, .text]')" \
	'["per-client","banned for 4 s: 100 packets refused within 5 s"]'
tap_is "limit top knows" "$(edge_ctl --json limit top per-client | jq '.sources[0].is_banned')" true
tap_run "it is banned again when it goes on" wait_for 10 banned $LOUD 2
wait $loud
sent=$(jq .sent "$LAB_DIR/loud")
tap_between "the ban drops most of it" "$(e2e_verdict ban)" $((sent * 6 / 10)) "$sent"
tap_run "in the end it is over" wait_for 10 bans '.bans == []'
over() { # TIMES
	e2e_events unban "map(select(.text | contains(\"its time is over\"))) | length >= $1"
}
tap_run "each end is an event" over 2

# Spoofed: what the victim has open goes on, what it opens does not, and others are fine.
edge_load c1 --keep --workers 1 --count 300 --rate 50 --source $VICTIM/32 "http://$EDGE_WEB/" > "$LAB_DIR/keep" &
keep=$!
sleep 1
edge_flood atk -r 1000 -t 3 $VICTIM "$EDGE_WEB" 80 > /dev/null &
flood=$!
tap_run "who is spoofed is banned" wait_for 5 banned $VICTIM 1
tap_run "and opens nothing" shut $VICTIM
wait $flood $keep
e2e_served "but its open connection goes on" "$(cat "$LAB_DIR/keep")"
edge_ctl ban lift --all > /dev/null
tap_run "lifted, it opens again" wait_for 5 opens $VICTIM

# An exempt source, and one that is bypassed.
before=$(e2e_events ban length)
edge_flood atk -r 2000 -t 2 100.64.9.9 "$EDGE_WEB" 80 > /dev/null
edge_ctl bypass limits --for 10s > /dev/null
edge_flood atk -r 2000 -t 2 100.64.0.67 "$EDGE_WEB" 80 > /dev/null
sleep 1.5
tap_is "neither exempt sources nor bypassed ones are banned" "$(e2e_events ban length)" "$before"
tap_is "nor any by a shadow limit" "$(e2e_events ban '[.[] | select(.limit == "watched")]')" "[]"
edge_ctl bypass none > /dev/null

# More than a second's worth: the others wait, and one event tells.
sleep 5
edge_flood atk -n 20 -r 20000 -t 3 100.70.0.1 "$EDGE_WEB" 80 > /dev/null
tap_run "bans are paced" e2e_events ban_problem \
	'length == 1 and (.[0].text | contains("bans 3 sources a second"))'
tap_between "so many were made" "$(bans '.bans | length')" 3 15
metric() {
	edge_get /metrics | grep -E "^$1"
}
tap_run "metrics count those held back" metric 'sluice_bans_held_back_total [1-9]'

# A restart in between keeps them.
count=$(bans '.bans | length')
edge_ctl ban add per-client $LOUD --for 1h > /dev/null
lab_stop sluiced
e2e_start
tap_run "banned over a restart" bans ".bans | map(.source) | contains([\"$LOUD/32\"])"

# Wrong configurations change nothing.
check() { # BAN PATTERN
	config "$1"
	tap_fails "ban: $1" 1 "$2" edge_ctl reload
}
check "{within: 5s}" "limits.per-client.ban.after"
check "{after: 10, for: 20m}" "longer than max"
check "{after: 10, within: 2h}" "limits.per-client.ban.within"
check "{after: 10, packets: some}" "limits.per-client.ban.packets"
tap_run "the rule in force is the old one" bash -c "[ $count -ge 3 ]"
config "{after: 100, for: 10m}"
tap_run "a good one is taken" edge_ctl reload
tap_run "and changes no ban" bans ".bans | map(.source) | contains([\"$LOUD/32\"])"
tap_done
