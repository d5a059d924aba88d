#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Members that leave while they have connections: what removing them costs is said; what drains goes on
# draining over a restart, a crash and a reboot; and when a deadline passes what is left is cut, also
# while no daemon runs.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/hold.sh"

e2e_begin 3
hold_serve b1 b2 b3
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	flows: {pre: 1s, pending_life: 3s, closing_life: 3s, refresh: 1s}
	services:
	  hold: {listen: "tcp $EDGE_WEB:$HOLD_PORT", mode: l2, check: none, learn: 4s, members: [10.99.0.21, 10.99.0.22, 10.99.0.23]}
	  dns: {listen: "udp $EDGE_DNS:$HOLD_PORT", mode: l2, check: none, members: [10.99.0.21, 10.99.0.22]}
END
STATE=$LAB_DIR/state/$LAB_PREFIX
LOG=$LAB_DIR/sluiced.log
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving
hold_keep v4 c1 -n 120 -i 300 "$EDGE_WEB"
tap_run "120 connections" wait_for 10 hold_has_opened v4 120

held_by() { # NAME: connections at this backend
	hold_now v4 | jq ".servers.$1 // 0"
}
show() { # MEMBER FILTER
	edge_ctl --json member show hold "$1" | jq -c "$2"
}
is() { # MEMBER FILTER
	edge_ctl --json member show hold "$1" | jq -e "$2"
}
events() { # JQ FILTER
	edge_ctl --json events | jq -r ".events[] | select($1) | .text"
}
restart() { # NAME [SIGNAL]
	lab_stop sluiced "${2:-TERM}"
	: > "$LOG"
	sleep "${PAUSE:-0.5}"
	if edge_daemon_start "$E2E_CONFIG"; then tap_ok "$1"; else tap_not_ok "$1" "$(tail -n 20 "$LOG")"; fi
}
put_admin() { # BODY
	curl -s --unix-socket "$(edge_socket)" -X PUT -H 'Content-Type: application/json' -d "$1" \
		http://sluice/v1/services/hold/pools/-/members/10.99.0.23/admin
}

# ---- deadlines that are none
for body in '{"admin":"drain","for_s":0}' '{"admin":"drain","for_s":-60}' '{"admin":"drain","for_s":31536001}' \
	'{"admin":"drain","for_s":9223372036854775807}'; do
	tap_match "$body" "$(put_admin "$body")" 'for_s -?[0-9]+ is out of range 1..31536000'
done
tap_match "beyond 64 bits" "$(put_admin '{"admin":"drain","for_s":18446744073709551616}')" 'too big integer'
tap_match "no number" "$(put_admin '{"admin":"drain","for_s":"10m"}')" 'must be a whole number'
tap_match "without drain" "$(put_admin '{"admin":"maint","for_s":60}')" 'for_s is for drain, maint has no deadline'
tap_is "nothing changed" "$(show 10.99.0.23 '[.admin, .deadline]')" '["ready",null]'

# ---- draining outlives the daemon
B3=$(held_by b3)
tap_run "a member has connections" test "$B3" -gt 10
tap_run "it drains" edge_ctl member drain hold 10.99.0.23
tap_is "no deadline unless one is given" "$(show 10.99.0.23 .deadline)" null
restart "a restart"
tap_is "it still drains" "$(show 10.99.0.23 '[.admin, .state, .deadline]')" '["drain","draining",null]'
restart "a crash while it learns" KILL
tap_is "it drains" "$(show 10.99.0.23 '[.admin, .state, .deadline]')" '["drain","draining",null]'
tap_run "its connections are counted" wait_for 30 is 10.99.0.23 .flows.counted
tap_is "all of them" "$(show 10.99.0.23 .flows.known)" "$B3"
restart "a restart when they are counted"
tap_run "they are counted again" wait_for 30 is 10.99.0.23 .flows.counted
tap_is "as many as before" "$(show 10.99.0.23 .flows.known)" "$B3"
hold_none_broken "draining over restarts" v4

# ---- a deadline
output=$(edge_ctl member drain hold 10.99.0.23 --for 30s 2>&1)
tap_match "a deadline that is too short is warned of" "$output" \
	'warning: flows may be cut: the deadline of 30 s is shorter than the 64 s'
tap_match "it is said" "$output" 'weight 100, draining, cut in (30|29) s'
tap_match "one that is long enough is not" "$(edge_ctl member drain hold 10.99.0.23 --for 10m 2>&1)" \
	'^hold/default 10\.99\.0\.23:7000: weight 100, draining, cut in (10|9) min$'
tap_match "of flows that are not kept neither" "$(edge_ctl member drain dns 10.99.0.22 --for 10s 2>&1)" \
	'^dns/default 10\.99\.0\.22:7000: weight 100, draining, cut in (10|9) s$'
tap_match "member show" "$(edge_ctl member show hold 10.99.0.23)" "^flows +$B3 known flows left, cut in (10|9) min"
tap_match "member show: when" "$(edge_ctl member show hold 10.99.0.23)" '^deadline +[0-9:]+: flows that are left'
tap_run "status as JSON" eval "edge_ctl --json status | jq -e '[.services[] | select(.name == \"hold\") |
	.pools[].members[].deadline.left_s // 0] | max > 500'"
tap_fails "wait member" 7 "$B3 known flows left, cut in (10|9) min" \
	edge_ctl wait member hold 10.99.0.23 drained --for 1s
tap_match "diff" "$(edge_ctl diff)" 'drain until 20..-..-..T..:..:..Z \(ready in the file\)'
at=$(show 10.99.0.23 .deadline.at_s)
restart "a restart"
tap_is "keeps the deadline" "$(show 10.99.0.23 .deadline.at_s)" "$at"
restart "a crash" KILL
tap_is "keeps it" "$(show 10.99.0.23 .deadline.at_s)" "$at"
tap_match "it is saved, but for the deadline" "$(edge_ctl save)" \
	'left out: member hold/.*: drain until 20..-..-..T..:..:..Z'
