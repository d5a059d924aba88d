#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Pinned maps that somebody has tampered with, or that are half there: the start says what is wrong and
# changes nothing, the program goes on with the maps that it has, sluicectl does not fall over them, and a
# cold start puts new ones in their place without losing a request.
# shellcheck disable=SC2317 # functions that damage calls by name
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

BPFTOOL=$(command -v bpftool || echo /usr/sbin/bpftool)
e2e_begin 3
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	services:
	  web: {listen: "tcp $EDGE_WEB:80", mode: l2, check: none, members: [10.99.0.21, 10.99.0.22, 10.99.0.23]}
	  dns: {listen: "udp $EDGE_DNS:53", mode: l2, check: none, members: [10.99.0.21]}
END
e2e_start
tap_run "members are reached" wait_for 10 edge_is_settled
tap_run "upgrade-check finds nothing" edge_ctl_offline upgrade-check --config "$E2E_CONFIG"
table() {
	edge_ctl --json service show web | jq -r .table
}
before=$(table)
dir() {
	echo /sys/fs/bpf/sluice/"$LAB_PREFIX"/abi*
}
served() {
	e2e_served "$1" "$(edge_load c1 --count 60 --source "$EDGE_SOURCES1" "http://$EDGE_WEB/")"
}
start() { # NAME ARGUMENTS...
	if edge_daemon_start "$E2E_CONFIG" "${@:2}"; then
		tap_ok "$1"
	else
		tap_not_ok "$1" "$(tail -n 8 "$LAB_DIR/sluiced.log")"
	fi
}
map_set() { # MAP KEY BYTES...: the beginning of a value
	local key value bytes=()
	printf -v key '%02x %02x %02x %02x' $(($2 & 255)) $(($2 >> 8 & 255)) $(($2 >> 16 & 255)) 0
	# shellcheck disable=SC2086 # four words
	mapfile -t bytes < <("$BPFTOOL" --json map lookup pinned "$(dir)/$1" key hex $key | jq -r '.value[]')
	value=("${@:3}" "${bytes[@]:$(($# - 2))}")
	# shellcheck disable=SC2086
	"$BPFTOOL" map update pinned "$(dir)/$1" key hex $key value hex "${value[@]#0x}"
}
# in_place NAME TYPE KEY VALUE ENTRIES: another map under the name of one.
in_place() {
	rm "$(dir)/$1"
	"$BPFTOOL" map create "$(dir)/$1" type "$2" key "$3" value "$4" entries "$5" name other
}

# damage NAME PATTERN COMMAND...: of the maps that a killed daemon left.
damage() {
	local name=$1 pattern=$2 program
	lab_stop sluiced KILL
	program=$(lab_xdp_id lb eth0)
	tap_run "$name" "${@:3}"
	tap_fails "$name: upgrade-check knows that it would be" 1 "^why *.*($pattern)" \
		edge_ctl_offline upgrade-check --config "$E2E_CONFIG"
	tap_fails "$name: the start is refused, and says why and what to do" 1 "$pattern.*--cold-start" \
		edge_daemon "$E2E_CONFIG"
	tap_is "$name: the program stays" "$(lab_xdp_id lb eth0)" "$program"
	served "$name: requests are served"
	edge_ctl_offline status > "$LAB_DIR/status" 2>&1
	tap_between "$name: sluicectl status does not fall over it" $? 0 7
	start "$name: a cold start" --cold-start
	tap_match "$name: gives every slot its owner again" "$(table)" "^$before$"
	served "$name: and serves"
}

take_away() { # MAP
	rm "$(dir)/$1"
}
damage "a map is missing" 'pinned map flows is missing' take_away flows
damage "a map is of another type" 'pinned map slots is not one of this version' \
	in_place slots hash 4 8 4194304
damage "a map has other values" 'pinned map members is not one of this version' \
	in_place members array 4 128 65536
damage "a map is too small" 'pinned map flows is not one of this version|flows has 4 entries' \
	in_place flows array 4 64 4
program_for_map() { # MAP
	take_away "$1" && ln "$(dir)"/program-* "$(dir)/$1"
}
damage "a program is where a map was" 'pinned map services is (not one|no map)' program_for_map services
damage "a slot names a member that is none" 'inconsistent: slot 7 ' map_set slots 7 ff ff 00 ff ff 00 00 00
damage "a slot has flags that are none" 'inconsistent: slot 9 ' map_set slots 9 01 00 00 01 00 00 ff ff
# Packets follow what the maps say, so who changes a service there has changed it: the other one goes on.
service_cell() { # of dns: the port is at byte 32
	"$BPFTOOL" --json map dump pinned "$(dir)/services" | jq -r '.[] |
		select(.value[32:34] == ["0x00", "0x35"]) | "0x" + (.key[1] + .key[0] | gsub("0x"; ""))'
}
impossible_table() {
	map_set services "$(service_cell)" ff ff ff 7f 0c 00
}
damage "a service has a table that cannot be" 'pinned maps' impossible_table
misplaced_service() {
	local cell value
	cell=$(service_cell)
	mapfile -t value < <("$BPFTOOL" --json map lookup pinned "$(dir)/services" key hex \
		"$(printf %02x $((cell & 255)))" "$(printf %02x $((cell >> 8)))" 00 00 | jq -r '.value[]')
	map_set services $(((cell + 1) % 16384)) "${value[@]#0x}"
}
damage "a service is where nobody looks for it" 'pinned maps' misplaced_service

# With its description a set of maps loses its key, and with that who owned what.
before=".*"
damage "the description is garbage" 'meta does not describe the others' \
	map_set meta 0 63 63 63 63
before=$(table)

# Entries of flows are looked at one by one: what cannot be is no flow.
lab_stop sluiced KILL
for set in 0 1 2 3; do
	map_set flows $set 99 88 77 66 55 44 33 22 ff ff ff ff ff ff ff ff 98 88 77 66 55 44 33 22
	map_set pending $set 01 00 00 00 00 00 00 00 ff ff ff ff ff ff ff ff
done
start "flows that cannot be: adopted without them"
tap_is "the table is the same" "$(table)" "$before"
served "requests are served"

# Pins of programs are gone, and the interface runs one: it counts as somebody else's, and stays.
lab_stop sluiced KILL
program=$(lab_xdp_id lb eth0)
rm "$(dir)"/program-* "$(dir)/slots"
tap_fails "without the program's pin: refused" 1 "another XDP program runs here.*id $program" \
	edge_daemon "$E2E_CONFIG"
tap_is "it stays" "$(lab_xdp_id lb eth0)" "$program"
served "requests are served without its pin"
lab_in lb ip link set dev eth0 xdp off
start "when it is off: started anew"
served "and served"

# What is not there cannot be drained.
tap_fails "a member that is not there" 3 '10.99.0.99' edge_ctl member drain web 10.99.0.99
tap_fails "a service that is not there" 3 'wob' edge_ctl member drain wob 10.99.0.21
tap_fails "nor waited for" 3 '10.99.0.99' edge_ctl wait member web 10.99.0.99 drained
served "requests are served after that"
tap_done
