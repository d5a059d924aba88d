#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What clients' packets say of members: one whose answers to clients get lost, while its checks pass,
# becomes suspect, is probed faster, and is never out for that alone. A flood makes nobody suspect.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 3
config() { # CIRCUIT
	cat <<-END
		version: 1
		interfaces: [eth0]
		flows: {pre: 200ms, pending_life: 3s, closing_life: 3s, refresh: 1s}
		services:
		  web:
		    listen: tcp $EDGE_WEB:80
		    mode: l2
		    check: tcp
		    circuit: $1
		    members: [10.99.0.21, 10.99.0.22, 10.99.0.23]
		  tunnel: # nobody looks whether the member decapsulates: it does not
		    listen: tcp $EDGE_TUNNEL:80
		    mode: ipip
		    check: {type: tcp, via: member}
		    circuit: $1
		    members: [10.99.0.21]
	END
}
EAGER="{passive: suspect, open: 1s, trial: 30s, trial_share: 50}"
config "$EAGER" > "$E2E_CONFIG"
e2e_start
member() { # FIELD [NUMBER]: of b2, or another
	edge_ctl --json member show web "10.99.0.2${2:-2}" | jq -c "$1"
}
member_is() { # FIELD VALUE [NUMBER]
	[ "$(member "$1" "${3:-2}")" = "$2" ]
}
all_up() {
	edge_ctl --json service show web | jq -e '[.pools[].members[].health == "up"] | all'
}
suspects() { # how many members of web are
	edge_ctl --json service show web | jq '[.pools[].members[] | select(.passive.is_suspect)] | length'
}
# What b2 sends to clients, or to everybody, gets lost on its own way out.
CLIENTS=(198.51.100.0/24 203.0.113.0/24)
deafen() { # add|del NAME PREFIX...
	local prefix
	for prefix in "${@:3}"; do lab_in "$2" ip route "$1" blackhole "$prefix"; done
}
# probes NUMBER SECONDS: how many of its checks passed in that time.
probes() {
	local before
	before=$(member .check.pass "$1")
	sleep "$2"
	echo $(($(member .check.pass "$1") - before))
}
# took_until LIMIT COMMAND...: milliseconds until it is true, 0: never.
took_until() {
	local begun
	begun=$(lab_now_ms)
	wait_for "$@" || { echo 0; return; }
	echo $(($(lab_now_ms) - begun))
}

tap_run "all members answer their checks" wait_for 10 all_up
lab_start load c1 python3 "$LAB_ROOT/tests/lib/load.py" --count 0 --seconds 600 --rate 60 \
	--workers 64 --timeout 1.5 --source "$EDGE_SOURCES1" "http://$EDGE_WEB/"
knows_flows() {
	edge_ctl --json service show web |
		jq -e '[.pools[].members[].passive | .watched == "all" and .unanswered_percent != null] | all'
}
tap_run "little traffic: all of its flows are watched" wait_for 20 knows_flows
tap_run "they are answered" member_is .passive.unanswered_percent 0
tap_is "nobody is suspect" "$(suspects)" 0
tap_match "metrics count them" "$(edge_ctl metrics)" \
	'sluice_member_handshakes_total\{lb_service="web",pool="default",member="10.99.0.22:80"\} [1-9]'

# ---- answers to clients get lost, checks pass
deafen add b2 "${CLIENTS[@]}"
took=$(took_until 30 member_is .state '"suspect"')
echo "# answers to clients get lost: suspect after $took ms"
tap_between "suspect in time" "$took" 1 15000
tap_is "it serves on" "$(member .now_percent)" 100
tap_is "it is the only one" "$(suspects)" 1
tap_match "why, in words" "$(member .share_text)" \
	'suspect: [0-9]+ % of [0-9]+ new flows were not answered \(pool [0-9]+ %\), probing every 500 ms'
tap_match "in the list" "$(edge_ctl member list web)" '10\.99\.0\.22:80 .*suspect, [0-9]+ % unanswered'
status=$(edge_ctl status)
tap_match "status is fine, and says so" "$status" '^OK .*3 of 3.*, 1 suspect|^OK .* 1 suspect'
tap_match "and why" "$status" '10\.99\.0\.22:80 suspect: '
tap_match "service show" "$(edge_ctl service show web)" '^10\.99\.0\.22:80  suspect: '
tap_match "an event tells it" "$(edge_ctl events)" 'suspect: [0-9]+ % of .*; probed every 500 ms'
fast=$(probes 2 5) usual=$(probes 1 5)
echo "# probes in 5 s: $fast of the suspect, $usual of another"
tap_between "it is probed faster" "$fast" 7 12
tap_between "others are not" "$usual" 1 4

