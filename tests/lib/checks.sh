# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# What end-to-end tests of health checks share: rows of one service each, and the process that makes
# the probes whose answers are read.

TIMES="interval: 500ms, timeout: 400ms, fast: 200ms, down: 500ms, fall: 2, rise: 1"
NAMES=() STATES=() TEXTS=() MEMBERS=()

# One service a row, each on a port of its own, with one member that is probed on another.
check_row() { # NAME STATE TEXT CHECK [ADDRESS]
	local address=$EDGE_WEB member=${5:-10.99.0.21}
	[[ $member != *:* ]] || address="[$EDGE_WEB6]"
	NAMES+=("$1")
	STATES+=("$2")
	TEXTS+=("$3")
	MEMBERS+=("$member")
	echo "  $1: {listen: \"tcp $address:$((1000 + ${#NAMES[@]}))\", mode: l2, check: {$4, $TIMES}, members: [\"$member\"]}" \
		>> "$E2E_CONFIG"
}

# checks_begin: an empty configuration, for rows.
checks_begin() {
	chmod 755 "$LAB_DIR" # others read what is there
	cat > "$E2E_CONFIG" <<-END
		version: 1
		interfaces: [eth0]
		flows: {pre: 200ms}
		services:
	END
}

# What the daemon says of the row's member: its health and why.
checks_row_is() { # ROW
	local got
	got="$(edge_member "${NAMES[$1]}" "${MEMBERS[$1]}" health) "
	got+=$(edge_member "${NAMES[$1]}" "${MEMBERS[$1]}" health_text)
	echo "$got"
	[[ $got =~ ^${STATES[$1]}\ ${TEXTS[$1]} ]]
}

checks_watcher() { # prints the process of sluice-check that watches
	pgrep -P "${LAB_PIDS[sluiced]}" -x sluice-check
}

checks_worker() {
	pgrep -P "$(checks_watcher)" -x sluice-check
}

checks_is_replaced() { # PID
	local now
	now=$(checks_worker) && [ "$now" != "$1" ]
}

checks_health_is() { # SERVICE STATE
	[ "$(edge_member "$1" 10.99.0.21 health)" = "$2" ]
}

checks_status_says() { # PATTERN
	grep -q "$1" <<< "$(edge_ctl status)"
}

# checks_report: each row is as it should be.
checks_report() {
	local row
	for row in "${!NAMES[@]}"; do
		if wait_for 10 checks_row_is "$row"; then
			tap_ok "${NAMES[$row]}: ${STATES[$row]} ${TEXTS[$row]}"
		else
			tap_not_ok "${NAMES[$row]}: ${STATES[$row]} ${TEXTS[$row]}" "$(checks_row_is "$row")"
		fi
	done
}

checks_text_says() { # SERVICE PATTERN
	grep -qE "$2" <<< "$(edge_member "$1" 10.99.0.21 health_text)"
}
