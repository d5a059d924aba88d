#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Another hash_seed: refused by a reload and by a start, with what it would break and how to do it all the
# same; then done without a gap. A larger capacity the same way breaks nothing.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/hold.sh"

e2e_begin 3
hold_serve b1 b2 b3
write() { # SEED SLOTS
	cat > "$E2E_CONFIG" <<-END
		$HOLD_HEAD
		hash_seed: "$(printf '%064d' "$1")"
		capacity: {slots: $2}
		services:
		  hold: {listen: "tcp $EDGE_WEB:$HOLD_PORT", mode: l2, check: none, learn: 6s, $HOLD_MEMBERS}
		  web: {listen: "tcp $EDGE_WEB:80", mode: l2, check: none, members: [10.99.0.21, 10.99.0.22]}
	END
}
tables() {
	edge_ctl --json status | jq -c '[.services[] | [.name, .table]]'
}
check() { # JQ
	edge_ctl_offline --json upgrade-check --config "$E2E_CONFIG" | jq -c "$1"
}
start() { # NAME ARGUMENTS...
	if edge_daemon_start "$E2E_CONFIG" "${@:2}"; then
		tap_ok "$1"
	else
		tap_not_ok "$1" "$(tail -n 8 "$LAB_DIR/sluiced.log")"
	fi
}
write 1 1048576
e2e_start
hold_keep v4 c1 -n 300 -i 300 "$EDGE_WEB"
tap_run "300 connections" wait_for 10 hold_has_opened v4 300
before=$(tables) program=$(lab_xdp_id lb eth0)

# What cannot be: nothing changes.
refused() { # NAME PATTERN LINE
	{ grep -v "^${3%%:*}:" "$E2E_CONFIG"; echo "$3"; } > "$LAB_DIR/bad.yaml"
	cp "$E2E_CONFIG" "$LAB_DIR/good.yaml"
	cp "$LAB_DIR/bad.yaml" "$E2E_CONFIG"
	tap_fails "$1: a reload refuses it" 1 "$2" edge_ctl reload
	tap_fails "$1: so does --check" 1 "$2" "$LAB_OUT/bin/sluiced" --check "$E2E_CONFIG"
	cp "$LAB_DIR/good.yaml" "$E2E_CONFIG"
}
refused "a seed that is too short" 'hash_seed.*64' 'hash_seed: "0123"'
refused "a seed that is too long" 'hash_seed.*64' "hash_seed: \"$(printf '%066d' 1)\""
refused "no room for flows" 'capacity.flows.*1024' 'capacity: {flows: 0}'
refused "room for more flows than there is memory" 'capacity.flows' 'capacity: {flows: 64G}'
refused "less than no room" 'capacity.pending_flows' 'capacity: {pending_flows: -4}'
tap_is "the tables are the same" "$(tables)" "$before"
hold_none_broken "what cannot be" v4

# Room first: the key stays, and with it every owner.
write 1 2097152
tap_fails "a reload does not make a map larger" 6 'capacity.*--cold-start' edge_ctl reload
lab_stop sluiced TERM
tap_fails "nor does a start" 1 'slots has 1048576 entries.*--cold-start' edge_daemon "$E2E_CONFIG"
tap_is "upgrade-check knows it" "$(check '[.outcome, .lost.flows, .lost.most_connections]')" \
	'["cold",0,false]'
start "unless it is cold" --cold-start
tap_is "the tables are the same" "$(tables)" "$before"
tap_run "its program runs" test "$(lab_xdp_id lb eth0)" != "$program"
hold_none_broken "more room" v4

# Another seed.
program=$(lab_xdp_id lb eth0)
write 2 2097152
for force in "" --force; do
	# shellcheck disable=SC2086 # nothing, or one word
	tap_fails "reload $force says how many connections it would break, and how" 6 \
		'hash_seed gives 67 % of the connections to service hold .*--cold-start' edge_ctl reload $force
done
hold_none_broken "refused by a reload" v4
lab_stop sluiced TERM
tap_fails "a start refuses, too" 1 'hash_seed is not the one .*--cold-start' edge_daemon "$E2E_CONFIG"
tap_is "the program stays" "$(lab_xdp_id lb eth0)" "$program"
tap_is "upgrade-check says what it costs" "$(check '[.outcome, .abi_change, .lost.most_connections]')" \
	'["cold","same",true]'
hold_none_broken "refused by a start" v4
load_in_background() {
	edge_load c2 --count 0 --seconds 8 --rate 100 --source "$EDGE_SOURCES2" "http://$EDGE_WEB/" \
		> "$LAB_DIR/load"
}
load_in_background &
load=$!
start "a cold start takes it" --cold-start
tap_run "the tables are others" test "$(tables)" != "$before"
sleep 3
now=$(hold_now v4)
echo "# of 300 connections $(jq .broken <<< "$now") are broken; 200 were announced"
tap_between "as many connections are broken as it said" "$(jq .broken <<< "$now")" 165 235
wait "$load"
tap_between "requests went on meanwhile" "$(jq .requests "$LAB_DIR/load")" 300 900
tap_between "of which few met the change" "$(jq .failed "$LAB_DIR/load")" 0 20
e2e_served "all are served by the new tables" \
	"$(edge_load c2 --count 200 --source "$EDGE_SOURCES2" "http://$EDGE_WEB/")"
after=$(tables)
lab_stop sluiced KILL
start "from then on it is adopted"
tap_is "with its tables" "$(tables)" "$after"
sed -i /hash_seed/d "$E2E_CONFIG"
tap_run "without a seed in the file the key stays" edge_ctl reload
tap_is "and the tables" "$(tables)" "$after"
tap_done