# ---- a new daemon knows nothing of it, and finds out again
lab_stop sluiced TERM
edge_daemon_start "$E2E_CONFIG"
tap_is "after a restart it is not suspect" "$(member .passive.is_suspect)" false
tap_run "until there is evidence again" wait_for 30 member_is .state '"suspect"'

# ---- calm
deafen del b2 "${CLIENTS[@]}"
took=$(took_until 60 member_is .state '"serving"')
echo "# answers arrive again: calm after $took ms"
tap_between "calm in time" "$took" 9000 40000
tap_match "its history has both" "$(edge_ctl member show web 10.99.0.22)" 'no longer suspect: '

# ---- a check that fails takes a suspect out sooner
edge_server_stop b3
took=$(took_until 20 member_is .now_percent 0 3)
echo "# refused, not suspect: out after $took ms"
tap_between "out at the usual interval" "$took" 1 4500
edge_server_start b3
tap_run "it serves again" wait_for 60 e2e_all_serving
deafen add b2 "${CLIENTS[@]}"
tap_run "b2 is suspect" wait_for 30 member_is .state '"suspect"'
edge_server_stop b2
took=$(took_until 20 member_is .now_percent 0)
echo "# refused, suspect: out after $took ms"
tap_between "out sooner" "$took" 1 2800
tap_is "its check has done it" "$(member .health)" '"down"'
deafen del b2 "${CLIENTS[@]}"

# ---- a trial ends early when flows go well
edge_server_start b2
tap_run "on trial" wait_for 30 member_is .state '"on trial"'
took=$(took_until 30 member_is .circuit.state '"closed"')
echo "# a trial of 30 s with good flows: over after $took ms"
tap_between "the trial ends early" "$took" 1 20000
tap_run "all serve" wait_for 60 e2e_all_serving

# ---- a flood of SYNs from forged sources
calm() { [ "$(suspects)" = 0 ]; }
tap_run "nobody is suspect before the flood" wait_for 60 calm
lab_start flood atk "$LAB_OUT/tests/lib/flood" -n 60000 -r 3000 -t 20 100.64.0.1 "$EDGE_WEB" 80
worst=0 pool=0
for _ in $(seq 18); do
	sleep 1
	now=$(suspects)
	[ "$now" -gt "$worst" ] && worst=$now
	percent=$(member '.passive.pool_percent // 0')
	[ "$percent" -gt "$pool" ] && pool=$percent
done
echo "# flood: up to $pool % of the pool's new flows not answered"
tap_between "a flood is seen in all members" "$pool" 50 100
tap_is "and makes nobody suspect" "$worst" 0
wait_for 20 lab_is_gone flood || true

# ---- observe
config "{passive: observe}" > "$E2E_CONFIG"
tap_run "passive: observe" edge_ctl reload
tap_run "calm again" wait_for 60 calm
deafen add b3 "${CLIENTS[@]}"
tap_run "suspect is shown" wait_for 60 member_is .state '"suspect"' 3
tap_match "and that nothing comes of it" "$(member .share_text 3)" 'only shown \(passive: observe\)'
usual=$(probes 3 6)
echo "# observe: $usual probes in 6 s"
tap_between "it is probed as always" "$usual" 1 5

# ---- disabled
config "{passive: disabled}" > "$E2E_CONFIG"
tap_run "passive: disabled" edge_ctl reload
tap_is "nobody is suspect" "$(suspects)" 0
tap_is "nothing is watched" "$(member .passive.watched 3)" '"none"'
deafen del b3 "${CLIENTS[@]}"
lab_stop load TERM

# ---- a host without decapsulation says so itself
config "$EAGER" > "$E2E_CONFIG"
tap_run "passive: suspect" edge_ctl reload
edge_load c1 --count 20 --workers 4 --timeout 0.5 "http://$EDGE_TUNNEL/" > /dev/null
tunnel_is_suspect() {
	[ "$(edge_ctl --json member show tunnel 10.99.0.21 | jq -r .passive.icmp_error)" = "protocol unreachable" ]
}
tap_run "ICMP errors about tunnel packets: suspect" wait_for 10 tunnel_is_suspect
tap_match "in words" "$(edge_ctl member show tunnel 10.99.0.21)" \
	'suspect: [0-9]+ ICMP errors? \(protocol unreachable\)'
tap_is "it serves on" "$(edge_ctl --json member show tunnel 10.99.0.21 | jq .now_percent)" 100
tap_done
