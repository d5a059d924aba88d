#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Ceilings: a flood of ever new sources opens no more connections than a service, or a member, may have;
# they outlive a restart and a change of rate.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 2
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	services:
	  web: {listen: "tcp $EDGE_WEB:80", mode: l2, max_new: 200/s, members: [10.99.0.21, 10.99.0.22]}
	  dns:
	    listen: "udp $EDGE_DNS:53"
	    mode: l2
	    max_new_per_member: 100/s
	    members: [10.99.0.21, {address: 10.99.0.22, max_new: 300/s}]
END
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving

metric() { # NAME LABELS
	edge_ctl metrics | sed -n "s/^$1{$2} //p"
}
web() {
	metric sluice_service_ceiling_passed_total 'lb_service="web"'
}

# opened SECONDS: connections that the web service admits in a flood from 60,000 sources.
opened() {
	local before
	before=$(web)
	edge_flood atk -r 5000 -t "$1" -n 60000 198.18.0.1 "$EDGE_WEB" 80 > "$LAB_DIR/flood"
	sleep 0.2
	echo $(($(web) - before))
}

passed=$(opened 3)
tap_between "a service gets its rate, and a second of it at once" "$passed" 600 880
tap_between "the rest is dropped, under its reason" "$(e2e_verdict service_ceiling)" 10000 15000
tap_match "service show" "$(edge_ctl service show web)" '^ceiling +200/s new connections; admits '

edge_flood atk -r 5000 -t 3 -n 60000 -u 198.18.0.1 "$EDGE_DNS" 53 > "$LAB_DIR/flood"
sleep 0.2
total() { # MEMBER: packets forwarded to it
	metric sluice_member_packets_total "lb_service=\"dns\",pool=\"default\",member=\"$1:53\""
}
tap_between "a member gets what its pool says" "$(total 10.99.0.21)" 300 440
tap_between "or what it says itself" "$(total 10.99.0.22)" 900 1320
tap_match "member show" "$(edge_ctl member show dns 10.99.0.22)" '^ceiling +300/s new connections'

# Another daemon: who was at the ceiling still is.
edge_flood atk -r 5000 -t 8 -n 60000 198.18.0.1 "$EDGE_WEB" 80 > "$LAB_DIR/flood" &
FLOOD=$!
sleep 1
lab_stop sluiced
before=$(date +%s%N)
if edge_daemon_start "$E2E_CONFIG"; then tap_ok "restarted in a flood"; else tap_not_ok "restarted in a flood"; fi
first=$(web)
sleep 2
ms=$((($(date +%s%N) - before) / 1000000))
tap_between "and nobody gets a new burst" $(($(web) - first)) 200 $((ms * 200 * 105 / 1000 / 100 + 20))
sed -i 's|max_new: 200/s|max_new: 1k/s|' "$E2E_CONFIG"
before=$(date +%s%N) first=$(web)
tap_run "another rate, in a flood" edge_ctl reload
sleep 1
ms=$((($(date +%s%N) - before) / 1000000))
tap_between "holds at once" $(($(web) - first)) 500 $((ms * 1050 / 1000 + 1000))
wait $FLOOD
sed -i 's|max_new: 1k/s, ||' "$E2E_CONFIG"
tap_run "without a ceiling" edge_ctl reload
before=$(e2e_verdict service_ceiling)
edge_flood atk -r 2000 -t 1 -n 60000 198.18.0.1 "$EDGE_WEB" 80 > "$LAB_DIR/flood"
sleep 0.2
tap_is "nothing is refused" "$(e2e_verdict service_ceiling)" "$before"

sed -i 's|max_new_per_member: 100/s|max_new_per_member: 100MB/s|' "$E2E_CONFIG"
tap_fails "a ceiling of bytes is a mistake" 6 'max_new_per_member: 100MB/s does not count new connections' \
	edge_ctl reload
tap_done