tap_is "the file says drain, the deadline stays" \
	"$(show 10.99.0.23 "[.admin_file, .deadline.at_s == $at]")" '["drain",true]'
tap_match "as a runtime change, for a file has none" "$(edge_ctl diff)" \
	'drain until 20..-..-..T..:..:..Z \(drain in the file\)'
restart "a restart"
tap_is "keeps it" "$(show 10.99.0.23 .deadline.at_s)" "$at"
tap_run "draining again without one ends it" edge_ctl member drain hold 10.99.0.23
tap_is "no deadline" "$(show 10.99.0.23 .deadline)" null
hold_none_broken "with a deadline ahead" v4

# ---- it passes
tap_run "counted" wait_for 30 is 10.99.0.23 .flows.counted
edge_ctl member drain hold 10.99.0.23 --for 4s 2> /dev/null
sleep 2
hold_none_broken "until the deadline" v4
tap_run "the deadline passes" wait_for 5 is 10.99.0.23 .deadline.is_over
tap_is "an event says what was cut" "$(events '.type == "member_cut" and .service == "hold"')" \
	"drain deadline passed: $B3 known flows cut"
tap_match "so does the log" "$(< "$LOG")" "member hold/default/10.99.0.23:7000: drain deadline passed: $B3 known"
tap_run "its connections are cut" wait_for 10 eval "[ \"\$(hold_now v4 | jq .broken)\" -eq $B3 ]"
tap_run "who waits for it is done" edge_ctl wait member hold 10.99.0.23 drained --for 20s
restart "a restart after that"
tap_is "it is still over" "$(show 10.99.0.23 '[.admin, .deadline.is_over]')" '["drain",true]'
tap_is "which is no news" "$(events '.type == "member_cut" and .service == "hold"')" ""
tap_run "ready again" edge_ctl member ready hold 10.99.0.23
tap_is "it serves, without a deadline" "$(show 10.99.0.23 '[.admin, .deadline]')" '["ready",null]'
tap_run "nobody else lost one" test "$(hold_now v4 | jq .broken)" -eq "$B3"

# ---- it passes while no daemon runs; and a reboot
tap_run "it has new flows" wait_for 10 is 10.99.0.23 '.flows.slots_new > 0'
hold_keep more c1 -n 120 -i 300 "$EDGE_WEB"
tap_run "120 more connections" wait_for 10 hold_has_opened more 120
B3=$(hold_now more | jq .servers.b3)
tap_run "some on the member" test "$B3" -gt 10
edge_ctl member drain hold 10.99.0.23 --for 2s 2> /dev/null
tap_run "on the disk" wait_for 10 jq -e '.content.members[].drain_until_s' "$STATE/changes.json"
lab_stop sluiced KILL
sleep 3
hold_none_broken "without a daemon nothing is cut" more
PAUSE=0 restart "the next daemon" KILL
tap_match "cuts what is due" "$(events '.type == "member_cut" and .service == "hold"')" 'drain deadline passed'
tap_run "it does" wait_for 10 eval "[ \"\$(hold_now more | jq .broken)\" -eq $B3 ]"
edge_ctl member drain hold 10.99.0.23 --for 1h > /dev/null
at=$(show 10.99.0.23 .deadline.at_s)
lab_stop sluiced TERM
edge_ctl_offline detach > /dev/null 2>&1
PAUSE=0 restart "a start from nothing, as after a reboot"
tap_is "knows the deadline" "$(show 10.99.0.23 '[.admin, .deadline.at_s]')" "[\"drain\",$at]"
tap_run "ready" edge_ctl member ready hold 10.99.0.23
tap_run "it has new flows again" wait_for 10 is 10.99.0.23 '.flows.slots_new > 0'
lab_stop keep-v4
lab_stop keep-more
hold_keep last c1 -n 120 -i 300 "$EDGE_WEB"
tap_run "120 connections" wait_for 10 hold_has_opened last 120

# ---- removal
B3=$(hold_now last | jq ".servers.b3 // 0")
tap_run "a member has connections" test "$B3" -gt 10
tap_run "it drains" edge_ctl member drain hold 10.99.0.23
# Those that have just opened are in both tables for a while.
tap_run "its connections are counted" wait_for 30 is 10.99.0.23 ".flows.counted and .flows.known == $B3"
tap_match "member show tells how many" "$(edge_ctl member show hold 10.99.0.23)" \
	"^flows +$B3 known flows left"
hold_none_broken "it drains" last
tap_match "removing it says that it cuts as many" "$(edge_ctl member remove hold 10.99.0.23 2>&1)" \
	"warning: $B3 known flows are cut; draining first keeps them"
tap_run "and it does" wait_for 10 eval "[ \"\$(hold_now last | jq .broken)\" -eq $B3 ]"
tap_match "the record has it" "$(edge_ctl events)" "weight 100 -> removed, $B3 known flows"
answer=$(edge_ctl --json member remove hold 10.99.0.22 2> /dev/null)
tap_match "who was not counted: the answer says so" "$(jq -r .warning <<< "$answer")" \
	'^its flows are cut: [0-9]+ known, the others are not counted yet; draining first keeps them$'
tap_is "and has the numbers" "$(jq -c '[.changed, .flows.counted]' <<< "$answer")" '[true,false]'
tap_is "flows that nobody keeps: no warning" \
	"$(edge_ctl --json member remove dns 10.99.0.22 | jq .warning)" null
tap_done
