#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Capturing real packets: as lines, as JSON, as a file that tcpdump reads; bounded, one at a time,
# and over when whoever started it is gone.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 2
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	services:
	  web: {listen: "tcp $EDGE_WEB:80", mode: l2, limits: [per-client], members: [10.99.0.21, 10.99.0.22]}
	  web6: {listen: "tcp [$EDGE_WEB6]:80", mode: ipip, members: ["2001:db8:99::21", "2001:db8:99::22"]}
	  inner: {listen: "tcp $EDGE_WEB:8080", mode: l2, allow: [office], members: [10.99.0.21]}
	management: {prefixes: [10.99.0.0/24]}
	lists:
	  blocked: {action: deny}
	  office: {action: allow, prefixes: [198.51.100.0/24]}
	limits:
	  per-client: {count: new-connections, rate: 1/min, burst: 5, mode: enforce}
END
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving
out=$LAB_DIR/out file=$LAB_DIR/x.pcapng

# capture ARGUMENTS...: in the background, running when this returns; its process in $CAPTURE.
capture() {
	: > "$out"
	# Not lab_in: signals are for the program itself, which nsenter becomes.
	nsenter --net="/run/netns/$LAB_PREFIX-lb" -- "$LAB_OUT/bin/sluicectl" --socket "$(edge_socket)" "$@" > "$out" 2> "$out.err" &
	CAPTURE=$!
	wait_for 5 is_capturing
}

is_capturing() {
	edge_api GET /v1/captures | cut -c5- | jq -e '.captures[0].state == "running"'
}

fetch() { # URL [CURL ARGUMENTS...]
	lab_in c1 curl -s -o /dev/null --max-time 2 "${@:2}" "$1"
}

# Lines.
capture capture --service web --for 60s --max 5
fetch "http://$EDGE_WEB/" --interface 203.0.113.9
wait $CAPTURE
tap_is "it ends at --max with status 0" $? 0
tap_is "five lines" "$(wc -l < "$out")" 5
tap_is "and a summary" "$(cat "$out.err")" "5 packets captured (full)"
tap_run "the first one: interface, flow, flags, length, verdict, member" grep -Eq \
	"^[0-9:.]{15} eth0 tcp 203.0.113.9:[0-9]+ > $EDGE_WEB:80 SYN, 74 bytes, forwarded: web to 10.99.0.2[12]:80$" \
	<(head -n 1 "$out")

tap_run "and the audit has it" grep -q "capture [0-9]* started, for 5 packets or 60 s" \
	<(edge_ctl events)

# A refused packet, alone, with its reason.
capture --json capture --verdict limit --source 203.0.113.70 --for 60s --max 2
for _ in $(seq 8); do
	fetch "http://$EDGE_WEB/" --interface 203.0.113.70 --max-time 0.2
done
wait $CAPTURE
tap_is "limit: one object a packet" \
	"$(jq -c '[.verdict,.action,.limit,.service,.member,.source,.flags]' "$out")" \
	'["limit","drop","per-client","web",null,"203.0.113.70","SYN"]
["limit","drop","per-client","web",null,"203.0.113.70","SYN"]'

# A denied one: the list has a name.
tap_run "a source is denied" edge_ctl list add blocked 203.0.113.80
capture capture --verdict list_deny --source 203.0.113.80 --for 60s --max 1
fetch "http://$EDGE_WEB/" --interface 203.0.113.80 --max-time 0.2
wait $CAPTURE
tap_match "its packets name the list" "$(cat "$out")" 'bytes, list_deny: blocked$'
capture --json capture --verdict list_deny --source 203.0.113.80 --for 60s --max 1
fetch "http://$EDGE_WEB/" --interface 203.0.113.80 --max-time 0.2
wait $CAPTURE
tap_is "as JSON, too" "$(jq -c '[.verdict,.list,.limit]' "$out")" '["list_deny","blocked",null]'
capture capture --verdict list_not_allowed --for 60s --max 1
fetch "http://$EDGE_WEB:8080/" --interface 203.0.113.81 --max-time 0.2
wait $CAPTURE
tap_match "who is not allowed, the service's list" "$(cat "$out")" 'list_not_allowed: office of inner$'

# A file, IPv6 in a tunnel (which nobody opens): what arrived, not what was sent.
capture capture --service web6 --for 60s --max 2 -w "$file"
fetch "http://[$EDGE_WEB6]/" --interface 2001:db8:c1::9
wait $CAPTURE
tap_is "nothing on the standard output besides the file" "$(cat "$out")" ""
tap_is "tcpdump reads the file" "$(tcpdump -nr "$file" 2> /dev/null | wc -l)" 2
tap_is "inner packets, as they arrived" \
	"$(tcpdump -nr "$file" 2> /dev/null | grep -c "IP6 2001:db8:c1::9\.[0-9]* > $EDGE_WEB6.80: Flags \[S\]")" 2
