#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Shifts and trials: going back from a trial takes back shifts that were begun within it, and those that
# there were are as they were, also when the daemon was killed. diff, status and save tell of shifts.
# shellcheck disable=SC2317 # functions that tap_run and wait_for call by name
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 2
NEW=$LAB_DIR/new.yaml
config() { # POOLS-OF-OTHER
	cat <<-END
		version: 1
		interfaces: [eth0]
		flows: {pre: 200ms}
		services:
		  web: {listen: "tcp $EDGE_WEB:80", mode: l2, check: $E2E_CHECK, $E2E_NO_TRIAL, pools: {stable: {members: [10.99.0.21]}, next: {share: 0, members: [10.99.0.22]}}}
		  other: {listen: "tcp $EDGE_WEB:81", mode: l2, check: ${E2E_CHECK%\}}, port: 80}, $E2E_NO_TRIAL, pools: {stable: {members: [10.99.0.21]}, next: {share: $1, members: [10.99.0.22]}}}
	END
}
config 0 > "$E2E_CONFIG"
config 50 > "$NEW" # with another share: a shift of other ends
sed 's/pre: 200ms/pre: 300ms/' "$E2E_CONFIG" > "$LAB_DIR/alike.yaml" # ends none
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving
for service in web other; do
	tap_run "$service: all are checked" wait_for 10 e2e_is_checked $service
done

shifts() { # web and other
	local service
	for service in web other; do
		edge_ctl --json shift "$service" | jq -r '.shift | if . then "\(.to) \(.state) \(.percent)" else "none" end'
	done | paste -sd,
}
shifts_are() {
	[ "$(shifts)" = "$1" ]
}

tap_is "nothing differs from the file" "$(edge_ctl --json status | jq .node.runtime_change_count)" 0
edge_ctl shift other --to next --steps 20,100 --hold 1h > /dev/null
tap_is "a shift is a runtime change" "$(edge_ctl --json status | jq .node.runtime_change_count)" 1
tap_match "diff tells of it" "$(edge_ctl diff)" \
	'shift other/next: running at 20 % \(share 0 in the file; sluicectl .*shift other\)'
tap_match "save leaves it out" "$(edge_ctl save --print 2>&1)" 'left out: shift other/next'
BEFORE="none,next running 20"
tap_is "before" "$(shifts)" "$BEFORE"

# ---- undone
change() {
	edge_ctl shift web --to next --steps 50,100 --hold 1h > /dev/null
	edge_ctl shift other --set 70 > /dev/null
}
tap_run "a file that ends no shift on trial" edge_ctl try "$LAB_DIR/alike.yaml" --for 60s
change
tap_is "shifts within the trial" "$(shifts)" "next running 50,next paused 70"
tap_run "undo" edge_ctl undo
tap_is "what there was is back" "$(shifts)" "$BEFORE"
tap_match "events tell of it" "$(edge_ctl events)" 'shift .*restored: running at 20 %'

# ---- by itself, from a file that ends one
tap_run "another file on trial" edge_ctl try "$NEW" --for 3s --force
tap_is "it ends the shift" "$(shifts)" "none,none"
tap_run "nobody confirms: back" wait_for 8 shifts_are "$BEFORE"

# ---- killed
tap_run "on trial again" edge_ctl try "$NEW" --for 60s --force
tap_run "all of web are checked" wait_for 10 e2e_is_checked web
edge_ctl shift web --to next --steps 50,100 --hold 1h > /dev/null
sleep 1.5 # until the disk would have it
lab_stop sluiced KILL
e2e_start
tap_is "what there was is back after a crash" "$(shifts)" "$BEFORE"

# ---- what fails within a trial is not begun again by its end
wait_for 10 e2e_all_serving || tap_not_ok "all serve after the start"
tap_run "on trial once more" edge_ctl try "$LAB_DIR/alike.yaml" --for 90s
edge_server_stop b2
tap_run "its pool fails: rolled back" wait_for 40 shifts_are "none,next rolled_back 0"
tap_run "undo" edge_ctl undo
tap_is "that stays" "$(shifts)" "none,next rolled_back 0"
edge_server_start b2
tap_run "all members serve" wait_for 20 e2e_all_serving

# ---- confirmed
edge_ctl shift other end > /dev/null
tap_run "a last trial" edge_ctl try "$LAB_DIR/alike.yaml" --for 60s
change_web() {
	edge_ctl shift web --to next --steps 50,100 --hold 1h
}
tap_run "a shift" wait_for 10 change_web
tap_run "confirm" edge_ctl confirm
tap_run "it is on the disk" wait_for 5 e2e_is_kept shifts '.shifts[] | select(.service == "web") | .percent == 50'
lab_stop sluiced KILL
e2e_start
tap_is "what was confirmed stays" "$(shifts)" "next running 50,none"
tap_done
