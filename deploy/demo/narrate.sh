# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# How the demo speaks: steps, what was expected, and whether it came out.

STEP=0
EXPECTED=0
FAILURES=0

step() {
	STEP=$((STEP + 1))
	printf '\n%d  %s\n' "$STEP" "$1"
}

say() {
	printf '   %s\n' "$*"
}

quote() {
	sed 's/^/   | /'
}

# How a command is written in the text.
typed() {
	printf '\x60%s\x60' "$*"
}

pass() {
	EXPECTED=$((EXPECTED + 1))
	printf '   ✓ %s\n' "$*"
}

fail() {
	EXPECTED=$((EXPECTED + 1))
	FAILURES=$((FAILURES + 1))
	printf '   ✗ FAILED: %s\n' "$*"
}

# expect TEXT COMMAND...: the command succeeds.
expect() {
	local text=$1 output
	shift
	if output=$("$@" 2>&1); then
		pass "$text"
	else
		fail "$text"
		[ -z "$output" ] || quote <<< "$output"
	fi
}

# expect_equal WHAT GOT WANTED
expect_equal() {
	if [ "$2" = "$3" ]; then
		pass "$1: ${2:-none}"
	else
		fail "$1: ${2:-none} (expected ${3:-none})"
	fi
}

# expect_between WHAT GOT LOWEST HIGHEST
expect_between() {
	if [ "$2" -ge "$3" ] && [ "$2" -le "$4" ]; then
		pass "$1: $2 (expected $3 to $4)"
	else
		fail "$1: $2 (expected $3 to $4)"
	fi
}

# expect_shares JSON NAME=WEIGHT...: answers are spread by weight, and there are enough of them to
# tell a member that is a quarter off. A right balancer fails this once in a million times.
expect_shares() {
	local table
	if table=$(printf '%s' "$1" | python3 tests/lib/shares.py --within 25 "${@:2}"); then
		pass "answers follow the weights"
	else
		fail "answers do not follow the weights"
	fi
	printf '%s\n' "$table" | sed 's/^/       /'
}

# show sluicectl ARGUMENTS...: what the user would see.
show() {
	printf '   $ %s\n' "$*"
	edge_ctl "${@:2}" 2>&1 | quote
}

picture() {
	cat <<-'END'

		     c1     c2     attacker             clients' network
		      \     |     /
		       \    |    /
		        [ router ]                      routes 192.0.2.10 to the balancer
		       /   |   \   \
		      /    |    \   \
		   lb     b1    b2   b3                 lb: XDP picks a backend, changes one MAC address
		 sluiced  nginx nginx nginx             backends answer the clients directly

	END
}

summary() {
	local seconds
	seconds=$(awk -v ms="$1" 'BEGIN { printf "%.0f", ms / 1000 }')
	echo
	if [ "$FAILURES" -eq 0 ]; then
		echo "All $EXPECTED expectations met in $seconds s."
	else
		echo "$FAILURES of $EXPECTED expectations FAILED ($seconds s)."
	fi
}