packets=$(tests/lib/pcapng.py "$file")
tap_is "verdict and member are comments" \
	"$(jq -r .comment <<< "$packets" | sort -u | sed 's/2[12]\]/2x]/')" \
	"forwarded: web6 to [2001:db8:99::2x]:80"
now=$(date +%s)
tap_between "times are the wall clock's" "$(($(head -n 1 <<< "$packets" | jq .time_ns) / 1000000000))" \
	$((now - 60)) "$now"

# Bounded in time; interrupted.
capture capture --for 2s --source 192.0.2.200
started=$SECONDS
wait $CAPTURE
tap_between "it ends after --for" $((SECONDS - started)) 1 4
tap_is "with a summary" "$(cat "$out.err")" "0 packets captured (time over)"
capture capture --for 60s --service web -w "$file"
fetch "http://$EDGE_WEB/" --interface 203.0.113.10
kill -INT $CAPTURE
wait $CAPTURE
tap_is "an interrupt ends it in order" "$?" 0
tap_run "and says so" grep -q '(stopped)$' "$out.err"
tap_between "with what came until then" "$(tests/lib/pcapng.py "$file" | wc -l)" 5 20

capture capture --for 60s --service web
kill -HUP $CAPTURE
wait $CAPTURE
tap_is "a terminal that goes away does, too" "$?" 0
tap_run "and it is over" grep -q '(stopped)$' "$out.err"
capture capture --for 60s --service web
tap_match "somebody else ends it" "$(edge_ctl capture --stop)" '^capture [0-9]+ stopped; uid 0'
wait $CAPTURE
tap_run "whoever captures is told" grep -q '(stopped)$' "$out.err"
tap_fails "when none is running that is said" 6 'no capture is running' edge_ctl capture --stop
tap_fails "--stop starts nothing" 2 'it takes no --for' edge_ctl capture --stop --for 5s

# One at a time; a client that dies; a daemon that dies.
capture capture --for 60s --service web
tap_fails "a second one is refused" 6 'uid 0 .* has started it' edge_ctl capture --for 1s
kill -KILL $CAPTURE
wait $CAPTURE 2> /dev/null
tap_run "a killed client's capture ends by itself" wait_for 9 edge_ctl capture --for 1s --max 1
tap_run "because nobody reads it" grep -Eq 'capture [0-9]+ ended \(unread\)' "$LAB_DIR/sluiced.log"

id=$(edge_api POST /v1/captures -d '{"for_s":60,"packets":10000}' | cut -c5- | jq .id)
while edge_api GET "/v1/captures/$id?since=9999" > /dev/null; do sleep 1; done & # somebody reads
READER=$!
load=$(edge_load c2 --count 100 --source "$EDGE_SOURCES2" "http://$EDGE_WEB/")
e2e_served "nobody is disturbed: 100 requests meanwhile" "$load"
tap_between "all of it is there" "$(edge_api GET "/v1/captures/$id" | cut -c5- | jq .captured)" 400 10000
tap_is "in batches" "$(edge_api GET "/v1/captures/$id?since=10" | cut -c5- | jq -c '[.packets[0].seq,(.packets|length) <= 500]')" '[11,true]'
kill $READER
lab_stop sluiced KILL
load=$(edge_load c2 --count 50 --source "$EDGE_SOURCES2" "http://$EDGE_WEB/")
e2e_served "packets flow when the daemon is killed while capturing" "$load"
e2e_start
tap_is "the next one does not know it" "$(edge_api GET "/v1/captures/$id" | cut -c1-3)" 404

tap_fails "an unknown service" 3 'did you mean web' edge_ctl capture --service wbe
tap_fails "an unknown verdict" 1 'did you mean limit' edge_ctl capture --verdict limits
tap_fails "a source that is none" 1 'not a prefix' edge_ctl capture --source 203.0.113
tap_fails "too many" 2 'a capture takes 1 to 10000 packets' edge_ctl capture --max 10001
tap_fails "too long" 2 '5 minutes at most' edge_ctl capture --for 6m
tap_fails "a file that cannot be written" 1 'cannot write /nonexistent/x' \
	edge_ctl capture --for 60s -w /nonexistent/x
tap_run "which leaves no capture behind" edge_ctl capture --for 1s --max 1
tap_done
