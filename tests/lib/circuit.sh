# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# What end-to-end tests of circuits share, with tests/lib/e2e.sh and tests/lib/hold.sh.

# circuit_out SERVICE NAME LIMIT-MS ADDRESS...: how long it takes, from now, until each gets nothing new;
# to be called right after they began to fail.
circuit_out() {
	local service=$1 name=$2 limit=$3 begun now out address
	local -A took=()
	shift 3
	begun=$(date +%s%N)
	while [ ${#took[@]} -lt $# ]; do
		now=$((($(date +%s%N) - begun) / 1000000)) # the answer is of a moment later
		out=$(edge_ctl --json member list "$service" | jq -r '.members[] | select(.now_percent == 0) | .address')
		for address in "$@"; do
			[[ $'\n'$out$'\n' != *$'\n'$address$'\n'* ]] || : "${took[$address]:=$now}"
		done
		[ "$now" -lt $((20000 * LAB_PATIENCE)) ] || break
	done
	CIRCUIT_TOOK+=("${took[@]}")
	if [ ${#took[@]} -eq $# ]; then
		tap_between "$name: all $# are out in time" \
			"$(printf '%s\n' "${took[@]}" | sort -n | tail -n 1)" 0 "$((limit * LAB_PATIENCE))"
	else
		tap_not_ok "$name: all $# are out" "${#took[@]} of $# after $now ms"
	fi
}

# circuit_measured NAME: tells what circuit_out has measured since the last time.
circuit_measured() {
	echo "# measured: $1: out after $(printf '%s\n' "${CIRCUIT_TOOK[@]}" | sort -n | paste -sd ' ') ms"
	CIRCUIT_TOOK=()
}
CIRCUIT_TOOK=()

circuit_all_up() {
	edge_ctl --json status | jq -e '[.services[].pools[].members[].health == "up"] | all'
}

# circuit_begin: the daemon runs, and 200 connections are held.
circuit_begin() {
	e2e_start
	tap_run "all members answer their checks" wait_for 10 circuit_all_up
	hold_keep v4 c1 -n 200 -i 300 "$EDGE_WEB"
	tap_run "200 connections are held" wait_for 10 hold_has_opened v4 200
}

circuit_member() { # FIELD: of b2, in web
	edge_ctl --json member show web 10.99.0.22 | jq -c "$1"
}

circuit_member_is() { # FIELD VALUE
	[ "$(circuit_member "$1")" = "$2" ]
}
