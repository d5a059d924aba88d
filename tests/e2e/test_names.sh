#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Members by host name: looked up at start, at reload and now and then; name servers that lie, fail
# and hang; none of which takes a member away or delays a check.
set -uo pipefail
# With a /etc/resolv.conf of its own.
if [ -z "${NAMES_UNSHARED:-}" ] && [ "$(id -u)" -eq 0 ]; then
	NAMES_UNSHARED=1 exec unshare --mount --propagation private "$0" "$@"
fi
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/names.sh"

e2e_begin 3
names_begin
say web.lab.test 10.99.0.21 10.99.0.22 2001:db8:99::21
dns_start
config() { # MEMBERS
	cat > "$E2E_CONFIG" <<-END
		version: 1
		interfaces: [eth0]
		flows: {pre: 200ms}
		resolve: 5s
		services:
		  web:
		    listen: "tcp $EDGE_WEB:80"
		    mode: l2
		    learn: 10s
		    check: $E2E_CHECK
		    $E2E_NO_TRIAL
		    members: $1
	END
}
spread() { # NAME MEMBER=WEIGHT...
	local load
	e2e_settle
	load=$(edge_load c1 --count 300 --source "$EDGE_SOURCES1" "http://$EDGE_WEB/")
	e2e_served "$1: 300 requests arrive" "$load"
	e2e_shares "$1: at those who should serve" "$load" "${@:2}"
}
start() { # NAME: not in a subshell, which would forget its process
	edge_daemon_start "$E2E_CONFIG"
	tap_is "$1" "$?" 0
}
config "[web.lab.test]"
e2e_start
tap_is "a name's addresses are members, of the family that fits" "$(members)" "10.99.0.21 10.99.0.22"
tap_match "member show says whose address it is" "$(edge_ctl member show web 10.99.0.21)" \
	'^name +web\.lab\.test'
tap_run "all members serve" wait_for 10 e2e_all_serving
spread "by name" b1=1 b2=1
tap_match "diff has no addresses" "$(edge_ctl diff)" 'runtime: nothing differs'
tap_match "they are no controller's" "$(edge_ctl member discovery web 10.99.0.21 not-ready 2>&1)" \
	'the answers of web\.lab\.test decide that'

# Another answer.
say web.lab.test 10.99.0.22 10.99.0.23
tap_run "an address that is new becomes a member, one that left terminates" \
	wait_for 15 are_members -10.99.0.21 10.99.0.22 10.99.0.23
tap_match "an event" "$(edge_ctl events)" \
	'member_discovery .*ready -> terminating: web\.lab\.test has this address no more'
tap_run "the new one serves" wait_for 10 edge_member_is web 10.99.0.23 serving
spread "another answer" b2=1 b3=1
say web.lab.test 10.99.0.21 10.99.0.22 10.99.0.23
tap_run "one that comes back is ready" wait_for 15 are_members 10.99.0.21 10.99.0.22 10.99.0.23
say web.lab.test 10.99.0.22 10.99.0.23
tap_run "one that left goes when it has no connection left" \
	wait_for 60 are_members 10.99.0.22 10.99.0.23
tap_match "nor is that a change of a command's" "$(edge_ctl diff)" 'runtime: nothing differs'

tap_run "maintenance of an address" edge_ctl member maint web 10.99.0.22
say web.lab.test 10.99.0.23
tap_run "which leaves" wait_for 15 are_members -10.99.0.22 10.99.0.23
say web.lab.test 10.99.0.22 10.99.0.23
tap_run "and returns" wait_for 15 are_members 10.99.0.22 10.99.0.23
tap_is "goes on" "$(edge_member web 10.99.0.22 admin)" maint
tap_run "until somebody ends it" edge_ctl member ready web 10.99.0.22

# Answers that do not come, or are none.
say web.lab.test fail4 2001:db8:99::21
tap_run "half an answer is remarked on" \
	wait_for 15 grep -q "web.lab.test does not resolve" "$LAB_DIR/sluiced.log"
