#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A start removes the limits that its configuration no longer has only after it has written the new ones.
# When both together are too many it is refused, and upgrade-check says so beforehand.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 1
limits() { # NAME COUNT SOURCES
	local number
	for number in $(seq "$2"); do
		echo "  $1$number: {count: packets, rate: 100/s, sources: $3, mode: shadow}"
	done
}
write() { # NAME COUNT SOURCES: of limits
	cat > "$E2E_CONFIG" <<-END
		version: 1
		interfaces: [eth0]
		services:
		  web: {listen: "tcp $EDGE_WEB:80", mode: l2, check: none, members: [10.99.0.21], limits: [${1}1, ${1}2]}
		limits:
		$(limits "$@")
	END
}
start() { # NAME
	if edge_daemon_start "$E2E_CONFIG"; then
		tap_ok "$1"
	else
		tap_not_ok "$1" "$(tail -n 8 "$LAB_DIR/sluiced.log")"
	fi
}
answer() { # JQ
	edge_ctl_offline --json upgrade-check --config "$E2E_CONFIG" | jq -c "$1"
}
write a 600 1024
e2e_start
tap_run "members are reached" wait_for 10 edge_is_settled
tap_is "600 limits are there" "$(edge_ctl --json status | jq '.limits | length')" 600
lab_stop sluiced TERM
# Most of them no service names: the same ones are no new ones.
tap_is "the same 600 again are not too many" "$(answer .outcome)" '"adopt"'
start "with them it starts"
program=$(lab_xdp_id lb eth0)
lab_stop sluiced TERM

write b 423 2048
tap_is "1023 are not too many" "$(answer .outcome)" '"adopt"'
write b 424 2048
tap_fails "one more is: upgrade-check knows it" 6 'why .*limits.* together are more than 1023' \
	edge_ctl_offline upgrade-check --config "$E2E_CONFIG"
tap_match "and what to do" "$(answer .next)" 'start once with fewer limits'
tap_is "no cold start is offered, for none is allowed" "$(answer '[.outcome, .lost]')" '["refused",null]'
tap_fails "the start is refused" 1 'together are more than 1023' edge_daemon "$E2E_CONFIG"
tap_fails "a cold one, too" 1 'together are more than 1023' edge_daemon "$E2E_CONFIG" --cold-start
tap_is "the program stays" "$(lab_xdp_id lb eth0)" "$program"
write b 423 2048
start "with fewer it starts"
tap_is "with these" "$(edge_ctl --json status | jq '.limits | length')" 423
lab_stop sluiced TERM
write b 424 2048
tap_is "and after it with one more" "$(answer .outcome)" '"adopt"'
tap_done
