#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A person's word over checks: eject, force, restore, with reason and time, over restarts; and a pool
# that serves only when nobody else does.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 3
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	flows: {pre: 200ms}
	services:
	  web:
	    listen: "tcp $EDGE_WEB:80"
	    mode: l2
	    check: $E2E_CHECK
	    circuit: {open: 1s, trial: 2s}
	    fallback: sorry
	    pools:
	      main: {members: [10.99.0.21, 10.99.0.22]}
	      sorry: {members: [10.99.0.23]}
END
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving
restart() {
	lab_stop sluiced "${1:-TERM}"
	tap_run "a restart" edge_daemon_start "$E2E_CONFIG"
}
e2e_spread 400 "the fallback stands by" b1=1 b2=1
tap_match "and says so" "$(edge_ctl member show web 10.99.0.23 --pool sorry)" '^why +standing by'

tap_match "eject" "$(edge_ctl member eject web 10.99.0.21 --pool main --reason "bad disk")" \
	'^web/main 10\.99\.0\.21:80: ejected by root for 0 s: nothing, "bad disk", until it is restored$'
e2e_spread 400 "ejected" b2=1
tap_match "status" "$(edge_ctl status)" '10\.99\.0\.21:80 ejected by root for .*"bad disk"'
tap_match "an event" "$(edge_ctl events)" 'member_override .*ejected by root: bad disk'
tap_match "diff" "$(edge_ctl diff)" 'member web/main/10\.99\.0\.21:80: +ejected by root|ejected by root'
tap_run "it is on the disk" wait_for 5 e2e_is_kept changes '.members[0].override'
restart KILL
tap_run "after it the others serve" wait_for 10 edge_member_is web 10.99.0.22 serving
tap_match "it outlives a crash" "$(edge_ctl member show web 10.99.0.21 --pool main)" \
	'^why +ejected by root for [0-9]+ s: nothing, "bad disk", until it is restored'
e2e_spread 400 "still ejected" b2=1
tap_match "restore" "$(edge_ctl member restore web 10.99.0.21 --pool main)" ': serving: all of its weight$'
e2e_spread 400 "restored" b1=1 b2=1
revision() {
	edge_ctl --json status | jq -e .node.revision
}
before=$(revision)
edge_ctl member restore web 10.99.0.21 --pool main > /dev/null
tap_is "again changes nothing" "$(revision)" "$before"

edge_ctl member eject web 10.99.0.21 --pool main --for 3s > /dev/null
tap_run "for a time: ejected" edge_member_is web 10.99.0.21 ejected
tap_run "and back by itself" wait_for 6 edge_member_is web 10.99.0.21 serving

edge_server_stop b1
tap_run "a member fails" wait_for 5 edge_member_is web 10.99.0.21 ejected
tap_match "force" "$(edge_ctl member force web 10.99.0.21 --pool main --for 10m)" \
	': forced in by root for 0 s: all of its weight, for another 600 s$|599 s$'
tap_is "it has all of its weight" "$(edge_member web 10.99.0.21 now_percent)" 100
edge_ctl member restore web 10.99.0.21 --pool main > /dev/null
tap_is "until it is restored" "$(edge_member web 10.99.0.21 now_percent)" 0

edge_server_stop b2
fallen_back() {
	edge_ctl --json service show web | jq -e '.panic == "fallback"'
}
tap_run "all of the pool fail: the fallback serves" wait_for 5 fallen_back
e2e_spread 400 "fallback" b3=1
tap_match "status says so" "$(edge_ctl status)" 'the fallback pool serves'
edge_server_start b2
tap_run "until one is back" wait_for 20 edge_member_is web 10.99.0.22 serving
e2e_spread 400 "back" b2=1
edge_server_start b1
tap_run "all serve" wait_for 20 e2e_all_serving

tap_fails "2: a time that is none" 2 'a whole number and its unit' \
	edge_ctl member eject web 10.99.0.21 --pool main --for ever
tap_fails "2: a long reason" 2 '^sluicectl: --reason: .xxx' \
	edge_ctl member eject web 10.99.0.21 --pool main --reason "$(printf 'x%.0s' {1..256})"
tap_fails "3: no such member" 3 'did you mean' edge_ctl member eject web 10.99.0.29 --pool main
MEMBER=/v1/services/web/pools/main/members/10.99.0.21
tap_match "a restore has no time" "$(edge_api PUT $MEMBER/override -d '{"override":"none","for_s":5}')" \
	'^422 .*leave for_s out|^400 .*leave for_s out'
tap_match "an unknown word" "$(edge_api PUT $MEMBER/override -d '{"override":"gone"}')" '^4[0-9][0-9] '
tap_is "nothing changed" "$(edge_member web 10.99.0.21 override)" null

# Whoever takes out the last one is warned, and gets it.
NOBODY="sluicectl: warning: web: nobody is left; new connections are dropped"
warned() { # COMMAND MEMBER POOL [MORE]: what comes beside the answer
	edge_ctl member "$1" web "$2" "${@:4}" --pool "$3" 3>&1 1> /dev/null 2>&3
}
tap_is "one of two: no warning" "$(warned eject 10.99.0.21 main)" ""
tap_is "none for who has a fallback" "$(warned drain 10.99.0.22 main)" ""
tap_is "the last, ejected: a warning" "$(warned eject 10.99.0.23 sorry)" "$NOBODY"
tap_is "once" "$(warned eject 10.99.0.23 sorry --reason again)" ""
tap_is "back: none" "$(warned restore 10.99.0.23 sorry)" ""
tap_is "drained" "$(warned drain 10.99.0.23 sorry)" "$NOBODY"
warned ready 10.99.0.23 sorry > /dev/null
tap_is "without weight" "$(warned weight 10.99.0.23 sorry 0)" "$NOBODY"
warned weight 10.99.0.23 sorry 100 > /dev/null
tap_is "in maintenance" "$(warned maint 10.99.0.23 sorry)" "$NOBODY"
warned ready 10.99.0.23 sorry > /dev/null
tap_run "it is no error" edge_ctl member eject web 10.99.0.23 --pool sorry
tap_done
