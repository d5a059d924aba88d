#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Bans by command: a banned source opens nothing new, what it has open goes on; lifted, over, kept over
# restarts of the daemon and over new maps, lifted without a daemon; never for whom nothing limits.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

BANNED=203.0.113.9 # of client c1
config() { # LIMITS
	cat > "$E2E_CONFIG" <<-END
		version: 1
		interfaces: [eth0]
		management: {prefixes: [10.98.0.0/24]}
		services:
		  web: {listen: "tcp $EDGE_WEB:80", mode: l2, limits: [$1], members: [10.99.0.21]}
		lists:
		  partners: {action: exempt, prefixes: [203.0.113.64/26]}
		limits:
		  per-client: {count: new-connections, rate: 1000/s, burst: 2000, mode: enforce}
		  per-network: {count: new-connections, rate: 1000/s, burst: 2000, per: {ipv4: 25}, mode: enforce}
		  trial: {count: new-connections, rate: 1000/s, burst: 2000, mode: shadow}
	END
}
e2e_begin 1
config "per-client, per-network"
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving

bans() { # JQ
	edge_ctl --json ban list | jq -ce "$1"
}
# opens ADDRESS: does a new connection from there get an answer?
opens() {
	lab_in c1 curl -sf --max-time 1 --interface "$1" -o /dev/null "http://$EDGE_WEB/"
}
shut() {
	! opens "$1"
}
source_is() { # JQ
	edge_ctl --json limit show per-client --source $BANNED | jq -e "$1"
}
lab_in c1 ip address add $BANNED/32 dev lo
lab_in c1 ip address add 203.0.113.70/32 dev lo

tap_match "nobody is banned at first" "$(edge_ctl ban list)" "nobody is banned"
tap_run "it may open connections" opens $BANNED

# One connection stays open over the ban.
edge_load c1 --keep --workers 1 --count 300 --rate 50 --source $BANNED/32 "http://$EDGE_WEB/" > "$LAB_DIR/keep" &
keep=$!
sleep 1
tap_match "ban add" "$(edge_ctl ban add per-client $BANNED --for 1h --reason 'abuse 4711')" \
	"limit per-client: $BANNED/32 banned for 1 h"
tap_match "its event says it likewise" "$(e2e_events ban '.[0].text')" \
	'^"banned for 1 h, by .*: abuse 4711"$'
tap_run "it opens nothing now" shut $BANNED
tap_is "the verdict says why" "$(($(e2e_verdict ban) > 0))" 1
wait $keep
e2e_served "a connection that was open goes on" "$(cat "$LAB_DIR/keep")"
tap_run "others open connections" opens 203.0.113.70
tap_is "it is listed" "$(bans '[.bans[] | [.limit, .source, .reason, .manual, .packets]]')" \
	"[[\"per-client\",\"$BANNED/32\",\"abuse 4711\",true,\"new-connections\"]]"
tap_match "with its end" "$(edge_ctl ban list)" "per-client +$BANNED/32 +(1 h|59 min) .*abuse 4711"
tap_run "and is an event" e2e_events ban "map(select(.source == \"$BANNED/32\" and .limit == \"per-client\")) | length == 1"
counted() {
	source_is '.ban.hits > 0 and .refusals.last == "banned"'
}
tap_run "what it drops is counted" wait_for 5 counted
tap_match "limit show" "$(edge_ctl limit show per-client)" "1 banned"
tap_run "metrics" bash -c "curl -sf --unix-socket $(edge_socket) http://sluice/metrics | grep -F 'sluice_limit_sources_banned{limit=\"per-client\"} 1'"
tap_fails "where says so" 1 "banned by limit per-client" \
	edge_ctl where "tcp $BANNED:4711 > $EDGE_WEB:80"
tap_match "and for how long" "$(edge_ctl where "tcp $BANNED:4711 > $EDGE_WEB:80")" "ban .*ends in .*abuse 4711"

# A wider limit's ban around it is another one.
tap_match "a ban around it" "$(edge_ctl ban add per-network $BANNED --for 1h)" \
	"limit per-client bans $BANNED/32, too"
tap_run "exempt sources in it open connections" opens 203.0.113.70
tap_match "one is lifted, the other told" "$(edge_ctl ban lift per-client $BANNED)" \
	"limit per-network bans 203.0.113.0/25, too"
tap_run "so it opens nothing yet" shut $BANNED
tap_match "lift --all" "$(edge_ctl ban lift --all)" "1 ban lifted"
tap_run "now it opens" opens $BANNED
tap_run "lifts are events" e2e_events unban 'length == 2 and (.[0].text | contains("lifted by"))'

# It ends by itself.
edge_ctl ban add per-client $BANNED --for 2s > /dev/null
tap_run "banned for 2 s" shut $BANNED
tap_run "then over" wait_for 10 opens $BANNED
over() {
	e2e_events unban '.[-1].text | contains("its time is over")'
}
tap_run "which is an event" wait_for 5 over

# The daemon goes and comes.
edge_ctl ban add per-client $BANNED --for 1h --reason "before the restart" > /dev/null
lab_stop sluiced
tap_run "without a daemon it is banned" shut $BANNED
tap_match "the list without a daemon, which knows not by whom" "$(edge_ctl_offline ban list)" \
	"per-client +$BANNED/32 .* - +-$"
