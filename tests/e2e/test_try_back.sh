#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Going back from a trial brings back what commands had changed before it, also when the daemon was
# killed; and it is not stopped by what packets can do without.
# shellcheck disable=SC2317 # functions that tap_run and wait_for call by name
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 3
STATE=$LAB_DIR/state/$LAB_PREFIX
METRICS=127.0.0.1:9464
NEW=$LAB_DIR/new.yaml

cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	instance: $LAB_PREFIX
	metrics: {listen: "$METRICS"}
	management: {prefixes: [10.99.0.0/24]}
	lists:
	  blocked: {action: deny, prefixes: [192.0.2.128/25]}
	  partners: {action: exempt}
	limits:
	  per-client: {count: packets, rate: 1000000/s, mode: enforce}
	  per-network: {count: new-connections, rate: 10000/s, per: {ipv4: 24}, mode: enforce}
	services:
	  web:
	    listen: "tcp $EDGE_WEB:80"
	    mode: l2
	    check: $E2E_CHECK
	    $E2E_NO_TRIAL
	    limits: [per-client]
	    members: [10.99.0.21, 10.99.0.22, 10.99.0.23]
	END
# No list, no limit, another weight; .23 is not in it.
cat > "$NEW" <<-END
	version: 1
	interfaces: [eth0]
	instance: $LAB_PREFIX
	metrics: {listen: disabled}
	services:
	  web:
	    listen: "tcp $EDGE_WEB:80"
	    mode: l2
	    check: $E2E_CHECK
	    $E2E_NO_TRIAL
	    members: [10.99.0.21, {address: 10.99.0.22, weight: 50}, 10.99.0.24]
	END

# What commands can change, one line each.
changed() {
	edge_ctl --json service show web |
		jq -r '.pools[].members[] | "\(.address) \(.weight) \(.admin)"' | sort
	edge_ctl --json limit show per-client | jq -r '"per-client \(.mode)"'
	edge_ctl --json ban list | jq -r '.bans[] | "\(.limit) \(.source) \(.reason)"'
	edge_ctl list show blocked | grep -o '203[^ ]*'
	edge_ctl list show partners | grep -o '203[^ ]*'
}

# Bans come back once the packet path has their limits.
is_before() {
	[ "$(changed)" = "$BEFORE" ]
}
back() { # NAME
	wait_for 5 is_before
	tap_is "$1" "$(changed)" "$BEFORE"
}

is_over() {
	[ "$(edge_ctl --json status | jq .trial)" = null ]
}

events() {
	edge_ctl --json events | jq -r '.events[].text'
}

e2e_start
BEFORE="10.99.0.21 100 ready
10.99.0.22 20 ready
10.99.0.23 100 maint
10.99.0.24 7 maint
per-client shadow
per-network 198.51.100.0/24 abuse
203.0.113.7/32
203.0.113.9/32"
edge_ctl list add blocked 203.0.113.7 > /dev/null
edge_ctl list add partners 203.0.113.9 > /dev/null
edge_ctl member weight web 10.99.0.22 20 > /dev/null
edge_ctl member maint web 10.99.0.23 > /dev/null
edge_ctl member add web 10.99.0.24 --weight 7 > /dev/null
edge_ctl member maint web 10.99.0.24 > /dev/null
edge_ctl limit mode per-client shadow > /dev/null
edge_ctl ban add per-network 198.51.100.7 --for 1h --reason abuse > /dev/null
tap_is "what commands changed" "$(changed)" "$BEFORE"

# ---- by itself
tap_fails "nobody confirms" 1 'everything is as before' edge_ctl try "$NEW" --for 2s --force --wait
back "what commands had changed is back"
lab_stop sluiced
e2e_start
tap_is "also after a restart" "$(changed)" "$BEFORE"

# ---- what commands change during a trial
tap_run "try" edge_ctl try "$NEW" --for 60s --force
edge_ctl member weight web 10.99.0.21 33 > /dev/null
edge_ctl member remove web 10.99.0.22 > /dev/null
edge_ctl member add web 10.99.0.23 --weight 3 > /dev/null
sleep 0.5
tap_match "the disk keeps what was before" "$(cat "$STATE/lists.json")" '203\.0\.113\.7'
tap_match "of members, too" "$(cat "$STATE/changes.json")" '"weight": ?20'
tap_match "and a ban" "$(jq -c '.content.waiting' "$STATE/bans.json")" '"per-network".*"abuse"'
tap_match "undo says what it drops" "$(edge_ctl undo)" 'dropped.* 3 changes'
back "what was before is back, and nothing else"
tap_match "an event tells it" "$(events)" '3 changes by commands meanwhile dropped'

# ---- a ban that the trial holds is lifted
sed 's/per: {ipv4: 24}, mode: enforce/per: {ipv4: 24}, mode: shadow/' "$E2E_CONFIG" \
	> "$LAB_DIR/shadow.yaml"
