#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A service's address that becomes the host's own while the daemon runs, and the other way round.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 1
lab_in lb ip address add "$EDGE_TUNNEL/32" dev lo
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	services:
	  web: {listen: "tcp $EDGE_WEB:80", mode: l2, members: [10.99.0.21]}
	  web6: {listen: "tcp [$EDGE_WEB6]:80", mode: l2, members: ["2001:db8:99::21"]}
	  own: {listen: "tcp $EDGE_TUNNEL:80", mode: local}
END
state_is() {
	[ "$(edge_ctl --json status | jq -r .state)" = "$1" ]
}

e2e_start
tap_run "the members serve" wait_for 10 state_is ok

has_event() { # PATTERN
	edge_ctl --json events |
		jq -e --arg p "$1" '.events | any(.type == "address_changed" and (.text | test($p)))'
}

lab_in lb ip address add "$EDGE_WEB/32" dev eth0
tap_run "a service address that becomes local degrades" wait_for 5 state_is degraded
# A probe that finds no way may have been first to notice.
wait_for 5 has_event "web: $EDGE_WEB is an address of this host"
tap_fails "status says which, and why that matters" 1 "web: $EDGE_WEB is an address of this host" \
	edge_ctl status
tap_fails "and the fix" 1 "ip address del $EDGE_WEB/32 dev eth0" edge_ctl status
tap_run "an event says so" has_event "web: $EDGE_WEB is an address of this host"
tap_run "the daemon is ready all the same" edge_is_ready
tap_is "packets still go to the members" \
	"$(edge_load c1 --count 20 "http://$EDGE_WEB/" | jq -c .errors)" '{}'
lab_in lb ip address add "$EDGE_WEB6/128" dev lo nodad
why_has() {
	[ "$(edge_ctl --json status | jq --arg p "$1" '.why | any(test($p))')" = true ]
}
tap_run "a second one is named, too" wait_for 5 why_has "ip address del $EDGE_WEB6/128 dev lo"
lab_in lb ip address del "$EDGE_WEB/32" dev eth0
lab_in lb ip address del "$EDGE_WEB6/128" dev lo
tap_run "without them all is well" wait_for 5 state_is ok
tap_run "an event says that, too" has_event "web: $EDGE_WEB is no address of this host any more"

lab_in lb ip address del "$EDGE_TUNNEL/32" dev lo
tap_run "an address of mode local that goes is a fault" wait_for 5 state_is fault
tap_fails "status says which, and the fix" 1 "ip address add $EDGE_TUNNEL/32 dev lo" edge_ctl status
lab_in lb ip address add "$EDGE_TUNNEL/32" dev lo
tap_run "which ends when it is back" wait_for 5 state_is ok
tap_done
