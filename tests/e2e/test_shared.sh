#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Beside another tool's program under libxdp's dispatcher: joining, going on without either of them,
# replacement in place, detaching with and without a daemon, refusals.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

[ "$(id -u)" -eq 0 ] || tap_skip_all "network namespaces and BPF need root"
beside() { # COMMAND [ARGUMENTS...], on the balancer's eth0
	lab_in lb "$LAB_OUT/tests/lib/beside" "$1" eth0 "${@:2}"
}
"$LAB_OUT/tests/lib/beside" probe || tap_skip_all "this kernel refuses extension programs"

e2e_begin 2
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	xdp_shared: join
	services:
	  web: {listen: "tcp $EDGE_WEB:80", mode: l2, members: [10.99.0.21, 10.99.0.22]}
END
sed 's/join/never/' "$E2E_CONFIG" > "$LAB_DIR/never.yaml"

# Joining loads and verifies the program twice, which takes an emulated machine long.
start() {
	edge_daemon_start "$E2E_CONFIG" || wait_for 90 edge_is_ready ||
		lab_die "the daemon does not start: $(cat "$LAB_DIR/sluiced.log")"
	tap_ok "the daemon is ready"
}

shared_field() {
	edge_ctl --json status | jq -r ".interfaces[0].$1"
}

reload_never() {
	cp "$LAB_DIR/never.yaml" "$E2E_CONFIG"
	edge_ctl reload
}

is_other_alone() {
	beside seen && [ "$(bpftool -j link show | jq '[.[] | select(.type == "tracing")] | length')" = 1 ]
}

# sees NAME: of the requests none fails, and the other program sees their packets.
sees() {
	local before after
	before=$(beside seen)
	e2e_served "$1: requests are served" "$(edge_load c1 --count 60 "http://$EDGE_WEB/")"
	after=$(beside seen)
	tap_run "$1: the other program sees their packets ($before, $after)" \
		test "$after" -ge $((before + 180))
}

tap_run "another tool puts its program under a dispatcher" beside attach "$LAB_OUT/bpf/xdp_count.bpf.o"
tap_fails "unless shared, it is refused, with the fix" 1 'xdp_count.*xdp_shared: join' \
	edge_daemon "$LAB_DIR/never.yaml"
tap_fails "so it is without CAP_SYS_ADMIN" 1 'xdp_shared: .*CAP_SYS_ADMIN' \
	lab_in lb timeout 10 setpriv --bounding-set -sys_admin --inh-caps -all \
	"$LAB_OUT/bin/sluiced" --config "$E2E_CONFIG" --instance "$LAB_PREFIX" \
	--run-dir "$LAB_DIR/run" --state-dir "$LAB_DIR/state"
tap_match "doctor names the program and what will happen" \
	"$(edge_ctl_offline doctor --config "$E2E_CONFIG" 2>&1)" 'note +eth0: .*xdp_count \(id [0-9]+\)'

# Newer kernels refuse our program under dispatchers of libxdp before 1.5.5.
edge_daemon_start "$E2E_CONFIG" || wait_for 90 eval 'edge_is_ready || ! lab_is_running sluiced'
if ! edge_is_ready; then
	tap_match "a refusal names the kernel's reason, and what to do" \
		"$(cat "$LAB_DIR/sluiced.log")" 'changes packet data.*libxdp before 1.5.5'
	tap_run "the other's program is still there, alone" is_other_alone
	tap_is "nothing of ours is pinned" "$(find /sys/fs/bpf -path "*$LAB_PREFIX*")" ""
	beside detach
	tap_done
fi
tap_ok "the daemon is ready"
tap_run "the members serve" wait_for 10 e2e_all_serving
tap_match "status names the other program" "$(shared_field beside)" '^xdp_count \(id [0-9]+\)$'
tap_match "for people, too" "$(edge_ctl status)" 'beside xdp_count'
pid=$(pgrep -s "${LAB_PIDS[sluiced]}" -x sluiced)
caps() {
	capsh --decode="$(sed -n "s/^Cap$1:[[:space:]]*//p" "/proc/$pid/status")"
}
tap_match "CAP_SYS_ADMIN is held" "$(caps Prm)" 'cap_sys_admin'
tap_run "without effect" eval '! caps Eff | grep -q cap_sys_admin'
sees "beside"
tap_fails "a reload does not change what is shared" 6 'xdp_shared' \
	reload_never
sed -i 's/never/join/' "$E2E_CONFIG"

# The next daemon, under load: both programs see every packet.
first=$(shared_field program_id)
edge_load c1 --count 100000 --rate 50 --seconds 45 "http://$EDGE_WEB/" > "$LAB_DIR/load.json" &
load=$!
lab_stop sluiced TERM
start
tap_run "the new program took over" test "$(shared_field program_id)" != "$first"
wait $load
e2e_served "meanwhile all requests were served" "$(cat "$LAB_DIR/load.json")"
tap_match "one of ours is left" "$(shared_field beside)" '^xdp_count \(id [0-9]+\)$'
sees "after the upgrade"

# The other one leaves and comes back.
tap_run "the other tool leaves" beside detach
e2e_served "without it requests are served" "$(edge_load c1 --count 60 "http://$EDGE_WEB/")"
tap_run "it comes back" beside attach "$LAB_OUT/bpf/xdp_count.bpf.o"
sees "after its return"

tap_run "detach leaves the other's program" edge_ctl detach
tap_run "the daemon ends" wait_for 5 eval '! lab_is_running sluiced'
tap_run "the other's program is there, alone" is_other_alone
tap_is "nothing of ours is pinned" "$(find /sys/fs/bpf -path "*$LAB_PREFIX*")" ""

start
lab_stop sluiced KILL
e2e_served "with the daemon dead requests are served" \
	"$(edge_load c1 --count 60 "http://$EDGE_WEB/")"
tap_fails "detach without CAP_SYS_ADMIN is refused" 5 'CAP_SYS_ADMIN' \
	lab_in lb setpriv --bounding-set -sys_admin --inh-caps -all \
	"$LAB_OUT/bin/sluicectl" --instance "$LAB_PREFIX" detach
tap_run "detach works without a daemon" edge_ctl_offline detach
tap_run "the other's program is still there, alone" is_other_alone
tap_is "nothing of ours is pinned" "$(find /sys/fs/bpf -path "*$LAB_PREFIX*")" ""
beside detach
tap_is "nothing is attached in the end" "$(lab_xdp_id lb eth0)" ""
tap_done
