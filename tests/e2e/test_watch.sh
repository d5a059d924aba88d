#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What somebody changes on the host while the daemon runs: the program taken off its interface, the
# interface deleted and made anew, another program in our place.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 2
config() { # MODE
	cat <<-END
		version: 1
		interfaces: [eth0]
		xdp: $1
		services:
		  web: {listen: "tcp $EDGE_WEB:80", mode: l2, members: [10.99.0.21, 10.99.0.22]}
	END
}
config native > "$E2E_CONFIG"
e2e_start
tap_run "the members serve" wait_for 10 e2e_all_serving

state() {
	edge_ctl --json status | jq -r .state
}

mode() {
	edge_ctl --json status | jq -r '.interfaces[] | select(.name == "eth0") | .mode'
}

is_attached() {
	[ -n "$(lab_xdp_id lb eth0)" ] && edge_is_ready
}

has_event() { # TYPE PATTERN
	edge_ctl --json events |
		jq -e --arg t "$1" --arg p "$2" '.events | any(.type == $t and (.text | test($p)))'
}

# Taken off by hand: it is still configured.
lab_in lb ip link set dev eth0 xdpdrv off
tap_is "the program is off" "$(lab_xdp_id lb eth0)" ""
tap_run "it is attached again by itself" wait_for 5 is_attached
tap_run "an event says that it was off" has_event detached 'eth0.*took'
tap_run "and that it is on again" has_event attached 'eth0'
load=$(edge_load c1 --count 50 "http://$EDGE_WEB/")
e2e_served "requests are served again" "$load"

# Somebody else's program in our place stays, and is named.
take_place() { # the daemon may be faster
	lab_in lb ip link set dev eth0 xdpdrv off
	(lab_xdp_pass lb eth0)
}
tap_run "another program takes its place" wait_for 10 take_place
other=$(lab_xdp_id lb eth0)
is_fault() {
	[ "$(state)" = fault ]
}
if wait_for 5 is_fault; then
	tap_ok "another program in our place is a fault"
else
	tap_not_ok "another program in our place is a fault" "$(edge_ctl status)"
fi
tap_fails "status names it" 1 "eth0.*$other" edge_ctl status
tap_is "the daemon is not ready" "$(edge_api GET /v1/ready | cut -d' ' -f1)" 503
tap_match "with the reason" "$(edge_api GET /v1/ready)" 'eth0 runs another XDP program'
tap_match "the metric says so" "$(edge_ctl metrics)" '^sluice_ready 0$'
tap_run "a reload is still possible" edge_ctl reload
tap_is "that program stays" "$(lab_xdp_id lb eth0)" "$other"
lab_in lb ip link set dev eth0 xdpdrv off
tap_run "ours is back when it goes" wait_for 5 is_attached
tap_is "and all is well" "$(state)" ok

# The interface goes, and comes back as another device of the same name.
lab_in lb ip link delete eth0
is_not_ready() {
	! edge_is_ready
}
tap_run "without its interface the daemon is not ready" wait_for 5 is_not_ready
tap_is "which is a fault" "$(state)" fault
tap_match "with its name" "$(edge_api GET /v1/ready)" 'eth0 does not exist'
tap_match "the metric says so" "$(edge_ctl metrics)" '^sluice_ready 0$'
lab_veth lb eth0 rt p-lb
lab_in rt ip link set p-lb master in
lab_in lb ip address add "$EDGE_LB/24" dev eth0
lab_in lb ip route add default via 10.99.0.1
lab_xdp_pass rt p-lb
tap_run "it is attached when it is there again" wait_for 5 is_attached
tap_run "an event says so" has_event attached 'eth0.*native'
tap_run "the members serve" wait_for 10 e2e_all_serving
load=$(edge_load c1 --count 50 "http://$EDGE_WEB/")
e2e_served "and requests are served" "$load"

# The mode.
config generic > "$E2E_CONFIG"
tap_run "native to generic by a reload" edge_ctl reload
tap_is "takes effect" "$(mode)" generic
tap_is "once only" "$(lab_in lb ip -json link show dev eth0 | jq '.[0].xdp.mode')" 2
config auto > "$E2E_CONFIG"
tap_run "generic to auto by a reload" edge_ctl reload
tap_is "takes native where it can" "$(mode)" native
config generic > "$E2E_CONFIG"
edge_ctl reload
config native > "$E2E_CONFIG"
tap_run "generic to native by a reload" edge_ctl reload
tap_is "takes effect" "$(mode)" native
load=$(edge_load c1 --count 50 "http://$EDGE_WEB/")
e2e_served "and requests are served" "$load"

# A mode that the device cannot do is refused, and the old one stays.
sed 's/eth0\]/eth0, lo]/; s/native/generic/' "$E2E_CONFIG" > "$LAB_DIR/next" && cp "$LAB_DIR/next" "$E2E_CONFIG"
tap_run "generic with one more interface" edge_ctl reload
tap_is "both run" "$(edge_ctl --json status | jq -c '[.interfaces[] | {name, mode}]')" \
	'[{"name":"lo","mode":"generic"},{"name":"eth0","mode":"generic"}]'
sed -i 's/generic/native/' "$E2E_CONFIG"
tap_fails "a mode that one device cannot do is refused" 1 'lo.*native' edge_ctl reload
tap_is "and both stay as they were" "$(edge_ctl --json status | jq -c '[.interfaces[] | {name, mode}]')" \
	'[{"name":"lo","mode":"generic"},{"name":"eth0","mode":"generic"}]'
tap_done
