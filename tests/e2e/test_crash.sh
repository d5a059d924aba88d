#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The daemon is killed with traffic on: packets keep flowing, limits hold, and a new daemon takes
# over what it finds, without losing a request or a connection.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 3
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	services:
	  web: {listen: "tcp $EDGE_WEB:80", mode: l2, check: $E2E_CHECK, $E2E_NO_TRIAL, limits: [per-client], members: [10.99.0.21, 10.99.0.22, 10.99.0.23]}
	  web6: {listen: "tcp [$EDGE_WEB6]:80", mode: l2, members: ["2001:db8:99::21", "2001:db8:99::22"]}
	limits:
	  per-client: {count: new-connections, rate: 5/s, burst: 1000, mode: enforce}
END
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving
table=$(edge_ctl --json service show web | jq -r .table)
counted=$(edge_ctl --json service show web | jq .packets)

# New connections, connections kept open, IPv6: all through three crashes.
load_in_background() { # NAME NS ARGUMENTS...
	edge_load "${@:2}" > "$LAB_DIR/$1" &
	LOADS+=("$!")
}
LOADS=()
load_in_background new c1 --count 0 --seconds 14 --rate 150 --source 203.0.113.0/26 "http://$EDGE_WEB/"
load_in_background kept c2 --keep --count 0 --seconds 14 --rate 200 "http://$EDGE_WEB/"
load_in_background v6 c2 --count 0 --seconds 14 --rate 100 "http://[$EDGE_WEB6]/"
# One source uses up its burst before the first crash.
edge_flood atk -r 3000 -t 1 198.51.100.66 "$EDGE_WEB" 80 > /dev/null

for round in 1 2 3; do
	sleep 1
	program=$(lab_xdp_id lb eth0)
	lab_stop sluiced KILL
	tap_is "crash $round: the program stays attached" "$(lab_xdp_id lb eth0)" "$program"
	tap_fails "crash $round: sluicectl says what is wrong" 4 'sluiced' edge_ctl service list
	sleep 1
	if edge_daemon_start "$E2E_CONFIG"; then
		tap_ok "crash $round: a new daemon takes over"
	else
		tap_not_ok "crash $round: a new daemon takes over" "$(tail -n 20 "$LAB_DIR/sluiced.log")"
	fi
	tap_is "crash $round: same table" "$(edge_ctl --json service show web | jq -r .table)" "$table"
done
tap_run "counters go on" test "$(edge_ctl --json service show web | jq .packets)" -gt "$counted"

# The limit's state is in the maps: the source that has used its burst is still held.
before=$(edge_ctl --json limit show per-client | jq .refused)
sent=$(edge_flood atk -r 3000 -t 1 198.51.100.66 "$EDGE_WEB" 80 | jq .sent)
sleep 0.2
refused=$(($(edge_ctl --json limit show per-client | jq .refused) - before))
tap_between "a limited source does not get another burst by a crash" $((sent - refused)) 0 150

wait "${LOADS[@]}"
for name in new kept v6; do
	load=$(cat "$LAB_DIR/$name")
	tap_between "$name: requests were made all along" "$(jq .requests <<< "$load")" 700 4000
	e2e_served "$name: none failed" "$load"
done

# A member that died while nobody watched.
lab_stop sluiced KILL
edge_server_stop b2
if edge_daemon_start "$E2E_CONFIG"; then tap_ok "restarted"; else tap_not_ok "restarted"; fi
tap_run "a member that died meanwhile is ejected" wait_for 5 edge_member_is web 10.99.0.22 ejected
load=$(edge_load c1 --count 300 --source 203.0.113.64/26 "http://$EDGE_WEB/")
e2e_served "and gets nothing" "$load"

# A configuration that changed while nobody watched.
lab_stop sluiced KILL
sed -i 's/, 10.99.0.22, 10.99.0.23//' "$E2E_CONFIG"
if edge_daemon_start "$E2E_CONFIG"; then tap_ok "restarted with another file"; else tap_not_ok "restarted with another file"; fi
load=$(edge_load c1 --count 300 --source 203.0.113.64/26 "http://$EDGE_WEB/")
e2e_served "it serves" "$load"
e2e_shares "at the members of the new file" "$load" b1=1

# Detaching without a daemon.
lab_stop sluiced KILL
tap_run "detach works after a crash" edge_ctl_offline detach
tap_is "nothing is attached" "$(lab_xdp_id lb eth0)" ""
tap_is "nothing is pinned" "$(find /sys/fs/bpf -path "*$LAB_PREFIX*")" ""
tap_done
