#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Who is refused: the loudest first, by source and by prefix, with events for a first refusal and for an
# attack that begins and is over, and what a limit knows of one source.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 1
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	management: {prefixes: [10.98.0.0/24]}
	services:
	  web: {listen: "tcp $EDGE_WEB:80", mode: l2, limits: [per-client, watched], members: [10.99.0.21]}
	lists:
	  partners: {action: exempt, prefixes: [100.64.9.0/24]}
	limits:
	  per-client: {count: new-connections, rate: 20/s, burst: 40, mode: enforce}
	  watched: {count: new-connections, rate: 20/s, burst: 40, per: {ipv4: 24}, mode: shadow}
END
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving

top() { # JQ [ARGUMENTS]
	edge_ctl --json limit top "${@:2}" | jq -c "$1"
}

source_is() { # ADDRESS JQ
	edge_ctl --json limit show per-client --source "$1" | jq -ce "$2"
}

tap_is "nobody is refused at first" "$(top '[.limits[] | .sources, .prefixes] | add')" "[]"
tap_match "and limit top says so" "$(edge_ctl limit top per-client)" "nobody is known of who was refused"
tap_run "of a source nothing is known" source_is 100.64.0.66 \
	'.refusals == null and .ban == null and .left == 40 and .burst == 40'

# One that is loud, one that is less so, and an exempt one that is louder than both. Half a second of it
# is no attack, which takes three bad ones: nor if the machine is slow, for the other one is refused
# less than is bad.
edge_flood atk -r 8000 -t 0.5 100.64.9.9 "$EDGE_WEB" 80 > "$LAB_DIR/exempt" &
exempt=$!
edge_flood atk -r 150 -t 0.8 100.64.7.7 "$EDGE_WEB" 80 > "$LAB_DIR/quiet" &
quiet=$!
edge_flood atk -r 4000 -t 0.5 100.64.0.66 "$EDGE_WEB" 80 > "$LAB_DIR/loud"
wait $exempt $quiet
knows_both() {
	top '.sources | length == 2' per-client | grep -q true
}
tap_run "both are known" wait_for 5 knows_both
tap_is "the loudest comes first" "$(top '[.sources[].source]' per-client)" \
	'["100.64.0.66/32","100.64.7.7/32"]'
tap_is "by prefix, too" "$(top '[.prefixes[].source]' per-client --prefix)" \
	'["100.64.0.0/24","100.64.7.0/24"]'
tap_is "who would be refused by a shadow limit" "$(top '[.sources[0] | .source, .last]' watched)" \
	'["100.64.0.0/24","would refuse"]'
refused=$(edge_ctl --json limit show per-client | jq .refused)
tap_between "what was refused, from samples" "$(top '[.sources[].packets] | add' per-client)" \
	$((refused * 8 / 10)) $((refused * 12 / 10))
tap_match "as a table" "$(edge_ctl limit top per-client)" "^100.64.0.66/32 .*k?/s .*refused"
tap_run "its words" source_is 100.64.0.66 \
	'.left < 40 and .refusals.last == "refused" and .refusals.packets > 1000 and .ban == null'
tap_run "an exempt source is not refused" source_is 100.64.9.9 \
	'.exempt_by == "list partners" and .refusals == null and .left == 40'
tap_match "for a person" "$(edge_ctl limit show per-client --source 100.64.9.9)" "exempt +by list partners"

tap_run "events of first refusals" e2e_events first_refusal \
	'map(select(.limit == "per-client")) | map(.source) | sort == ["100.64.0.66/32", "100.64.7.7/32"]'

# An attack: from many sources, as many refused as pass.
begun() {
	e2e_events attack_begun 'map(select(.limit == "per-client")) | length > 0'
}
tap_is "no attack yet" "$(e2e_events attack_begun length)" 0
edge_flood atk -n 200 -r 12000 -t 6 100.70.0.1 "$EDGE_WEB" 80 > "$LAB_DIR/many" &
many=$!
tap_run "an attack is an event" wait_for 10 begun
tap_match "that has numbers" "$(e2e_events attack_begun '.[0].text')" \
	"under attack: [0-9]+ packets/s refused, .* about [0-9]+ sources"
wait $many
tap_between "how many sources" "$(edge_ctl --json limit show per-client | jq .sources_refused)" 100 300
tap_match "status shows it" "$(edge_ctl status)" "per-client.*under attack"
tap_is "which is no fault" "$(edge_ctl --json status | jq -r .state)" ok
metric() {
	edge_get /metrics | grep -E "^$1"
}
tap_run "metrics show it" metric 'sluice_limit_under_attack\{limit="per-client"\} 1'
tap_run "metrics show sources" metric 'sluice_limit_sources_refused\{limit="per-client"\} [1-9]'
first=$(e2e_events first_refusal length)
tap_between "of 200 first refusals few are told" "$first" 4 25

# It goes on over a restart, and does not begin a second time.
lab_stop sluiced
e2e_start
tap_match "a new daemon knows of the attack" "$(edge_ctl status)" "per-client.*under attack"
tap_is "which began before" "$(e2e_events attack_begun length)" 0
calm() {
	e2e_events attack_over 'map(select(.limit == "per-client")) | length == 1'
}
tap_run "the attack is over after a minute" wait_for 80 calm
tap_match "counted from its begin" "$(e2e_events attack_over '.[0].text')" "after 1 min [0-9]+ s"
tap_is "it began only once" "$(e2e_events attack_begun 'map(select(.limit == "per-client")) | length')" 0

tap_fails "no such limit" 3 "no limit per-cleint" edge_ctl limit top per-cleint
tap_fails "not its prefix" 1 "knows sources of /32, not of /24" \
	edge_ctl limit show per-client --source 100.64.0.0/24
tap_fails "no address" 1 "alice" edge_ctl limit show per-client --source alice
tap_done
