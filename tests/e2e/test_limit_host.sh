#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A limit of everything that arrives: it holds a flood to the host's own address, also after a restart,
# and counts neither management nor members.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 2
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	management: {prefixes: [198.51.100.77]}
	services:
	  web: {listen: "tcp $EDGE_WEB:80", mode: l2, members: [10.99.0.21, 10.99.0.22]}
	limits:
	  host: {count: packets, rate: 50/s, burst: 100, scope: everything, mode: enforce}
END
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving

# passed SOURCE TARGET: packets that are not refused in three seconds.
passed() {
	local before sent
	before=$(e2e_verdict host_limit)
	sent=$(edge_flood atk -r 3000 -t 3 "$1" "$2" 22 | jq .sent)
	sleep 0.2
	echo $((sent - $(e2e_verdict host_limit) + before))
}

tap_between "a flood to the host itself is held" "$(passed 198.51.100.66 "$EDGE_LB")" 240 270
tap_between "one to a service, too" "$(passed 198.51.100.67 "$EDGE_WEB")" 240 270
tap_between "management is not" "$(passed 198.51.100.77 "$EDGE_LB")" 8000 10000
tap_match "where knows it" "$(edge_ctl where "tcp 198.51.100.66:4711 > $EDGE_LB:22")" \
	'^limit +host, enforce, counts packets to anything of 198.51.100.66/32 at 50/s'
tap_is "members still answer their checks" "$(edge_ctl --json service show web | jq .members_serving)" 2
lab_stop sluiced KILL
if edge_daemon_start "$E2E_CONFIG"; then tap_ok "restarted"; else tap_not_ok "restarted"; fi
tap_between "held by the next daemon" "$(passed 198.51.100.68 "$EDGE_LB")" 240 270
sed -i '/^limits:/,$d' "$E2E_CONFIG"
tap_run "without it" edge_ctl reload
tap_between "all pass" "$(passed 198.51.100.66 "$EDGE_LB")" 8000 10000
sed -i '/^management/d' "$E2E_CONFIG"
echo "limits: {host: {count: packets, rate: 50/s, scope: everything, mode: enforce}}" >> "$E2E_CONFIG"
tap_fails "not without management prefixes" 1 'limits.host.scope: .* needs management.prefixes' \
	edge_ctl reload
tap_done