tap_is "and changes nothing" "$(members)" "10.99.0.22 10.99.0.23"
say web.lab.test 10.99.0.22 10.99.0.23
says_again() {
	edge_ctl events | grep -c 'name_problem .*web.lab.test resolves again'
}
resolves_again() { # TIMES so far
	[ "$(says_again)" = "$1" ]
}
tap_run "the whole one is one" wait_for 15 resolves_again 1
say web.lab.test fail
fails_twice() {
	[ "$(grep -c "web.lab.test does not resolve" "$LAB_DIR/sluiced.log")" -ge 2 ]
}
tap_run "a name server that fails is remarked on" wait_for 15 fails_twice
tap_is "and changes nothing" "$(members)" "10.99.0.22 10.99.0.23"
tap_match "status has it as a note" "$(status)" 'web\.lab\.test does not resolve: .*last answer'
tap_is "which is no trouble yet" "$(state_of)" ok
say web.lab.test 10.99.0.22 10.99.0.23
tap_run "it resolves again" wait_for 15 resolves_again 2
sed -i '/^web/d' "$HOSTS"
is_degraded() {
	[ "$(state_of)" = degraded ]
}
tap_run "a name that is no more is trouble" wait_for 15 is_degraded
tap_is "and changes nothing, either" "$(members)" "10.99.0.22 10.99.0.23"
say web.lab.test silent
metric() { # NAME
	edge_ctl metrics | awk -v name="$1" '$1 == name { print $2 }'
}
says_silent() {
	status | grep -q "web.lab.test does not resolve: no answer from the resolver"
}
tap_run "a name server that hangs" wait_for 25 says_silent
tap_between "delays no check: probes begin long before the resolver gives up" "$(metric sluice_check_lag_seconds)" 0 1
tap_is "nor changes anything" "$(members)" "10.99.0.22 10.99.0.23"
spread "meanwhile" b2=1 b3=1

# Reload.
config "[web.lab.test, nosuch.lab.test]"
tap_fails "a reload names what does not resolve, with its place" 1 \
	'sluice.yaml:12: .*services\.web\.members: nosuch\.lab\.test does not resolve: ' edge_ctl reload
tap_is "the members stay" "$(members)" "10.99.0.22 10.99.0.23"
say hangs.lab.test silent
config "[web.lab.test, hangs.lab.test]"
edge_ctl reload > "$LAB_DIR/reload.txt" 2>&1 &
reload=$!
sleep 1
start=$(date +%s%N)
state_of > /dev/null
tap_between "a reload that waits for a name holds up nobody (ms)" \
	$((($(date +%s%N) - start) / 1000000)) 0 1500
tap_run "the reload still waits" kill -0 "$reload"
wait "$reload"
tap_match "until it is given up" "$(cat "$LAB_DIR/reload.txt")" \
	'hangs\.lab\.test does not resolve: no answer from the resolver'
say more.lab.test 10.99.0.21 127.0.0.1
config "[web.lab.test, more.lab.test]"
tap_run "a reload with a new name" edge_ctl reload
tap_is "its address is a member at once" "$(members)" "10.99.0.21 10.99.0.22 10.99.0.23"
say other.lab.test 10.99.0.21
config "[web.lab.test, other.lab.test]"
kill -HUP "${LAB_PIDS[sluiced]}"
name_is() {
	[ "$(edge_member web 10.99.0.21 name)" = "$1" ]
}
tap_run "another name has the address" wait_for 10 name_is other.lab.test
tap_is "it is the same member" "$(edge_member web 10.99.0.21 health)" up

