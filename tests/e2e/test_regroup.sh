#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Members become pools, pools get other names: the members are the same ones. What people said of them
# goes on, and no connection breaks.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/hold.sh"

e2e_begin 3
hold_serve b1 b2 b3
config() { # MEMBERS, a line or more
	cat > "$E2E_CONFIG" <<-END
		$HOLD_HEAD
		services:
		  web:
		    listen: "tcp $EDGE_WEB:$HOLD_PORT"
		    mode: l2
		    affinity: hash
		    learn: 3s
		    check: $E2E_CHECK
		    $E2E_NO_TRIAL
		    $1
	END
}
config "$HOLD_MEMBERS"
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving
hold_keep web c1 -n 300 -i 300 -r 100 "$EDGE_WEB"
tap_run "connections are open" wait_for 20 hold_has_opened web 300
tap_run "one drains" edge_ctl member drain web 10.99.0.22
tap_run "one is ejected" edge_ctl member eject web 10.99.0.23 --reason "bad disk"
hold_settle "before"

assert_said() { # WHAT
	tap_is "$1: it drains" "$(edge_member web 10.99.0.22 admin)" drain
	tap_is "$1: it is ejected, for that reason" \
		"$(edge_ctl --json service show web | jq -r '.pools[].members[] |
			select(.address == "10.99.0.23") | .override.reason')" "bad disk"
	tap_is "$1: all are up as they were" "$(edge_ctl --json service show web |
		jq -c '[.pools[].members[].health] | unique')" '["up"]'
	hold_settle "$1"
	hold_none_broken "$1" web
}

config "pools: {stable: {members: [10.99.0.23, 10.99.0.22, 10.99.0.21]}}"
tap_run "members become a pool" edge_ctl reload
assert_said "a pool"
config "pools: {one: {members: [10.99.0.21]}, two: {members: [10.99.0.22, 10.99.0.23]}}"
tap_run "the pool becomes two" edge_ctl reload
assert_said "two pools"
tap_match "an event says where it went" "$(edge_ctl events)" 'moved from pool stable'
lab_stop sluiced TERM
tap_match "who looks without the daemon finds it there" \
	"$(edge_ctl_offline member maint web 10.99.0.22 --pool two 2>&1)" '10\.99\.0\.22.* maint'
tap_done