# In the limit's place is another one of the same shape, and the limit behind it.
sed -i -e 's/limits: \[per-client/limits: [strict, per-client/' \
	-e 's/^  per-client: \(.*\)/  strict: \1\n&/' "$E2E_CONFIG"
e2e_start
tap_run "a new daemon goes on" shut $BANNED
tap_is "with the ban of the same limit" "$(bans '.bans | map(.limit)')" '["per-client"]'
tap_is "and knows why" "$(bans '.bans[0].reason')" '"before the restart"'
lab_stop sluiced
tap_fails "no such ban without a daemon" 3 "does not ban 203.0.113.99" \
	edge_ctl_offline ban lift per-client 203.0.113.99
tap_fails "whose hint is about this instance" 3 "sluicectl --instance $LAB_PREFIX ban list" \
	edge_ctl_offline ban lift per-client 203.0.113.99
# As a daemon does that begins or ends, and does not listen: it would write its own bans.
lab_start claimant lb flock --no-fork "/sys/fs/bpf/sluice/$LAB_PREFIX" sleep 60
is_claimed() {
	! flock --nonblock "/sys/fs/bpf/sluice/$LAB_PREFIX" true
}
wait_for 5 is_claimed
tap_fails "not while somebody else has the instance" 6 "runs instance $LAB_PREFIX" \
	edge_ctl_offline ban lift per-client $BANNED
lab_stop claimant KILL
tap_match "which has changed nothing" "$(edge_ctl_offline ban list)" "$BANNED/32"
tap_match "lifted without a daemon" "$(edge_ctl_offline ban lift per-client $BANNED)" "1 ban lifted"
tap_run "it opens at once" opens $BANNED
e2e_start
tap_is "and stays lifted" "$(bans '.bans')" "[]"

# Not even in new maps.
edge_ctl ban add per-client $BANNED --for 1h > /dev/null
edge_ctl ban add per-network $BANNED --for 1h > /dev/null
kept() { # JQ
	jq -ce ".content.bans | $1" "$LAB_DIR/state/$LAB_PREFIX/bans.json"
}
tap_run "both are kept" wait_for 5 kept 'length == 2'
lab_stop sluiced KILL
tap_match "one is lifted" "$(edge_ctl_offline ban lift per-client $BANNED)" "1 ban lifted"
edge_ctl_offline detach > /dev/null
e2e_start
tap_is "in new maps there is the other one" "$(bans '[.bans[].limit]')" '["per-network"]'
edge_ctl ban lift --all > /dev/null

# New maps: what was banned is banned again.
edge_ctl ban add per-client $BANNED --for 1h --reason "before the boot" > /dev/null
lab_stop sluiced
edge_ctl_offline detach > /dev/null
e2e_start
tap_run "banned again in new maps" shut $BANNED
tap_is "for the same reason" "$(bans '.bans[0].reason')" '"before the boot"'

# What a reload ends is over when it returns.
edge_ctl ban add per-network $BANNED --for 1h > /dev/null
sed -i 's/per: {ipv4: 25}/per: {ipv4: 24}/' "$E2E_CONFIG"
edge_ctl reload > /dev/null
tap_is "another prefix length ends the limit's bans" "$(bans '[.bans[].limit]')" '["per-client"]'
tap_match "with an event" "$(e2e_events unban '.[-1].text')" "limit per-network knows other prefixes now"
sed -i 's/per: {ipv4: 24}/per: {ipv4: 25}/' "$E2E_CONFIG"
edge_ctl reload > /dev/null

# Bad input changes nothing.
tap_fails "exempt sources" 6 "exempt by list partners" edge_ctl ban add per-client 203.0.113.70
tap_fails "not the limit's prefix" 1 "knows sources of /25, not of /32" \
	edge_ctl ban add per-network $BANNED/32
tap_fails "a limit that is not enforced" 6 "mode shadow, which bans nobody" \
	edge_ctl ban add trial $BANNED
tap_fails "for too long" 2 "for 31d: at most 30 days" edge_ctl ban add per-network $BANNED --for 31d
tap_fails "with too much to say" 2 "at most 127 bytes" \
	edge_ctl ban add per-network $BANNED --reason "$(printf 'x%.0s' {1..128})"
tap_fails "no address" 2 "ADDRESS" edge_ctl ban add per-network alice
tap_fails "not banned" 3 "does not ban" edge_ctl ban lift per-network $BANNED
tap_fails "in the maps, while a daemon runs" 6 "runs instance $LAB_PREFIX" \
	edge_ctl_offline ban lift --all
tap_fails "lift nothing" 2 "SOURCE is missing" edge_ctl ban lift per-network
tap_fails "lift one and all" 2 "either SOURCE or --all" edge_ctl ban lift per-network $BANNED --all
tap_is "nothing was banned" "$(bans '.bans | length')" 1

# With the limit it goes.
edge_ctl limit mode per-client shadow > /dev/null
tap_run "a shadow limit bans nobody" wait_for 5 opens $BANNED
tap_run "and has no bans" wait_for 5 bans '.bans == []'
edge_ctl limit mode per-client enforce > /dev/null
edge_ctl ban add per-client $BANNED > /dev/null
config per-network
sed -i '/^ *per-client:/d' "$E2E_CONFIG"
tap_run "reload without the limit" edge_ctl reload --force
tap_run "its bans are gone" wait_for 5 bans '.bans == []'
tap_run "and the source is free" opens $BANNED
tap_done
