#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# One service, several pools: shares between them, weights within, each with its own way to forward.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 4
config() { # SHARE-OF-MAIN SHARE-OF-NEXT [MODE-OF-NEXT]
	cat <<-END
		version: 1
		interfaces: [eth0]
		flows: {pre: 200ms}
		services:
		  web:
		    listen: tcp $EDGE_WEB:80
		    mode: l2
		    check: $E2E_CHECK
		    $E2E_NO_TRIAL
		    affinity: hash
		    pools:
		      main: {share: $1, members: [10.99.0.21, {address: 10.99.0.22, weight: 50}]}
		      next: {share: $2, mode: ${3:-ipip}, check: none, members: [10.99.0.23, 10.99.0.24]}
	END
}
for backend in b3 b4; do
	tap_run "$backend: sluice-decap attaches" lab_in $backend "$LAB_OUT/bin/sluice-decap" \
		attach eth0 --from "$EDGE_LB"
done
config 75 25 > "$E2E_CONFIG"
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving

# Of 75 parts two thirds and a third, of 25 a half each.
e2e_spread 2400 "75 to 25" b1=100 b2=50 b3=25 b4=25
tap_is "sluicectl lists both" "$(edge_ctl --json pool list web |
	jq -c '[.pools[] | [.name, .share, .mode]]')" '[["main",75,"l2"],["next",25,"ipip"]]'
tap_is "each with its check" "$(edge_ctl --json pool list web |
	jq -c '[.pools[].check.type]')" '["tcp","none"]'
tap_match "and its members" "$(edge_ctl pool show web next)" '10\.99\.0\.23'
tap_fails "a pool that is none, with a suggestion" 3 'did you mean next' edge_ctl pool show web nxt
tap_fails "- is no pool where there are two" 1 'web has 2 pools.*main, next' edge_ctl pool show web -
tap_fails "adding a member asks for the pool" 1 '--pool' edge_ctl member add web 10.99.0.29

# What one member loses stays between all that serve: pools are not failed over as a whole.
tap_run "maintenance in a pool" edge_ctl member maint web 10.99.0.21 --pool main
e2e_spread 2400 "in maintenance its pool-mate has the pool's share" b2=150 b3=25 b4=25
tap_run "ready" edge_ctl member ready web 10.99.0.21 --pool main
tap_run "a weight of a pool's member" edge_ctl member weight web 10.99.0.24 300 --pool next
e2e_spread 2400 "a weight counts within its pool" b1=400 b2=200 b3=50 b4=150
tap_run "taken back" edge_ctl member weight web 10.99.0.24 100 --pool next

config 20 80 > "$E2E_CONFIG"
tap_run "shares change with a reload" edge_ctl reload
e2e_spread 2400 "20 to 80" b1=40 b2=20 b3=120 b4=120
config 0 100 > "$E2E_CONFIG"
tap_run "a share of 0" edge_ctl reload
e2e_spread 2400 "0 to 100" b3=1 b4=1
config 100 0 l2 > "$E2E_CONFIG"
tap_run "the other way round, and another mode" edge_ctl reload
e2e_spread 2400 "100 to 0" b1=2 b2=1
config 50 50 l2 > "$E2E_CONFIG"
tap_run "halves, in one mode" edge_ctl reload
tap_is "which is the new one" "$(edge_ctl --json pool show web next | jq -r .mode)" l2
e2e_spread 2400 "50 to 50" b1=100 b2=50 b3=75 b4=75

# A whole pool dies.
edge_server_stop b1
edge_server_stop b2
tap_run "a dead pool is ejected" wait_for 4 edge_member_is web 10.99.0.22 ejected
tap_run "with both members" wait_for 4 edge_member_is web 10.99.0.21 ejected
e2e_spread 2400 "the other one has it all" b3=1 b4=1
tap_match "status says so" "$(edge_ctl status)" '^DEGRADED  web: 2 of 4'
tap_done
