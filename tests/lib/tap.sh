# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# TAP for shell scripts: source it, call checks, end with `tap_done`. A check that is not reached
# because the script ended early is noticed: there is no plan then.

TAP_COUNT=0
TAP_FAILED=0

# A command that does not exist has no output, which is what many a check hopes for. Wherever it was
# called, the script ends before its plan.
command_not_found_handle() {
	echo "# no command $1: the test ends here" >&2
	kill -TERM $$
	return 127
}

tap_ok() {
	TAP_COUNT=$((TAP_COUNT + 1))
	echo "ok $TAP_COUNT - $1"
}

# tap_not_ok NAME [DETAIL...]
tap_not_ok() {
	TAP_COUNT=$((TAP_COUNT + 1))
	TAP_FAILED=$((TAP_FAILED + 1))
	echo "not ok $TAP_COUNT - $1"
	shift
	[ $# -eq 0 ] || printf '%s\n' "$@" | sed 's/^/# /'
}

tap_skip() {
	TAP_COUNT=$((TAP_COUNT + 1))
	echo "ok $TAP_COUNT - $1 # SKIP $2"
}

# tap_skip_all REASON: for a script that cannot run here.
tap_skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

# tap_run NAME COMMAND...: the command succeeds. Its output is shown when it does not. It runs in this
# shell: variables that it sets, such as the process of a daemon that it starts, are set afterwards.
tap_run() {
	local tap_name=$1 tap_output tap_status
	shift
	tap_output=$(mktemp) || exit 1
	"$@" > "$tap_output" 2>&1
	tap_status=$?
	if [ "$tap_status" -eq 0 ]; then
		tap_ok "$tap_name"
	else
		tap_not_ok "$tap_name" "$* failed with status $tap_status" "$(cat "$tap_output")"
	fi
	rm -f "$tap_output"
}

# tap_fails NAME STATUS PATTERN COMMAND...: the command exits with STATUS, and says something that
# the extended regular expression matches.
tap_fails() {
	local name=$1 wanted=$2 pattern=$3 output status
	shift 3
	output=$("$@" 2>&1)
	status=$?
	if [ "$status" -ne "$wanted" ]; then
		tap_not_ok "$name" "exit status $status instead of $wanted" "$output"
	elif ! grep -qE -- "$pattern" <<< "$output"; then
		tap_not_ok "$name" "no /$pattern/ in:" "$output"
	else
		tap_ok "$name"
	fi
}

# tap_is NAME GOT WANTED
tap_is() {
	if [ "$2" = "$3" ]; then
		tap_ok "$1"
	else
		tap_not_ok "$1" "got    $2" "wanted $3"
	fi
}

# tap_match NAME TEXT PATTERN
tap_match() {
	if grep -qE -- "$3" <<< "$2"; then
		tap_ok "$1"
	else
		tap_not_ok "$1" "no /$3/ in:" "$2"
	fi
}

# tap_between NAME NUMBER LOWEST HIGHEST
tap_between() {
	if awk -v n="$2" -v low="$3" -v high="$4" \
		'BEGIN { exit !(n ~ /^-?[0-9.]+$/ && n >= low && n <= high) }'; then
		tap_ok "$1"
	else
		tap_not_ok "$1" "got $2, wanted $3 to $4"
	fi
}

tap_done() {
	echo "1..$TAP_COUNT"
	exit $((TAP_FAILED > 0))
}
