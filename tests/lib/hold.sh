# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# Long-lived connections through the balancer (tests/lib/hold.c), for tests with tests/lib/e2e.sh.

HOLD_PORT=7000
# Times short enough to play changes through.
# shellcheck disable=SC2034 # for the tests
HOLD_HEAD="version: 1
interfaces: [eth0]
flows: {pre: 1s, pending_life: 3s, closing_life: 3s, refresh: 1s}"
# shellcheck disable=SC2034 # for the tests
HOLD_MEMBERS='members: [10.99.0.21, 10.99.0.22, 10.99.0.23]'

# hold_serve NAME...: backends answer on the port, TCP and UDP, on every service address.
hold_serve() {
	local name address
	for name in "$@"; do
		for address in "$EDGE_WEB" "$EDGE_WEB6" "$EDGE_DNS"; do
			lab_start "hold-$name-$address" "$name" "$LAB_OUT/tests/lib/hold" serve "$name" \
				"$address" "$HOLD_PORT"
		done
	done
}

# hold_keep NAME NS ARGUMENTS...: holds connections in the background.
hold_keep() {
	lab_start "keep-$1" "$2" "$LAB_OUT/tests/lib/hold" keep "${@:3}" "$HOLD_PORT"
	wait_for 10 hold_has_reported "$1" 0
}

hold_reports() {
	grep -c '^{' "$LAB_DIR/keep-$1.log"
}

hold_has_reported() { # NAME COUNT
	[ "$(hold_reports "$1")" -gt "$2" ]
}

# hold_now NAME: its line of JSON as it is now.
hold_now() {
	local before
	before=$(hold_reports "$1")
	kill -USR1 "${LAB_PIDS[keep-$1]}" && wait_for 10 hold_has_reported "$1" "$before"
	grep '^{' "$LAB_DIR/keep-$1.log" | tail -n 1
}

hold_has_opened() { # NAME COUNT
	[ "$(hold_now "$1" | jq .held)" -ge "$2" ]
}

# hold_none_broken WHAT NAME...: prints how many of how many were broken; none may be.
hold_none_broken() {
	local what=$1 name now broken=0 opened=0
	shift
	for name in "$@"; do
		now=$(hold_now "$name")
		if [ -z "$now" ]; then
			tap_not_ok "$what: no connection is broken" "$name does not report"
			return
		fi
		broken=$((broken + $(jq '.broken + .unopened' <<< "$now")))
		opened=$((opened + $(jq .opened <<< "$now")))
	done
	echo "# $what: $broken of $opened connections broken"
	if [ "$broken" -eq 0 ] && [ "$opened" -gt 0 ]; then
		tap_ok "$what: no connection is broken"
	else
		tap_not_ok "$what: no connection is broken" "$(grep -h 'is broken' \
			"$LAB_DIR"/keep-*.log | sort | uniq -c | sort -rn | head -n 20)"
	fi
}

# hold_none_broken_at WHAT NAME SERVER...: of those that are held by them, which must be some.
hold_none_broken_at() {
	local what=$1 name=$2 now server held=0 broken
	shift 2
	now=$(hold_now "$name")
	for server; do
		held=$((held + $(jq ".servers.$server // 0" <<< "$now")))
	done
	broken=$(grep -cE "a connection to ($(IFS='|' && echo "$*")) is broken" "$LAB_DIR/keep-$name.log")
	echo "# $what: $broken connections to $* broken, $held held"
	if [ "$broken" -eq 0 ] && [ "$held" -gt 0 ]; then
		tap_ok "$what: no connection is broken"
	else
		tap_not_ok "$what: no connection is broken" "$broken to $*, $held held"
	fi
}

# Nothing waits, is announced, or moves.
hold_is_settled() {
	# Its exit status is about the members.
	{ edge_ctl --json status || :; } | jq -e '[.services[].flows | .announced + .moving + .waiting == 0] | all'
}

hold_is_moving() { # SERVICE
	edge_ctl --json service show "$1" | jq -e '.flows.moving > 0'
}

hold_settle() { # WHAT
	tap_run "$1: settles" wait_for 60 hold_is_settled
}

# hold_flood: SYNs from everywhere to EDGE_WEB until it is killed; it is HOLD_FLOOD. Each flood ends by
# itself after a minute, so that it is begun again.
hold_flood() {
	while :; do
		edge_flood atk -n 60000 -r 20000 -t 60 100.64.0.1 "$EDGE_WEB" "$HOLD_PORT"
	done > /dev/null &
	# shellcheck disable=SC2034 # for the caller
	HOLD_FLOOD=$!
}
