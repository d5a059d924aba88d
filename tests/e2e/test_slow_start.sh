#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Slow start: who comes up after being out, or is added, gets its weight in four steps; nobody does when
# the daemon starts, or where nobody else could carry the rest.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 3
config() { # SLOW START
	cat <<-END
		version: 1
		interfaces: [eth0]
		flows: {pre: 200ms}
		services:
		  web: {listen: "tcp $EDGE_WEB:80", mode: l2, check: $E2E_CHECK, $E2E_NO_TRIAL, slow_start: $1, members: [10.99.0.21, 10.99.0.22]}
	END
}
config 15s > "$E2E_CONFIG"
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving

# The steps of all members: "100 30".
percents() {
	edge_ctl --json service show web |
		jq -r '[.pools[].members[] | .slow_start.percent // .now_percent | tostring] | join(" ")'
}
percents_are() {
	[ "$(percents)" = "$1" ]
}
# What the members show until there is $LAB_DIR/enough, each once.
sample() {
	{
		until [ -e "$LAB_DIR/enough" ]; do
			percents
			sleep 0.3
		done
		percents
	} | uniq > "$LAB_DIR/samples"
}
back() { # NAME: the server of b2 dies and comes back
	edge_server_stop b2
	tap_run "$1: a member is down" wait_for 5 edge_member_is web 10.99.0.22 ejected
	edge_server_start b2
	tap_run "$1: it is up, slowly" wait_for 5 percents_are "100 10"
}

tap_is "not when the daemon starts" "$(percents)" "100 100"
sample &
SAMPLER=$!
back "a failure"
tap_match "status says it" "$(edge_ctl status -v)" '10\.99\.0\.22:80 .* 10% .*slow start, 10%$'
tap_match "member show, too" "$(edge_ctl member show web 10.99.0.22)" \
	'^slow start +10% of its weight, all of it in 1[0-5] s$'
tap_match "and an event" "$(edge_ctl events)" 'slow start: 10 % of its weight, all of it in 15 s'
e2e_settle
load=$(edge_load c1 --count 300 --source "$EDGE_SOURCES1" "http://$EDGE_WEB/")
e2e_served "300 requests arrive" "$load"
tap_run "few of them at the slow member" jq -e '.backends.b1 > 200' <<< "$load"
tap_run "after 15 s it has all of its weight" wait_for 20 percents_are "100 100"
touch "$LAB_DIR/enough"
wait "$SAMPLER"
tap_is "in four steps" "$(tr '\n' ',' < "$LAB_DIR/samples")" "100 100,100 0,100 10,100 30,100 60,100 100,"
tap_match "the end is told" "$(edge_ctl events)" 'all of its weight: its slow start is over'
e2e_settle
load=$(edge_load c1 --count 600 --source "$EDGE_SOURCES1" "http://$EDGE_WEB/")
e2e_shares "half of them now" "$load" b1=1 b2=1

back "again"
lab_stop sluiced KILL
if edge_daemon_start "$E2E_CONFIG"; then tap_ok "the daemon starts again"; else tap_not_ok "the daemon starts again"; fi
tap_is "not after a restart either" "$(percents)" "100 100"
tap_run "all answer their checks" wait_for 5 eval \
	"edge_ctl --json service show web | jq -e '[.pools[].members[].health == \"up\"] | all'"
tap_is "nor when they have answered" "$(percents)" "100 100"

tap_run "maintenance" edge_ctl member maint web 10.99.0.22
tap_run "ends slowly" edge_ctl member ready web 10.99.0.22
tap_is "at 10 %" "$(percents)" "100 10"
tap_run "another member fails meanwhile" edge_ctl member maint web 10.99.0.21
tap_is "nobody else is left: all of its weight" "$(percents)" "0 100"
tap_run "it comes back" edge_ctl member ready web 10.99.0.21
tap_is "within the time of an outage: at once" "$(percents)" "100 100"
tap_run "a member drains" edge_ctl member drain web 10.99.0.22
tap_run "and is ready" edge_ctl member ready web 10.99.0.22
tap_is "it was there all the time: at once" "$(percents)" "100 100"

edge_server_stop b1
edge_server_stop b2
tap_run "all fail" wait_for 5 eval 'edge_member_is web 10.99.0.21 ejected && edge_member_is web 10.99.0.22 ejected'
edge_server_start b1
edge_server_start b2
tap_run "all are back" wait_for 5 e2e_all_serving
tap_is "together, at once" "$(percents)" "100 100"

config 60s > "$E2E_CONFIG"
tap_run "another time by reload" edge_ctl reload
tap_run "a member is added" edge_ctl member add web 10.99.0.23
tap_is "in the time of the outage: at once" "$(edge_member web 10.99.0.23 slow_start)" null
tap_run "removed again" edge_ctl member remove web 10.99.0.23
config 15s > "$E2E_CONFIG"
tap_run "back to the short time" edge_ctl reload
sleep 16
tap_run "a member is added later" edge_ctl member add web 10.99.0.23
tap_run "slowly" wait_for 5 percents_are "100 100 10"
config 5s > "$LAB_DIR/short.yaml"
tap_fails "a time that is too short" 1 'slow_start.*15s' \
	lab_in lb "$LAB_OUT/bin/sluicectl" check "$LAB_DIR/short.yaml"
tap_done
