#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The limiter under attack, with live frames: inside a flood from a million forged sources no honest
# one is refused, and loud ones get their limit. `make bench-attack` has the large numbers.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

RATE=50     # a source, a second; the burst is the default, as much
FLOOD=30000 # packets a second, of the 51,200 within which the limit is exact
WARM=3 WINDOW=10
HONEST=198.18.0.0 HONEST_COUNT=100
LOUD=198.18.1.0 LOUD_COUNT=8       # ten times their limit
LOUDEST=198.18.2.0 LOUDEST_COUNT=2 # a hundred times
FORGED=10.128.0.0

e2e_begin 1
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	services:
	  sink:
	    listen: "udp $EDGE_DNS:53"
	    mode: l2
	    limits: [per-source]
	    check: {type: none}
	    members: [10.99.0.21]
	limits:
	  per-source: {count: packets, rate: $RATE/s, mode: enforce, sources: 1024}
END
e2e_start
limit() { edge_ctl --json limit show per-source | jq ".$1"; }
tap_is "the flood stays within the bound" "$(($(limit exact_up_to_pps) > FLOOD))" 1

# flood SECONDS RATE SOURCE COUNT [BURST]
flood() {
	edge_flood atk -u -t "$1" -r "$2" -n "$4" -b "${5:-1}" "$3" "$EDGE_DNS" 53
}

is_ready() { grep -q ready "$LAB_DIR/tally.err"; }
is_capturing() { edge_api GET /v1/captures | cut -c5- | jq -e '.captures[0].state == "running"'; }

# attack NAME BURST: forged sources send so many packets at once.
attack() {
	local seconds=$((WARM + WINDOW + 3)) before passed
	lab_in b1 "$LAB_OUT/tests/lib/tally" -w "$WARM" -t "$WINDOW" eth0 "$LOUD" 53 \
		> "$LAB_DIR/tally" 2> "$LAB_DIR/tally.err" &
	local tally=$!
	edge_ctl --json capture --verdict limit --source "$HONEST/24" --max 10 --for "${seconds}s" \
		> "$LAB_DIR/refused" 2> "$LAB_DIR/refused.err" &
	local capture=$!
	wait_for 5 is_ready > /dev/null
	wait_for 5 is_capturing > /dev/null
	before=$(limit refused)
	flood "$seconds" $((HONEST_COUNT * RATE * 6 / 10)) "$HONEST" "$HONEST_COUNT" > "$LAB_DIR/honest" &
	local honest=$!
	flood "$seconds" $((LOUD_COUNT * RATE * 10)) "$LOUD" "$LOUD_COUNT" > /dev/null &
	flood "$seconds" $((LOUDEST_COUNT * RATE * 100)) "$LOUDEST" "$LOUDEST_COUNT" > /dev/null &
	flood "$seconds" "$FLOOD" "$FORGED" 1000000 "$2" > "$LAB_DIR/forged"
	wait "$honest" "$tally" "$capture"
	echo "# honest $(cat "$LAB_DIR/honest"), forged $(cat "$LAB_DIR/forged")"
	echo "# $(limit replaced_debt) words taken from a source in debt"
	tap_between "$1: the flood was one" "$(jq .sent "$LAB_DIR/forged")" \
		$((FLOOD * seconds / 2)) $((FLOOD * seconds + 100))
	tap_is "$1: the counter lost nothing" "$(jq .lost "$LAB_DIR/tally")" 0
	tap_is "$1: no honest packet was refused" "$(cat "$LAB_DIR/refused.err")" \
		"0 packets captured (time over)"
	tap_between "$1: loud ones were" $(($(limit refused) - before)) $((RATE * seconds)) 1000000
	passed=$(jq -c '[.sources | to_entries[] | select(.key | test("^198\\.18\\.[12]\\.")) | .value]' \
		"$LAB_DIR/tally")
	echo "# loud ones passed $passed of $((RATE * WINDOW))"
	tap_is "$1: all loud sources are counted" "$(jq length <<< "$passed")" \
		$((LOUD_COUNT + LOUDEST_COUNT))
	tap_between "$1: the quietest of them gets its limit" "$(jq min <<< "$passed")" \
		$((RATE * WINDOW * 95 / 100)) $((RATE * WINDOW * 105 / 100))
	tap_between "$1: and so does the loudest" "$(jq max <<< "$passed")" \
		$((RATE * WINDOW * 95 / 100)) $((RATE * WINDOW * 105 / 100))
}

attack "single packets" 1
attack "bursts of ten" 10

# Whoever captures refusals sees them: the same question about a loud source.
edge_ctl --json capture --verdict limit --source "$LOUD/24" --max 2 --for 10s \
	> "$LAB_DIR/refused" 2> "$LAB_DIR/refused.err" &
CAPTURE=$!
wait_for 5 is_capturing > /dev/null
flood 2 2000 "$LOUD" 1 > /dev/null
wait "$CAPTURE"
tap_is "a refused packet is captured" "$(cat "$LAB_DIR/refused.err")" "2 packets captured (full)"
tap_done
