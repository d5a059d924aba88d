#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Install, attach with everything that leaves a mark, detach, uninstall: the host is as it was.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

TABLE=201
e2e_begin 1
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	management: {prefixes: [10.99.0.0/24]}
	announce: route
	services:
	  web: {listen: "tcp $EDGE_WEB:80", mode: l2, members: [10.99.0.21], limits: [per-client]}
	  web6: {listen: "tcp [$EDGE_WEB6]:80", mode: l2, announce: arp, members: ["2001:db8:99::21"]}
	limits:
	  per-client: {count: new-connections, rate: 1000/s, mode: enforce}
	lists:
	  blocked: {action: deny, prefixes: [198.51.100.66]}
END
lab_in lb nft -f - <<-'END'
	table inet own { chain input { type filter hook input priority 0; policy accept; tcp dport 9 drop; } }
END
ROOT=$LAB_DIR/root
BIN=$ROOT/usr/local
mkdir -p "$BIN" "$ROOT/etc/sluice"
cp "$E2E_CONFIG" "$ROOT/etc/sluice/sluice.yaml" # the configuration is the operator's, and stays

# Whatever the product might have touched on this host.
snapshot() {
	lab_in lb sh -c 'ip -details link; ip -brief address; ip route show table all; ip -6 route show table all
		ip rule; ip -6 rule; ip neigh show nud permanent; nft list ruleset; sysctl -a 2>/dev/null |
		grep -E "^net\.(ipv4|ipv6)\.(conf|ip_forward)" | grep -v -E "(stable_secret|mtu)"'
	find /sys/fs/bpf | sort
	find "$ROOT" | sort
}

wait_for 5 lab_in lb ping -c 1 -W 1 10.99.0.21 # neighbours are known from here on
before=$(snapshot)

tap_run "install" env DESTDIR="$ROOT" deploy/install "$LAB_OUT" "$BIN"
lab_start sluiced lb "$BIN/sbin/sluiced" --config "$E2E_CONFIG" --instance "$LAB_PREFIX" \
	--run-dir "$LAB_DIR/run" --state-dir "$LAB_DIR/state"
tap_run "the installed daemon is ready" wait_for 10 edge_is_ready
tap_run "all members serve" wait_for 10 e2e_all_serving
tap_run "a route is installed" wait_for 5 eval "lab_in lb ip route show table $TABLE | grep -q '$EDGE_WEB'"
e2e_served "100 requests arrive" "$(edge_load c1 --count 100 "http://$EDGE_WEB/")"
tap_run "a list entry at run time" edge_ctl list add blocked 203.0.113.200
tap_run "a bypass" edge_ctl bypass limits --for 1m
during=$(snapshot)
tap_run "all of that is to be seen" test "$during" != "$before"

tap_run "detach" lab_in lb "$BIN/bin/sluicectl" --instance "$LAB_PREFIX" --socket "$(edge_socket)" detach
tap_run "the daemon ends" wait_for 5 eval '! lab_is_running sluiced'
tap_run "uninstall" env DESTDIR="$ROOT" deploy/install --remove "$BIN"
tap_is "links, addresses, routes, rules, firewall, sysctls, bpffs and files are as they were" \
	"$(diff <(echo "$before") <(snapshot))" ""

# The same when the daemon was killed, and its program removed without it.
lab_start sluiced lb "$LAB_OUT/bin/sluiced" --config "$E2E_CONFIG" --instance "$LAB_PREFIX" \
	--run-dir "$LAB_DIR/run" --state-dir "$LAB_DIR/state"
tap_run "a daemon is ready" wait_for 10 edge_is_ready
tap_run "a route is installed" wait_for 5 eval "lab_in lb ip route show table $TABLE | grep -q '$EDGE_WEB'"
lab_stop sluiced KILL
tap_run "detach without the daemon" edge_ctl_offline detach
tap_is "everything is as it was" "$(diff <(echo "$before") <(snapshot))" ""
tap_done
