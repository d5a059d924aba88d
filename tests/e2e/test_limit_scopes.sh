#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What a limit is for: all services together, with one bucket for a source. Mistakes are named all at
# once, and what runs stays.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 2
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	services:
	  web: {listen: "tcp $EDGE_WEB:80", mode: l2, members: [10.99.0.21, 10.99.0.22]}
	  dns: {listen: "tcp $EDGE_DNS:80", mode: l2, members: [10.99.0.21, 10.99.0.22]}
	limits:
	  all: {count: new-connections, rate: 50 conn/s, burst: 100, scope: services, mode: enforce}
END
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving

limit() { # FIELD
	edge_ctl --json limit show all | jq -r ".$1"
}

remembers() { # TEST NUMBER
	test "$(limit sources_in_use)" "$@"
}

tap_is "every service has it" "$(limit 'services | join(",")')" web,dns
tap_is "its rate is shown as it was written" "$(limit rate) $(limit rate_n) $(limit rate_s)" \
	"50 conn/s 50 1"

before=$(limit passed)
edge_flood atk -r 5000 -t 3 198.51.100.66 "$EDGE_DNS" 80 > "$LAB_DIR/flood" &
FLOOD=$!
edge_flood atk -r 5000 -t 3 198.51.100.66 "$EDGE_WEB" 80 > "$LAB_DIR/flood2"
wait $FLOOD
tap_between "a flood on two services passes at the limit once" $(($(limit passed) - before)) 100 290

# The newest of them, for a source is forgotten when its debt is paid.
edge_flood atk -r 5000 -t 5 -n 500 203.0.113.1 "$EDGE_WEB" 80 > "$LAB_DIR/flood" &
FLOOD=$!
tap_run "sources that it remembers are counted" \
	wait_for 5 remembers -ge 100
tap_match "limit show says what it stands" "$(edge_ctl limit show all)" '^exact +up to 13.1 Mpps'
tap_match "and how likely two sources share a bucket" "$(edge_ctl limit show all)" \
	'^shared .* chance of 1 in '
tap_match "metrics, too" "$(edge_ctl metrics)" '^sluice_limit_sources{limit="all"} [1-9]'
wait $FLOOD
tap_match "with the room" "$(edge_ctl metrics)" '^sluice_limit_sources_max{limit="all"} 262144$'
tap_run "idle ones are not" wait_for 15 remembers = 0

cp "$E2E_CONFIG" "$LAB_DIR/good.yaml"
cat >> "$E2E_CONFIG" <<-END
	  host: {count: packets, rate: 0/s, scope: everything, mode: shadow}
	  fast: {count: packets, rate: 50MB/s, mode: shadow}
	  some:
	    {count: packets, rate: 5/s, mode: shadow, per: {ipv4: 24},
	     except: [{prefixes: [192.0.2.7], rate: 50/s}]}
END
tap_fails "mistakes are named" 1 '8: .*limits.host.rate: "0/s" must be' edge_ctl reload
tap_fails "all of them" 1 '9: .*limits.fast.rate: 50MB/s does not count packets' edge_ctl reload
tap_fails "each with its line" 1 '12: .*except\[0\].prefixes: 192.0.2.7/32 is a part of a source' \
	edge_ctl reload
tap_fails "also what another key demands" 1 'limits.host.scope: .* needs management' edge_ctl reload
sed -e 's|rate: 50 conn/s, burst: 100|rate: 11M/s, burst: 20M|' "$LAB_DIR/good.yaml" > "$E2E_CONFIG"
tap_fails "what cannot be represented, with the nearest that can" 1 'the highest rate is 10000000/s' \
	edge_ctl reload
tap_is "what ran goes on" "$(limit rate) $(limit mode)" "50 conn/s enforce"

sed -e 's|rate: 50 conn/s|rate: 1 conn/min|' "$LAB_DIR/good.yaml" > "$LAB_DIR/slow.yaml"
tap_match "check warns of a bound that is low" \
	"$("$LAB_OUT/bin/sluicectl" check "$LAB_DIR/slow.yaml")" \
	'^warning: limit all remembers 262144 sources: .* up to 4369 packets a second'
tap_done
