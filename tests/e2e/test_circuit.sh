#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Members that refuse, fall silent, flap, or fail together, with real servers at the default settings:
# how long it takes until they are out, how they come back, and that nobody else's connection breaks.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/hold.sh"

e2e_begin 4
hold_serve b1 b2 b3 b4
MEMBERS="members: [10.99.0.21, 10.99.0.22, 10.99.0.23, 10.99.0.24]"
config() { # CHECK CIRCUIT
	cat <<-END
		version: 1
		interfaces: [eth0]
		flows: {pre: 200ms, pending_life: 3s, closing_life: 3s, refresh: 1s}
		services:
		  web: {listen: "tcp $EDGE_WEB:80", mode: l2, check: $1, circuit: $2, $MEMBERS}
		  hold: {listen: "tcp $EDGE_WEB:$HOLD_PORT", mode: l2, check: ${1%\}}, port: 80}, circuit: $2, learn: 6s, $MEMBERS}
	END
}
config "{type: tcp}" "{}" > "$E2E_CONFIG"
e2e_start
all_up() {
	edge_ctl --json status | jq -e '[.services[].pools[].members[].health == "up"] | all'
}
tap_run "all members answer their checks" wait_for 10 all_up
hold_keep v4 c1 -n 200 -i 300 "$EDGE_WEB"
tap_run "200 connections are held" wait_for 10 hold_has_opened v4 200

member() { # FIELD: of b2, in web
	edge_ctl --json member show web 10.99.0.22 | jq -c "$1"
}
member_is() { # FIELD VALUE
	[ "$(member "$1")" = "$2" ]
}
# taken_out NAME LIMIT-MS: how long it takes until b2 gets nothing new.
taken_out() {
	local begun took
	begun=$(date +%s%N)
	wait_for 20 member_is .now_percent 0
	took=$((($(date +%s%N) - begun) / 1000000))
	echo "# $1: out after $took ms, at most $2"
	tap_between "$1: out in time" "$took" 0 "$2"
}
# spread NAME MEMBER=WEIGHT...: requests arrive, at these.
spread() {
	local load
	e2e_settle
	load=$(edge_load c1 --count 600 --source "$EDGE_SOURCES1" "http://$EDGE_WEB/")
	e2e_served "$1: 600 requests arrive" "$load"
	e2e_shares "$1: at those who should serve" "$load" "${@:2}"
}

# ---- refused, at the default settings
edge_server_stop b2
taken_out "refused" 3500
spread "without it" b1=1 b3=1 b4=1
tap_is "its circuit is open" "$(member .circuit.state)" '"open"'
tap_match "in words" "$(edge_ctl member show web 10.99.0.22)" \
	'^why +ejected for [0-9]+ s: nothing after .*refused.*; on trial when its check passes'
tap_match "service show, too" "$(edge_ctl service show web)" '^10\.99\.0\.22:80  ejected for '
hold_none_broken "refused: those that it had stay" v4

edge_server_start b2
tap_run "its check passes: on trial" wait_for 20 member_is .state '"on trial"'
tap_is "with 2 % of its weight" "$(member .now_percent)" 2
tap_match "in words" "$(member .share_text)" \
	'"on trial: 2 % after .*refused.*; next decision in [0-9]+ s"'
tap_match "in the list" "$(edge_ctl member list web)" '10\.99\.0\.22:80 .*on trial 2%, decision in'
tap_match "status says so" "$(edge_ctl status)" '10\.99\.0\.22:80 on trial: 2 %'
e2e_settle
tap_between "so in 300 about two of the slots, in tenths of a per cent" \
	"$(member '.of_new_percent * 10 | floor')" 3 12
tap_match "metrics" "$(edge_ctl metrics)" \
	'sluice_member_circuit\{lb_service="web",pool="default",member="10.99.0.22:80",state="half-open"\} 1'
edge_server_stop b2
tap_run "it fails on trial: out at once" wait_for 5 member_is .circuit.state '"open"'
tap_is "for the second time" "$(member .circuit.times_out)" 2
edge_server_start b2
tap_run "on trial again" wait_for 30 member_is .state '"on trial"'
tap_run "and serving when it went well" wait_for 40 member_is .state '"serving"'
spread "with it again" b1=1 b2=1 b3=1 b4=1
tap_match "its history has it all" "$(edge_ctl member show web 10.99.0.22)" 'half-open -> closed: its trial went well'
hold_none_broken "out and back: all" v4

# ---- a black hole, at the default settings
lab_in b2 ip route add blackhole "$EDGE_LB/32"
taken_out "black hole" 6500
spread "without it" b1=1 b3=1 b4=1
lab_in b2 ip route del blackhole "$EDGE_LB/32"

# ---- what comes now happens faster
config "$E2E_CHECK" "{open: 1s, trial: 2s, volume: 4, window: 30s}" > "$E2E_CONFIG"
tap_run "faster checks and trials" edge_ctl reload
tap_run "all serve" wait_for 90 e2e_all_serving # its third pause is 20 s, as it was configured
kill "${LAB_PIDS[keep-v4]}"
hold_keep v4b c1 -n 200 -i 300 "$EDGE_WEB"
tap_run "200 connections are held" wait_for 10 hold_has_opened v4b 200
for _ in 1 2 3 4 5 6; do
	edge_server_stop b2
	sleep 1
	edge_server_start b2
	sleep 1
done
times=$(member .circuit.times_out)
echo "# a member that flaps every second: out $times times in a row"
tap_run "a member that flaps is out" member_is .now_percent 0
tap_run "more than once" test "$times" -ge 2
spread "flapping" b1=1 b3=1 b4=1
hold_none_broken "flapping: nobody's" v4b
tap_run "it serves again by itself" wait_for 60 e2e_all_serving

# ---- three of four
for name in b1 b2 b3; do edge_server_stop $name; done
three_out() {
	edge_ctl --json member list web | jq -e '[.members[].now_percent] == [0, 0, 0, 100]'
}
tap_run "three of four refuse: out" wait_for 5 three_out
spread "the fourth gets everything" b4=1
tap_is "nothing is re-admitted" "$(edge_ctl --json service show web | jq -r .panic)" none
hold_none_broken "three of four: nobody's" v4b

# ---- all
edge_server_stop b4
in_panic() {
	edge_ctl --json service show web | jq -e '.panic == "readmit" and
		([.pools[].members[].now_percent] == [100, 100, 100, 100])'
}
tap_run "all refuse: all serve all the same" wait_for 5 in_panic
tap_match "service show says so" "$(edge_ctl service show web)" '^panic +too few members are healthy'
hold_none_broken "all: nobody's" v4b
for name in b1 b2 b3 b4; do edge_server_start $name; done
tap_run "all serve again" wait_for 60 e2e_all_serving
tap_is "the panic is over" "$(edge_ctl --json service show web | jq -r .panic)" none
spread "all again" b1=1 b2=1 b3=1 b4=1
hold_none_broken "in the end: nobody's" v4b
tap_done
