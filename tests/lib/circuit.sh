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
		[ "$now" -lt 20000 ] || break
	done
	CIRCUIT_TOOK+=("${took[@]}")
	if [ ${#took[@]} -eq $# ]; then
		tap_between "$name: all $# are out in time" \
			"$(printf '%s\n' "${took[@]}" | sort -n | tail -n 1)" 0 "$limit"
	else
		tap_not_ok "$name: all $# are out" "${#took[@]} of $# within 20 s"
	fi
}

# circuit_measured NAME: tells what circuit_out has measured since the last time.
circuit_measured() {
	echo "# measured: $1: out after $(printf '%s\n' "${CIRCUIT_TOOK[@]}" | sort -n | paste -sd ' ') ms"
	CIRCUIT_TOOK=()
}
CIRCUIT_TOOK=()

# circuit_spread NAME MEMBER=WEIGHT...: requests arrive, at these.
circuit_spread() {
	local load
	e2e_settle
	load=$(edge_load c1 --count 1200 --source "$EDGE_SOURCES1" "http://$EDGE_WEB/")
	e2e_served "$1: 1200 requests arrive" "$load"
	e2e_shares "$1: at those who should serve" "$load" "${@:2}"
}

circuit_all_up() {
	edge_ctl --json status | jq -e '[.services[].pools[].members[].health == "up"] | all'
}
