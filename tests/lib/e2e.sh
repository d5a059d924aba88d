# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# What end-to-end tests share: TAP, the lab, the edge site, and sentences about the balancer.

E2E_LIB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$E2E_LIB/../.." || exit 1
. "$E2E_LIB/tap.sh"
. "$E2E_LIB/lab.sh"
. "$E2E_LIB/edge.sh"

E2E_CONFIG=""
# shellcheck disable=SC2034 # for the tests: checks that notice within a second
E2E_CHECK="{type: tcp, interval: 500ms, timeout: 300ms, fast: 200ms, down: 500ms}"
# shellcheck disable=SC2034 # and for those in which a member is back when its check passes
E2E_NO_TRIAL="circuit: {mode: disabled}"

# e2e_begin BACKENDS: the site, for a test that is root.
e2e_begin() {
	[ "$(id -u)" -eq 0 ] || tap_skip_all "network namespaces and BPF need root"
	local program
	for program in bin/sluiced bin/sluicectl bin/sluice-decap tests/lib/flood bpf/xdp_pass.bpf.o; do
		[ -e "$LAB_OUT/$program" ] || lab_die "$LAB_OUT/$program is missing: make test-programs"
	done
	lab_init sly
	E2E_CONFIG=$LAB_DIR/sluice.yaml
	edge_build "$1"
}

# e2e_start: the daemon with $E2E_CONFIG; without it the rest makes no sense.
e2e_start() {
	if edge_daemon_start "$E2E_CONFIG"; then
		tap_ok "the daemon is ready"
	else
		tap_not_ok "the daemon is ready" "$(cat "$LAB_DIR/sluiced.log")"
		tap_done
	fi
}

# Every member of every service answers its checks, if its pool has a share or not.
e2e_all_serving() {
	edge_ctl --json status | jq -e '[.services[] | .members_serving + .members_idle == .members_total] | all'
}

# e2e_is_checked SERVICE: each of its members has a verdict of its check, as a shift wants.
e2e_is_checked() {
	edge_ctl --json service show "$1" | jq -e '[.pools[].members[].health != "unknown"] | all'
}

# e2e_settle: what was changed is in force for new connections.
e2e_settle() {
	wait_for 10 edge_is_settled || tap_not_ok "slots get their new owners" "$(edge_ctl stats)"
}

# e2e_served NAME JSON: of the load's requests, none failed.
e2e_served() {
	tap_is "$1" "$(jq -c '{failed, errors}' <<< "$2")" '{"failed":0,"errors":{}}'
}

# e2e_shares NAME JSON NAME=WEIGHT...: answers are spread by weight.
e2e_shares() {
	local table
	if table=$(python3 "$E2E_LIB/shares.py" "${@:3}" <<< "$2"); then
		tap_ok "$1"
	else
		tap_not_ok "$1" "$table"
	fi
}

# e2e_spread COUNT NAME MEMBER=WEIGHT...: so many requests to EDGE_WEB arrive, spread by weight.
e2e_spread() {
	local load
	e2e_settle
	load=$(edge_load c1 --count "$1" --source "$EDGE_SOURCES1" "http://$EDGE_WEB/")
	e2e_served "$2: $1 requests arrive" "$load"
	e2e_shares "$2: at each member as its weight says" "$load" "${@:3}"
}

# e2e_verdict NAME FIELD: a counter of the packet path.
e2e_verdict() {
	sleep 0.3 # the daemon gives counters that are up to 0.2 s old
	edge_ctl --json stats | jq --arg n "$1" '.verdicts[] | select(.name == $n) | .packets'
}

# e2e_events TYPE JQ: a filter over the list of all events of this type.
e2e_events() {
	edge_get "/v1/events?since=0" | jq -ce "[.events[] | select(.type == \"$1\")] | $2"
}

# e2e_is_kept NAME FILTER: what the state directory has on the disk: changes, shifts, names.
e2e_is_kept() {
	jq -e ".content | $2" "$LAB_DIR/state/$LAB_PREFIX/$1.json"
}

# e2e_last_event: the number of the last of the events that it reads, as `--json events` prints them.
e2e_last_event() {
	jq -s '[.[].last // .[].seq] | max'
}

# e2e_taken_out: members to which such events say that anything happened.
e2e_taken_out() {
	jq -rs '[.[] | (.events // [.])[] |
		select(.type == "member_down" or .type == "member_nexthop" or .type == "member_circuit")
		| .member] | unique | join(" ")'
}

# e2e_hold ADDRESS...: the backends have these service addresses, too, and begin nothing from them.
e2e_hold() {
	local path name address
	for path in /run/netns/"$LAB_PREFIX"-b*; do
		name=${path##*/"$LAB_PREFIX"-}
		for address in "$@"; do
			lab_in "$name" ip address add "$address" dev lo preferred_lft 0
		done
	done
}