# Starts without a name server.
lab_stop dns
tap_run "what it said is on the disk" wait_for 5 e2e_is_kept names 'tostring | contains("other.lab.test")'
lab_stop sluiced TERM
start "a start without a name server"
tap_is "has the last known addresses" "$(members)" "10.99.0.21 10.99.0.22 10.99.0.23"
tap_match "and status says so" "$(status)" 'other\.lab\.test does not resolve: .*last answer'
lab_stop sluiced TERM
rm -f "$LAB_DIR/state/$LAB_PREFIX/names.json"
config "[web.lab.test, 10.99.0.23]"
start "one that knows none"
tap_is "serves with the others" "$(members)" "10.99.0.23"
tap_is "and is degraded" "$(state_of)" degraded
tap_match "by the name" "$(status)" 'web\.lab\.test does not resolve: .*it has no members'
say web.lab.test fail
dns_start
lookups() { # NAME RESULT
	metric "sluice_name_lookups_total{name=\"$1\",result=\"$2\"}"
}
has_failed_again() {
	[ "$(lookups web.lab.test fail)" -ge 2 ]
}
tap_run "the name is looked up again" wait_for 30 has_failed_again
say web.lab.test 10.99.0.22
echo "metrics: {listen: disabled}" >> "$E2E_CONFIG"
tap_run "a reload right after a failure looks it up once more" edge_ctl reload
tap_is "and its members join" "$(members)" "10.99.0.22 10.99.0.23"
tap_is "which a metric counts" \
	"$(metric 'sluice_name_addresses{name="web.lab.test",state="ready"}')" 1
is_recent() {
	awk -v now="$(date +%s)" -v at="$(metric 'sluice_name_last_answer_timestamp_seconds{name="web.lab.test"}')" \
		'BEGIN { exit !(at <= now && at > now - 60) }'
}
tap_run "and when it was" is_recent
tap_match "member list has a column of names" "$(edge_ctl member list web)" \
	'^10\.99\.0\.22:80 +web\.lab\.test '

# A reload by signal while a start waits for a name.
lab_stop sluiced TERM
say hangs.lab.test silent
asked=$(grep -c "asked hangs.lab.test" "$LAB_DIR/dns.log")
config "[web.lab.test, hangs.lab.test]"
lab_start sluiced lb "$LAB_OUT/bin/sluiced" --config "$E2E_CONFIG" --instance "$LAB_PREFIX" \
	--run-dir "$LAB_DIR/run" --state-dir "$LAB_DIR/state"
waits_for_name() {
	[ "$(grep -c "asked hangs.lab.test" "$LAB_DIR/dns.log")" -gt "$asked" ]
}
tap_run "a start waits for a name that hangs" wait_for 10 waits_for_name
config "[web.lab.test, 10.99.0.23]"
kill -HUP "${LAB_PIDS[sluiced]}"
tap_run "it is ready without it" wait_for 20 edge_is_ready
tap_run "and a reload that was asked for meanwhile follows" wait_for 10 are_members \
	10.99.0.22 10.99.0.23
tap_is "with nothing wrong" "$(state_of)" ok

# The command line.
tap_match "check does not look names up, and says so" \
	"$(edge_ctl check "$E2E_CONFIG" | tr -s ' \n' ' ')" 'web\.lab\.test is not looked up here'
say one.lab.test 10.99.0.21
tap_match "member add takes a name once" "$(edge_ctl member add web one.lab.test 2>&1)" \
	'one\.lab\.test is 10\.99\.0\.21'
tap_is "and adds its address" "$(members)" "10.99.0.21 10.99.0.22 10.99.0.23"
say two.lab.test 10.99.0.24 10.99.0.25
tap_fails "but not one of several" 1 'two\.lab\.test has 2 addresses: 10\.99\.0\.24, 10\.99\.0\.25' \
	edge_ctl member add web two.lab.test
tap_match "save writes no addresses of names" "$(edge_ctl save --print)" 'address: "10\.99\.0\.21"'
tap_is "but those of commands" "$(edge_ctl save --print | grep -c address:)" 1
tap_done
