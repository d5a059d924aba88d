#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Connections survive what happens to the daemon: killed and started again at rest and in the middle of
# changes, replaced by another build and back, with packets of a flow wandering between CPUs all along, and a
# flood of SYNs. The loss budget is zero.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/hold.sh"

e2e_begin 4
hold_serve b1 b2 b3 b4
cat > "$E2E_CONFIG" <<-END
$HOLD_HEAD
services:
  hold: {listen: "tcp $EDGE_WEB:$HOLD_PORT", mode: l2, check: none, learn: 6s, $HOLD_MEMBERS}
  dns: {listen: "udp $EDGE_DNS:$HOLD_PORT", mode: l2, check: none, affinity: track, $HOLD_MEMBERS}
END
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving
hold_keep v4 c1 -n 300 -i 300 -r 20 "$EDGE_WEB"
hold_keep udp c2 -n 100 -i 300 -u "$EDGE_DNS"
tap_run "300 connections" wait_for 10 hold_has_opened v4 300
tap_run "100 UDP flows" wait_for 10 hold_has_opened udp 100
ALL=(v4 udp)

# The sender wanders over the CPUs: its packets, and with them the program, run now here, now there.
wander() {
	local cpu=0
	while :; do
		taskset -acp $((cpu++ % $(nproc))) "${LAB_PIDS[keep-v4]}"
		sleep 0.3
	done > /dev/null 2>&1
}
wander &
HELPERS=("$!")

slots() { # what the maps say of the services' slots at rest
	edge_ctl --json status | jq -c '[.services[] | [.name, .table]]'
}

restart() { # NAME: killed and started again; how it was, it stays
	local name=$1 before program
	before=$(slots)
	program=$(lab_xdp_id lb eth0)
	lab_stop sluiced KILL
	tap_is "$name: the program stays" "$(lab_xdp_id lb eth0)" "$program"
	sleep 1
	if edge_daemon_start "$E2E_CONFIG"; then tap_ok "$name: started again"; else tap_not_ok "$name: started again" "$(tail -n 5 "$LAB_DIR/sluiced.log")"; fi
	tap_is "$name: the tables are the same" "$(slots)" "$before"
	tap_run "$name: the program was replaced in place" test -n "$(lab_xdp_id lb eth0)"
	sleep 2
	hold_none_broken "$name" "${ALL[@]}"
}

play() { # NAME
	local name=$1
	restart "$name, at rest"
	tap_run "$name: a weight changes" edge_ctl member weight hold 10.99.0.21 20
	tap_run "$name: slots move" wait_for 20 hold_is_moving hold
	restart "$name, in the middle of a change"
	hold_settle "$name, goes on"
	hold_none_broken "$name, settled" "${ALL[@]}"
	tap_run "$name: the weight is back" edge_ctl member weight hold 10.99.0.21 100
	sleep 0.5
	restart "$name, while it is announced"
	hold_settle "$name, taken back"
	hold_none_broken "$name, settled again" "${ALL[@]}"
}

# Another build takes over from the one that runs, and that one again from it.
change_build() { # NAME OUT VERSION
	local name=$1 version=$3 program
	program=$(lab_xdp_id lb eth0)
	lab_stop sluiced TERM
	LAB_OUT=$2
	sleep 0.5
	if edge_daemon_start "$E2E_CONFIG"; then tap_ok "$name: it starts"; else tap_not_ok "$name: it starts" "$(tail -n 5 "$LAB_DIR/sluiced.log")"; fi
	tap_is "$name: it runs" "$(edge_ctl --json version | jq -r .version)" "$version"
	tap_run "$name: its program is attached" test "$(lab_xdp_id lb eth0)" != "$program"
	hold_none_broken "$name" "${ALL[@]}"
}
upgrade() { # NAME
	local name=$1 old=$LAB_OUT version
	version=$(edge_ctl --json version | jq -r .version)
	tap_run "$name: a weight changes" edge_ctl member weight hold 10.99.0.22 20
	tap_run "$name: slots move" wait_for 20 hold_is_moving hold
	change_build "$name: upgrade in the middle of a change" "$LAB_DIR/build" 9.9.9
	hold_settle "$name: upgrade"
	tap_run "$name: the weight is back" edge_ctl member weight hold 10.99.0.22 100
	change_build "$name: downgrade while it is announced" "$old" "$version"
	hold_settle "$name: downgrade"
	hold_none_broken "$name: upgraded and back" "${ALL[@]}"
}

tap_run "another build is made" make -s -C "$LAB_ROOT" SANITIZE= OUT="$LAB_DIR/build" VERSION=9.9.9 build
play quiet
upgrade quiet
hold_flood
HELPERS+=("$HOLD_FLOOD")
play "in a flood of SYNs"
upgrade "in a flood of SYNs"
tap_run "flood and wandering went on" kill -0 "${HELPERS[@]}"
kill "${HELPERS[@]}"
tap_run "data flowed" test "$(hold_now v4 | jq .messages)" -gt 1000
tap_run "flows were held" test "$(edge_ctl --json status | jq .flows.hits)" -gt 100
tap_done
