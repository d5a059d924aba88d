#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What sluicectl says when the daemon does not answer: never started, killed, hung, out of reach; and
# what it finds of it in the kernel.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 1
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	services:
	  web: {listen: "tcp $EDGE_WEB:80", mode: l2, check: $E2E_CHECK, $E2E_NO_TRIAL, members: [10.99.0.21]}
END

# says NAME STATUS PATTERN...: `sluicectl status` exits with STATUS, and its output, lines and spaces
# joined, has all of it.
says() {
	local name=$1 wanted=$2 output status pattern
	shift 2
	output=$(edge_ctl status 2>&1)
	status=$?
	output=$(tr -s ' \n' ' ' <<< "$output")
	tap_is "$name: exit status $wanted" "$status" "$wanted"
	for pattern; do
		tap_match "$name: $pattern" "$output" "$pattern"
	done
}
serves() {
	e2e_served "$1" "$(edge_load c1 --count 50 "http://$EDGE_WEB/")"
}

says "never started" 4 '^FAULT sluiced is not running.*left nothing' 'no socket at' \
	"start it: .*--instance $LAB_PREFIX"
e2e_start
tap_run "the member serves" wait_for 10 e2e_all_serving
says "running" 0 '^OK'

lab_stop sluiced KILL
says "killed" 4 '^FAULT sluiced stopped [0-9]+ s ago \(killed, .*packets still forwarded.* on eth0' 'health frozen' \
	"next .*sluicectl --instance $LAB_PREFIX detach" 'nobody listens at'
serves "which is true: packets are forwarded"
tap_fails "killed: other commands say so" 4 'sluiced is not running' edge_ctl service list
tap_fails "killed: --json, too" 4 'sluiced is not running' edge_ctl --json service list
if output=$(edge_ctl --json status 2> /dev/null); then
	tap_not_ok "killed: --json status exits with 4" "exit status 0: $output"
else
	tap_is "killed: --json status exits with 4" $? 4
fi
cp "$LAB_OUT/bin/sluicectl" "$LAB_DIR/sluicectl" # where anybody may run it
tap_fails "killed: who may not look is told to be root" 5 'not permitted.*control.sock' \
	lab_in lb setpriv --reuid nobody --regid nogroup --clear-groups "$LAB_DIR/sluicectl" \
	--instance "$LAB_PREFIX" --socket "$(edge_socket)" status
rm "$(edge_socket)"
says "killed, and its directory swept" 4 '^FAULT sluiced .*still forwarded.* on eth0' 'no socket at'

# Somebody takes the program off; the pins stay.
lab_in lb ip link set dev eth0 xdp off
says "taken off" 4 '^FAULT sluiced .*maps are still pinned' \
	'on no interface'
if edge_daemon_start "$E2E_CONFIG"; then
	tap_ok "the next daemon takes over"
else
	tap_not_ok "the next daemon takes over" "$(tail -n 20 "$LAB_DIR/sluiced.log")"
fi
tap_run "its member serves" wait_for 10 e2e_all_serving
says "running again" 0 '^OK'
serves "which is true: requests are served"

# A daemon that hangs is not a dead one.
kill -STOP "${LAB_PIDS[sluiced]}"
tap_fails "hung: exit status 7 after the time that was asked for" 7 'no answer from sluiced.* 1 s' \
	edge_ctl --timeout 1 status
serves "hung: packets are forwarded"
kill -CONT "${LAB_PIDS[sluiced]}"
says "awake" 0 '^OK'

# A clean end: packets are forwarded, and that is said.
lab_stop sluiced TERM
says "stopped" 4 '^FAULT sluiced .*still forwarded.* on eth0'
tap_run "detach" edge_ctl_offline detach
says "detached" 4 '^FAULT sluiced is not running.*left nothing'
tap_done
