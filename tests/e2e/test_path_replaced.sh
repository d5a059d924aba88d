#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A reload that changes the check of every member, where there are nearly as many as capacity.members
# allows: all of them are probed the new way at once, while what the old way left is not over yet.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

SERVICES=5 MEMBERS=3
configure() { # CHECK: with an interval of its own each service has targets of its own
	{
		echo "version: 1"
		echo "interfaces: [eth0]"
		echo "capacity: {members: 16}"
		echo "services:"
		for n in $(seq 1 $SERVICES); do
			echo "  s$n: {listen: \"tcp $EDGE_WEB:$((8000 + n))\", mode: l2, check: {port: 80, interval: $((500 + n))ms, timeout: 300ms, fast: 200ms, $1}, members: [10.99.0.21, 10.99.0.22, 10.99.0.23]}"
		done
	} > "$E2E_CONFIG"
}
passes() { # prints how many members have passed by the check that they have now
	edge_ctl metrics | awk 'index($1, "sluice_member_checks_total{") == 1 && /result="pass"/ { n += $2 > 0 }
		END { print n + 0 }'
}
undecided() {
	edge_ctl metrics | awk 'index($1, "sluice_member_checks_total{") == 1 && /result="undecided"/ { n += $2 }
		END { print n + 0 }'
}
all_pass() {
	[ "$(passes)" -eq $((SERVICES * MEMBERS)) ]
}

e2e_begin 3
configure "type: tcp"
e2e_start
tap_run "all answer" wait_for 10 all_pass
for check in "type: tcp, down: 3s" "type: tcp, down: 4s" "type: http" "type: http, down: 3s"; do
	configure "$check"
	tap_run "a reload: $check" edge_ctl reload
	tap_run "all answer the new way" wait_for 5 all_pass
	tap_is "no probe was given up for want of a way" "$(undecided)" 0
done
tap_done