edge_ctl ban add per-network 198.51.101.7 --for 1h > /dev/null
tap_run "try in shadow" edge_ctl try "$LAB_DIR/shadow.yaml" --for 60s --force
tap_run "a ban that is held can be lifted" edge_ctl ban lift per-network 198.51.101.7
tap_fails "once" 3 "does not ban" edge_ctl ban lift per-network 198.51.101.7
is_forgotten() {
	! grep -q 198.51.101 "$STATE/bans.json"
}
tap_run "the disk forgets it" wait_for 5 is_forgotten
edge_ctl undo > /dev/null
back "and it does not come back"

# ---- killed during a trial
edge_ctl ban add per-network 198.51.102.7 --for 1h > /dev/null
tap_run "try again" edge_ctl try "$NEW" --for 60s --force
edge_ctl member weight web 10.99.0.21 34 > /dev/null
sleep 0.5
lab_stop sluiced KILL
tap_match "a ban that waits in the file alone can be lifted" \
	"$(edge_ctl_offline ban lift per-network 198.51.102.7)" "1 ban lifted"
tap_fails "once" 3 "does not ban" edge_ctl_offline ban lift per-network 198.51.102.7
e2e_start
back "what was before the trial is back"

# ---- confirmed
tap_run "try to stay" edge_ctl try "$NEW" --for 60s --force
edge_ctl member weight web 10.99.0.21 35 > /dev/null
tap_run "confirm" edge_ctl confirm
kept() {
	grep -Eq '"weight": ?35' "$STATE/changes.json" && ! grep -q 203.0.113.7 "$STATE/lists.json" &&
		! grep -q per-network "$STATE/bans.json"
}
tap_run "what runs is kept then" wait_for 10 kept
tap_run "back to the file" edge_ctl reload --force

# ---- another process has the port of the metrics
tap_run "try without metrics" edge_ctl try "$NEW" --for 3s --force
lab_start thief lb python3 -m http.server --bind 127.0.0.1 9464
tap_run "it goes back all the same" wait_for 8 is_over
tap_match "the members are those of the file" "$(changed)" '10\.99\.0\.23'
tap_match "status says what is lacking" "$(edge_ctl status)" 'metrics are not served.*9464'
tap_is "degraded" "$(edge_ctl --json status | jq -r .state)" degraded
sleep 10
tap_is "no packet is passed later" "$(e2e_verdict expired)" 0
lab_stop thief
serves_metrics() {
	lab_in lb curl -sf --max-time 1 "http://$METRICS/metrics" | grep -q sluice_
}
tap_run "metrics are served as soon as they can be" wait_for 4 serves_metrics
tap_is "and nothing is lacking" "$(edge_ctl status | grep -c 'not served')" 0

# ---- an interface of the old configuration is gone: there is no way back yet
extra_add() {
	lab_in lb ip link add extra0 type veth peer name extra1
	lab_in lb ip link set extra0 up
	lab_in lb ip link set extra1 up
}
extra_add
sed -i 's/\[eth0\]/[eth0, extra0]/' "$E2E_CONFIG"
tap_run "with another interface" edge_ctl reload --force
tap_run "a trial without it" edge_ctl try "$NEW" --for 2s --force
lab_in lb ip link del extra0
is_stuck() {
	[ "$(edge_ctl --json status | jq .trial.is_stuck)" = true ]
}
tap_run "it cannot go back" wait_for 6 is_stuck
told=$(edge_ctl status)
tap_match "status says why" "$told" 'cannot go back.*extra0'
tap_match "and when everything will be passed" "$told" 'everything will be passed to this host in [0-9]+ s'
sleep 11
tap_match "from then on it is" "$(edge_ctl status)" 'everything is passed to this host'
extra_add
tap_run "it goes back as soon as it can" wait_for 6 is_over
answered() {
	lab_in c1 curl -sf -o /dev/null --max-time 1 "http://$EDGE_WEB/"
}
tap_run "and balances again" wait_for 6 answered

# ---- or a mended file ends it
edge_ctl member weight web 10.99.0.22 21 > /dev/null
tap_run "a trial without the interface" edge_ctl try "$NEW" --for 2s --force
lab_in lb ip link del extra0
tap_run "it cannot go back" wait_for 6 is_stuck
sed -i 's/\[eth0, extra0\]/[eth0]/' "$E2E_CONFIG"
tap_run "a reload of a mended file" edge_ctl reload --force
tap_run "nothing is on trial" is_over
tap_match "what commands had changed is back" "$(changed)" '10\.99\.0\.22 21 ready'
passed=$(e2e_verdict expired)
sleep 10
tap_is "and no more packets are passed" "$(e2e_verdict expired)" "$passed"

# ---- save during a trial
DROPIN=${E2E_CONFIG%.yaml}.d/90-runtime.yaml
edge_ctl member weight web 10.99.0.21 44 > /dev/null
tap_run "try once more" edge_ctl try "$NEW" --for 60s --force
tap_fails "a trial is not saved" 6 'on trial' edge_ctl save
tap_run "nothing is written" test ! -e "$DROPIN"
tap_run "undo" edge_ctl undo
tap_match "then it is saved" "$(edge_ctl save)" 'saved [1-9] change'
tap_done
