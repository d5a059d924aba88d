#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A loud source is held to its limit while quiet ones lose nothing; shadow only counts.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

RATE=50 BURST=100
e2e_begin 2
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	services:
	  web: {listen: "tcp $EDGE_WEB:80", mode: l2, limits: [per-client], members: [10.99.0.21, 10.99.0.22]}
	  web6: {listen: "tcp [$EDGE_WEB6]:80", mode: l2, limits: [per-net], members: ["2001:db8:99::21", "2001:db8:99::22"]}
	  dns: {listen: "udp $EDGE_DNS:53", mode: l2, limits: [packets], members: [10.99.0.21, 10.99.0.22]}
	limits:
	  per-client: {count: new-connections, rate: $RATE/s, burst: $BURST, mode: enforce}
	  per-net: {count: new-connections, rate: $RATE/s, burst: $BURST, per: {ipv6: 64}, mode: enforce}
	  packets: {count: packets, rate: $RATE/s, burst: $BURST, mode: enforce}
END
for backend in b1 b2; do
	lab_start "dns-$backend" $backend python3 tests/lib/udp_echo.py $backend "$EDGE_DNS" 53
done
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving

limit() { # NAME FIELD
	edge_ctl --json limit show "$1" | jq ".$2"
}

# flood LIMIT RATE SECONDS FLOOD-ARGUMENTS...: sets SENT and REFUSED.
flood() {
	local name=$1 rate=$2 seconds=$3 before
	before=$(limit "$name" refused)
	SENT=$(edge_flood atk -r "$rate" -t "$seconds" "${@:4}" | jq .sent)
	sleep 0.2
	REFUSED=$(($(limit "$name" refused) - before))
}

# What one source may pass in SECONDS: its burst, then the rate, 5 % more for the clock.
bounds() {
	echo "$BURST $((BURST + RATE * $1 * 105 / 100 + 10))"
}

edge_load c1 --count 600 --rate 150 --source "$EDGE_SOURCES1" "http://$EDGE_WEB/" > "$LAB_DIR/load" &
flood per-client 20000 3 198.51.100.66 "$EDGE_WEB" 80
wait $!
# shellcheck disable=SC2046 # two numbers
tap_between "IPv4: a SYN flood of one source passes at its limit" $((SENT - REFUSED)) $(bounds 3)
e2e_served "IPv4: 600 requests of others meanwhile" "$(cat "$LAB_DIR/load")"

flood per-net 20000 3 -n 60000 2001:db8:51:0:1::1 "$EDGE_WEB6" 80
# shellcheck disable=SC2046
tap_between "IPv6: 60,000 addresses of one /64 count as one source" $((SENT - REFUSED)) $(bounds 3)
load=$(edge_load c2 --count 200 --source 2001:db8:c2:7::1 --source 2001:db8:c2:8::1 \
	--source 2001:db8:c2:9::1 --workers 2 --rate 100 "http://[$EDGE_WEB6]/")
e2e_served "IPv6: 200 requests from three other /64" "$load"

flood packets 10000 3 -u 198.51.100.66 "$EDGE_DNS" 53
# shellcheck disable=SC2046
tap_between "UDP: packets of one source pass at their limit" $((SENT - REFUSED)) $(bounds 3)
load=$(edge_load c2 --udp --count 300 --source "$EDGE_SOURCES2" "$EDGE_DNS:53")
e2e_served "UDP: 300 datagrams of others" "$load"

tap_is "drops are counted under their reason" "$(($(e2e_verdict limit) > 50000))" 1

# What has passed once is not counted again: data of open connections is free.
load=$(edge_load c1 --keep --workers 1 --count 2000 --source 203.0.113.9/32 "http://$EDGE_WEB/")
e2e_served "2,000 requests on one connection, under a limit on new ones" "$load"

# Shadow: counts, refuses nothing.
tap_run "limit mode shadow" edge_ctl limit mode per-client shadow
tap_is "and shows" "$(limit per-client mode)" '"shadow"'
before=$(limit per-client would_refuse)
flood per-client 5000 2 198.51.100.66 "$EDGE_WEB" 80
tap_is "shadow refuses nothing" "$REFUSED" 0
tap_between "shadow says what it would refuse" $(($(limit per-client would_refuse) - before)) \
	$((SENT - BURST - RATE * 3)) "$SENT"

tap_run "limit mode disabled" edge_ctl limit mode per-client disabled
before=$(limit per-client would_refuse)
flood per-client 5000 1 198.51.100.66 "$EDGE_WEB" 80
tap_is "disabled neither refuses nor counts" "$REFUSED $(($(limit per-client would_refuse) - before))" "0 0"
tap_run "limit mode enforce" edge_ctl limit mode per-client enforce
flood per-client 5000 1 198.51.100.66 "$EDGE_WEB" 80
tap_between "enforced again" "$REFUSED" 4000 "$SENT"

# Another rate is another unit of time: what a source owes stays, nobody gets a new burst.
flood per-client 20000 2 198.51.100.66 "$EDGE_WEB" 80
edge_flood atk -r 20000 -t 4 198.51.100.66 "$EDGE_WEB" 80 > "$LAB_DIR/flood" &
FLOOD=$!
sleep 1
sed -i "s|per-client: {count: new-connections, rate: $RATE/s, burst: $BURST|per-client: {count: new-connections, rate: 5000/s, burst: 5000|" "$E2E_CONFIG"
before=$(limit per-client passed) start=$(date +%s%N)
tap_run "a hundred times the rate, under a flood" edge_ctl reload
sleep 1
passed=$(($(limit per-client passed) - before)) ms=$((($(date +%s%N) - start) / 1000000))
tap_between "gives at most that, and no new burst" $passed 1 $((ms * 5 * 105 / 100 + 1000))
wait $FLOOD

tap_fails "an unknown mode is refused" 2 'enforce' edge_ctl limit mode per-client of
tap_fails "an unknown limit is refused" 3 'per-client' edge_ctl limit mode per-clint shadow
tap_done
