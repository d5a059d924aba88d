#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What a controller that finds members says of them: where new connections go, what stays, restarts.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 2
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	flows: {pre: 200ms}
	services:
	  web:
	    listen: "tcp $EDGE_WEB:80"
	    mode: l2
	    check: $E2E_CHECK
	    $E2E_NO_TRIAL
	    members: [10.99.0.21, 10.99.0.22]
END
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving
MEMBER=/v1/services/web/pools/-/members/10.99.0.21
e2e_spread 300 "both ready" b1=1 b2=1
tap_match "terminating" "$(edge_ctl member discovery web 10.99.0.21 terminating)" \
	'^web/default 10\.99\.0\.21:80: draining: nothing new, for its discovery says terminating'
e2e_spread 300 "one terminates" b2=1
tap_is "that is no trouble" "$(edge_ctl --json status | jq -r .state)" ok
tap_match "an event" "$(edge_ctl events)" 'member_discovery .*ready -> terminating'
tap_match "a metric" "$(edge_ctl metrics)" \
	'sluice_member_discovery\{.*member="10\.99\.0\.21:80",state="terminating"\} 1'
tap_match "diff" "$(edge_ctl diff)" '10\.99\.0\.21:80: discovery terminating'
tap_run "it is on the disk" wait_for 5 e2e_is_kept changes '.members[0].discovery'
lab_stop sluiced KILL
tap_run "a restart" edge_daemon_start "$E2E_CONFIG"
tap_run "the other serves" wait_for 10 edge_member_is web 10.99.0.22 serving
tap_match "it outlives a crash" "$(edge_ctl member show web 10.99.0.21)" '^discovery +terminating'
e2e_spread 300 "still" b2=1
edge_server_stop b2
tap_run "the other is down" wait_for 10 edge_member_is web 10.99.0.22 ejected
e2e_spread 300 "while nobody else serves it does" b1=1
tap_match "not ready, by the API" "$(edge_api PUT $MEMBER/discovery -d '{"discovery":"not-ready"}')" \
	'^200 .*"discovery": ?"not-ready"'
tap_is "then nobody does" "$(edge_ctl --json status | jq -r .state)" fault
tap_match "an unknown word" "$(edge_api PUT $MEMBER/discovery -d '{"discovery":"gone"}')" '^4[0-9][0-9] '
tap_match "ready" "$(edge_ctl member discovery web 10.99.0.21 ready)" ': serving: all of its weight$'
e2e_spread 300 "ready again" b1=1
tap_match "nothing is left of it" "$(edge_ctl diff)" 'runtime: nothing differs'
tap_done
