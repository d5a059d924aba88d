#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A service moves from one pool to another, step by step, while connections are held: none breaks, clients
# stay moved, a restart does not matter, and a pool that fails gives everything back.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/hold.sh"

e2e_begin 4
hold_serve b1 b2 b3 b4
pools() {
	echo "pools: {stable: {members: [10.99.0.21, 10.99.0.22]}, next: {share: 0, members: [10.99.0.23, 10.99.0.24]}}"
}
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	flows: {pre: 200ms, pending_life: 3s, closing_life: 3s, refresh: 1s}
	services:
	  web: {listen: "tcp $EDGE_WEB:80", mode: l2, check: $E2E_CHECK, $E2E_NO_TRIAL, $(pools)}
	  hold: {listen: "tcp $EDGE_WEB:$HOLD_PORT", mode: l2, check: ${E2E_CHECK%\}}, port: 80}, learn: 6s, affinity: hash, $(pools)}
END
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving
hold_keep v4 c1 -n 200 -i 300 -r 20 "$EDGE_WEB"
tap_run "200 connections are held" wait_for 10 hold_has_opened v4 200

shift_is() { # SERVICE STATE PERCENT
	edge_ctl --json shift "$1" | jq -e --arg s "$2" --argjson p "$3" '.shift | .state == $s and .percent == $p'
}
parts() { # SERVICE: per cent of new connections, pool by pool
	edge_ctl --json service show "$1" |
		jq -c '[.pools[] | [.members[].of_new_percent] | add | round]'
}
# Within two points: a member's slots are within five per cent of its part.
parts_are() { # SERVICE [STABLE,NEXT]
	parts "$1" | jq -e --argjson wanted "$2" \
		'[., $wanted] | transpose | all((.[0] - .[1] | fabs) <= 2 and (.[0] == 0) == (.[1] == 0))'
}
spread() { # NAME [STABLE,NEXT]: of web
	local load
	e2e_settle
	tap_run "$1: the table says so" wait_for 10 parts_are web "$2"
	load=$(edge_load c1 --count 300 --source "$EDGE_SOURCES1" "http://$EDGE_WEB/")
	e2e_served "$1: 300 requests arrive" "$load"
}
# answered FILE: who answers each of 120 clients, one line each.
answered() {
	local n
	e2e_settle
	for n in $(seq 1 120); do
		echo "$n $(lab_in c1 curl -s --max-time 5 --interface "203.0.113.$n" "http://$EDGE_WEB/")"
	done > "$LAB_DIR/$1"
}

# Who gets nothing does not count as serving.
serving_is() {
	edge_ctl metrics | grep -qx "sluice_service_members_serving{lb_service=\"web\"} $1"
}
tap_match "idle members are told apart" "$(edge_ctl status)" '^OK .*4 of 8 members serving, 4 in pools without a share'
edge_ctl member maint web 10.99.0.21 --pool stable > /dev/null
edge_ctl member drain web 10.99.0.22 --pool stable > /dev/null
tap_run "nobody of web serves" wait_for 10 serving_is 0
tap_fails "that is a fault" 1 'none of 4 members serving' edge_ctl status
edge_ctl member ready web 10.99.0.21 --pool stable > /dev/null
edge_ctl member ready web 10.99.0.22 --pool stable > /dev/null
tap_run "they serve again" wait_for 10 serving_is 2

tap_is "no shift" "$(edge_ctl shift web)" "web: no shift"
tap_fails "no such pool" 3 'did you mean next' edge_ctl shift web --to nxt
tap_fails "a bad plan" 2 'per cent, rising' edge_ctl shift web --to next --steps 5,1
tap_fails "nothing to pause" 6 'has no shift' edge_ctl shift web pause
tap_run "all are checked" wait_for 10 e2e_is_checked web
tap_match "a shift begins" "$(edge_ctl shift web --to next --steps 20,60,100 --hold 1h)" \
	'^web: shift to next running at 20 %, 60 % in'
spread "20 %" "[80,20]"
answered first
edge_ctl shift web --set 60 > /dev/null
tap_run "set to 60 %" shift_is web paused 60
spread "60 %" "[40,60]"
answered second
# Whoever was moved by the first step is moved still.
moved=$(grep -cE 'b[34]$' "$LAB_DIR/first")
stayed=$(comm -12 <(grep -E 'b[34]$' "$LAB_DIR/first" | cut -d' ' -f1 | sort) \
	<(grep -E 'b[34]$' "$LAB_DIR/second" | cut -d' ' -f1 | sort) | wc -l)
echo "# of $moved clients that the first step moved, $stayed are moved in the second"
tap_is "clients stay moved" "$stayed" "$moved"
tap_run "some were" test "$moved" -ge 5
edge_ctl shift web abort > /dev/null
spread "aborted" "[100,0]"
tap_match "end" "$(edge_ctl shift web end)" '^web: no shift$'

# Held connections through all steps, by themselves, and over a crash.
tap_run "hold: all are checked" wait_for 10 e2e_is_checked hold
tap_match "hold: begins" "$(edge_ctl shift hold --to next --steps 10,50,100 --hold 8s)" 'running at 10 %'
tap_run "second step" wait_for 20 shift_is hold running 50
tap_run "it is on the disk" wait_for 5 e2e_is_kept shifts '.shifts[] | select(.service == "hold") | .percent == 50'
lab_stop sluiced KILL
tap_run "a restart" edge_daemon_start "$E2E_CONFIG"
tap_run "goes on where it was" shift_is hold running 50
tap_run "to the end" wait_for 60 shift_is hold "done" 100
hold_settled() {
	edge_ctl --json service show hold | jq -e '.flows | .announced + .moving + .waiting == 0'
}
tap_run "shifted: settles" wait_for 90 hold_settled
hold_none_broken "shifted" v4
tap_is "new ones go to the other pool" "$(parts hold)" "[0,100]"
tap_match "events" "$(edge_ctl events)" ' shift .*done: it has 100 % of the service'

# A pool that fails gives everything back.
tap_run "begins" wait_for 10 edge_ctl shift web --to next --steps 50,100 --hold 1h
spread "50 %" "[50,50]"
edge_server_stop b3
tap_run "a member of it fails: rolled back" wait_for 15 shift_is web rolled_back 0
tap_match "by these numbers" "$(edge_ctl shift web)" \
	'^web: shift to next rolled_back at 0 %: it admits 50 % of its weight \(80 % wanted\), 1 of 2 members fail their check'
tap_match "status says so" "$(edge_ctl status)" 'the shift to next was rolled back: it admits 50 %'
spread "rolled back" "[100,0]"
tap_fails "not begun with" 6 'not well enough' edge_ctl shift web --to next
tap_match "metrics" "$(edge_ctl metrics)" 'sluice_shift_state\{lb_service="web",pool="next",state="rolled_back"\} 1'
hold_none_broken "in the end" v4

# Another file's shares end it, also while nobody runs.
tap_run "a shift of web" edge_ctl shift web end
edge_server_start b3
tap_run "which begins when the pool is well" wait_for 15 edge_ctl shift web --to next --steps 50,100 --hold 1h
sleep 1.5 # until it is on the disk
lab_stop sluiced KILL
sed -i '/  web:/s/share: 0/share: 30/' "$E2E_CONFIG"
tap_run "another file" edge_daemon_start "$E2E_CONFIG"
tap_is "has no shift of web" "$(edge_ctl shift web)" "web: no shift"
tap_match "but that of hold" "$(edge_ctl shift hold)" '^hold: shift to next done at 100 %'
tap_match "an event says why" "$(edge_ctl events)" 'shift not restored: the file of service web has other pools or shares now'
tap_done
