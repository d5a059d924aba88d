#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Starting and stopping: what is in the way is refused by name and left alone; what was attached
# and pinned goes away without a trace.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 1
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	services:
	  web: {listen: "tcp $EDGE_WEB:80", mode: l2, members: [10.99.0.21]}
END

links() { # of the balancer, without what changes by itself
	lab_in lb ip -json -details link show | jq -S 'map(del(.linkinfo.info_data, .promiscuity))'
}

pins() {
	find /sys/fs/bpf -path "*$LAB_PREFIX*"
}

links_before=$(links)

# Somebody else's program.
lab_xdp_pass lb eth0
other=$(lab_xdp_id lb eth0)
tap_fails "an interface with another program is refused, by its name" 1 \
	"eth0: another XDP program runs here: xdp_pass \\(id $other, native\\)" \
	edge_daemon "$E2E_CONFIG"
tap_is "that program stays" "$(lab_xdp_id lb eth0)" "$other"
tap_is "no pins are left behind" "$(pins)" ""
lab_in lb ip link set dev eth0 xdp off

# Things that are missing.
sed 's/eth0/eth7/' "$E2E_CONFIG" > "$LAB_DIR/missing.yaml"
tap_fails "a missing interface is refused by name" 1 'eth7' edge_daemon "$LAB_DIR/missing.yaml"
tap_fails "a missing file is refused by name" 1 'nowhere.yaml' edge_daemon "$LAB_DIR/nowhere.yaml"
printf 'version: 1\ninterfaces: [eth0]\nservices: {}\nspeed: 11\n' > "$LAB_DIR/unknown.yaml"
tap_fails "an unknown key is refused with its line" 1 ':4.*speed' edge_daemon "$LAB_DIR/unknown.yaml"
tap_fails "bpffs that is not mounted: the fix is named" 1 'mount -t bpf' \
	unshare --mount bash -c 'while umount -l /sys/fs/bpf; do :; done; exec "$@"' - timeout 10 nsenter \
	--net="/run/netns/$LAB_PREFIX-lb" "$LAB_OUT/bin/sluiced" --config "$E2E_CONFIG" \
	--instance "$LAB_PREFIX" --run-dir "$LAB_DIR/run" --state-dir "$LAB_DIR/state"
tap_fails "missing capabilities are named" 1 'CAP_BPF|CAP_NET_ADMIN|CAP_PERFMON' \
	lab_in lb timeout 10 setpriv --bounding-set -bpf,-net_admin,-perfmon,-sys_admin \
	--inh-caps -all "$LAB_OUT/bin/sluiced" --config "$E2E_CONFIG" --instance "$LAB_PREFIX" \
	--run-dir "$LAB_DIR/run" --state-dir "$LAB_DIR/state"
tap_is "after all that nothing is attached" "$(lab_xdp_id lb eth0)" ""
tap_is "and links are as they were" "$(links)" "$links_before"

e2e_start
tap_run "the member serves" wait_for 10 e2e_all_serving
ours=$(lab_xdp_id lb eth0)
tap_match "our program is attached" "$ours" '^[0-9]+$'

# A second daemon of the same instance.
tap_fails "a second daemon refuses" 1 "another sluiced .*$LAB_PREFIX" \
	lab_in lb timeout 10 "$LAB_OUT/bin/sluiced" --config "$E2E_CONFIG" \
	--instance "$LAB_PREFIX" --run-dir "$LAB_DIR/run" --state-dir "$LAB_DIR/state"
# The instance is the pins, wherever its sockets are.
elsewhere=(--instance "$LAB_PREFIX" --run-dir "$LAB_DIR/run2" --state-dir "$LAB_DIR/state2")
daemon_pid=$(pgrep -s "${LAB_PIDS[sluiced]}" -x sluiced)
tap_fails "with another run directory, too, naming the first" 1 \
	"another sluiced \\(pid $daemon_pid\\) runs instance $LAB_PREFIX" \
	lab_in lb timeout 10 "$LAB_OUT/bin/sluiced" --config "$E2E_CONFIG" "${elsewhere[@]}"
tap_fails "so does a cleanup from there" 1 "another sluiced \\(pid $daemon_pid\\)" \
	lab_in lb timeout 10 "$LAB_OUT/bin/sluiced" --cleanup --instance "$LAB_PREFIX" \
	--run-dir "$LAB_DIR/run2"
tap_fails "and a detach that does not find its socket" 6 "another sluiced \\(pid $daemon_pid\\)" \
	edge_ctl_offline detach
tap_is "the first keeps its program" "$(lab_xdp_id lb eth0)" "$ours"
tap_run "and its socket" edge_is_ready
load=$(edge_load c1 --count 50 "http://$EDGE_WEB/")
e2e_served "and serves" "$load"
lab_stop sluiced TERM
tap_run "detach" edge_ctl_offline detach

# Two at the same instant: one of them gets everything, the other leaves it alone.
for round in 1 2 3; do
	for name in one two; do
		lab_start $name lb "$LAB_OUT/bin/sluiced" --config "$E2E_CONFIG" --instance "$LAB_PREFIX" \
			--run-dir "$LAB_DIR/run"
	done
	one_is_left() {
		lab_is_running one && winner=one loser=two
		lab_is_gone "${LAB_PIDS[one]}" && winner=two loser=one
		lab_is_gone "${LAB_PIDS[one]}" || lab_is_gone "${LAB_PIDS[two]}"
	}
	tap_run "two at once, round $round: one ends" wait_for 5 one_is_left
	one_is_left
	lab_stop "$loser" TERM
	tap_is "two at once, round $round: with status 1" "$LAB_STATUS" 1
	tap_match "two at once, round $round: and says why" "$(tail -n 5 "$LAB_DIR/$loser.log")" \
		"another sluiced .*$LAB_PREFIX"
	tap_run "two at once, round $round: the other becomes ready" wait_for 10 edge_is_ready
	e2e_served "two at once, round $round: and serves" \
		"$(edge_load c1 --count 50 "http://$EDGE_WEB/")"
	lab_stop "$winner" KILL # pins stay: the next round adopts them
done
e2e_start

# A clean end leaves the packet path: the daemon may be restarted, packets keep flowing.
lab_stop sluiced TERM
tap_is "SIGTERM ends the daemon with status 0" "$LAB_STATUS" 0
load=$(edge_load c1 --count 50 "http://$EDGE_WEB/")
e2e_served "without a daemon, requests are served" "$load"
tap_fails "sluicectl says that nobody is there" 4 'sluiced' edge_ctl service list
tap_run "detach works without a daemon" edge_ctl_offline detach
tap_is "nothing is attached" "$(lab_xdp_id lb eth0)" ""
tap_is "nothing is pinned" "$(pins)" ""
tap_is "links are as they were" "$(links)" "$links_before"

e2e_start
tap_run "detach asks the running daemon" edge_ctl detach
tap_run "which ends" wait_for 5 eval '! lab_is_running sluiced'
tap_is "nothing is attached" "$(lab_xdp_id lb eth0)" ""
tap_is "nothing is pinned" "$(pins)" ""
tap_is "links are as they were" "$(links)" "$links_before"
tap_done
