#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The daemon is dead: what its program does can be seen and changed from the pinned maps, and the next
# daemon keeps what was changed.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 3
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	services:
	  web: {listen: "tcp $EDGE_WEB:80", mode: l2, check: $E2E_CHECK, $E2E_NO_TRIAL, members: [10.99.0.21, 10.99.0.22, 10.99.0.23]}
	  web6: {listen: "tcp [$EDGE_WEB6]:80", mode: l2, $E2E_NO_TRIAL, members: ["2001:db8:99::21", "2001:db8:99::22", "2001:db8:99::23"]}
	  spare:
	    listen: tcp $EDGE_WEB:8080
	    mode: l2
	    check: none
	    fallback: other
	    pools:
	      main: {members: [10.99.0.21, 10.99.0.22]}
	      other: {members: [10.99.0.23]}
END

offline() {
	edge_ctl_offline "$@" 2> /dev/null
}

lacks() { # WORD TEXT
	! grep -q "$1" <<< "$2"
}

member() { # SERVICE ADDRESS FIELD, from the maps
	offline --json status | jq -r --arg s "$1" --arg a "$2" --arg f "$3" \
		'.services[] | select(.name == $s) | .members[] | select(.address == $a) | .[$f]'
}


e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving
tap_fails "another port" 1 'port 81: members of web have its port, 80' edge_ctl member maint web 10.99.0.22:81
tap_match "no check is told as none" "$(edge_ctl member list spare)" '10.99.0.21:8080 .* none '
tap_match "and not as passed" "$(edge_ctl member show spare 10.99.0.21 --pool main)" 'health +not checked'
tap_run "one is in maintenance" edge_ctl member maint web6 2001:db8:99::22
tap_run "another one drains" edge_ctl member drain web6 2001:db8:99::23
sleep 1.2
before=$(date +%s)
lab_stop sluiced KILL

tap_is "the first word is FAULT" "$(offline status | head -n 1 | cut -d ' ' -f 1)" FAULT
sleep 3
tap_match "since when, and how" "$(offline status | tr '\n' ' ')" 'stopped [0-9]+ s +ago \(killed'
tap_match "what the path still does" "$(offline status | tr '\n' ' ')" 'packets +still +forwarded +by +the +program +on +eth0'
tap_match "what is frozen" "$(offline status)" 'frozen: health'
tap_match "what helps" "$(offline status)" 'next +sudo '
tap_fails "the exit status says that the daemon is gone" 4 '' edge_ctl_offline status
tap_between "when it was last seen" "$(offline --json status | jq .daemon.last_seen_s)" $((before - 3)) $((before + 1))
tap_is "services by name" "$(offline --json status | jq -c '[.services[] | [.name, .listen]]')" \
	"[[\"spare\",\"tcp $EDGE_WEB:8080\"],[\"web\",\"tcp $EDGE_WEB:80\"],[\"web6\",\"tcp [$EDGE_WEB6]:80\"]]"
tap_is "a fallback that is not needed is idle, and nothing is degraded" \
	"$(offline --json status | jq -c '.services[0] | [.state, .members_serving, .members_idle, .members_total]')" '["ok",2,1,3]'
tap_is "all of web serve" "$(offline --json status | jq -c '.services[1] | [.state, .members_serving, .members_total]')" '["ok",3,3]'
tap_is "maintenance from before is known" "$(member web6 2001:db8:99::22 state)" maintenance
tap_is "so is draining" "$(member web6 2001:db8:99::23 state)" draining
tap_fails "which cannot be ended now" 1 'is draining, which only sluiced can end' \
	edge_ctl_offline member ready web6 2001:db8:99::23
tap_run "it may be put into maintenance" edge_ctl_offline member maint web6 2001:db8:99::23
tap_match "and then drains on" "$(edge_ctl_offline member ready web6 2001:db8:99::23)" \
	'not in maintenance any more, but draining'
tap_between "a member's part" "$(member web 10.99.0.21 of_new_percent)" 28 39
is_traffic_seen() {
	test "$(offline --json status | jq '.rates.forwarded_pps | floor')" -gt 100
}
edge_load c1 --count 0 --seconds 5 --rate 200 "http://$EDGE_WEB/" > /dev/null &
load=$!
tap_run "traffic is seen" wait_for 4 is_traffic_seen
wait "$load"
wide=$(offline status -v | awk '{ if (length($0) > n) n = length($0) } END { print n }')
tap_between "it fits a terminal" "$wide" 10 100
tap_fails "only root may" 5 'root' lab_in lb setpriv --reuid 65534 --regid 65534 --clear-groups \
	"$LAB_OUT/bin/sluicectl" --instance "$LAB_PREFIX" member maint web 10.99.0.22

# Nobody else tells the system's log: here, a socket in its place that keeps what comes.
lab_start syslog lb python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True:
    print(s.recv(4096).decode(), flush=True)' "$LAB_DIR/log"
wait_for 5 test -S "$LAB_DIR/log"

logged() { # ARGUMENTS...: what the log gets of a command, without its time
	local before
	before=$(wc -l < "$LAB_DIR/syslog.log")
	# shellcheck disable=SC2016 # for the shell inside
	lab_in lb unshare --mount sh -c 'log=$1; shift; mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 &&
		ln -s "$log" /dev/log && exec "$@"' sh "$LAB_DIR/log" \
		"$LAB_OUT/bin/sluicectl" --instance "$LAB_PREFIX" "$@" > /dev/null
	sleep 0.2 # it is there already; its reader may not be
	tail -n "+$((before + 1))" "$LAB_DIR/syslog.log" | sed 's/.*audit: //'
}
by="by=\"$(id -un) \\(uid 0, pid [0-9]+\\)\" instance=$LAB_PREFIX, sluiced not running"

# Maintenance: others have its flows at once, no request fails.
tap_match "maint is audited" "$(logged member maint web 10.99.0.22)" "^web/10.99.0.22: ready -> maint $by\$"
tap_is "but not a second time" "$(logged member maint web 10.99.0.22)" ""
tap_match "so is ready" "$(logged member ready web 10.99.0.22)" "^web/10.99.0.22: maint -> ready $by\$"
tap_match "a bypass" "$(logged bypass limits --for 1m)" "^bypass of limits: 0 s -> 60 s $by\$"
tap_match "and its end" "$(logged bypass none)" "^bypass of limits: [56][0-9] s -> 0 s $by\$"
tap_match "the role" "$(logged node standby)" "^active -> standby $by\$"
tap_match "and back" "$(logged node active)" "^standby -> active $by\$"
tap_match "maint" "$(offline member maint web 10.99.0.22)" 'in maintenance; others have its flows'
load=$(edge_load c1 --count 300 --source 203.0.113.0/26 "http://$EDGE_WEB/")
e2e_served "requests are served" "$load"
tap_run "not by the member in maintenance" lacks b2 "$load"
tap_is "it is shown" "$(member web 10.99.0.22 state)" maintenance
tap_is "as set without the daemon" "$(member web 10.99.0.22 set_offline)" true
tap_is "it has no part any more" "$(member web 10.99.0.22 of_new_percent)" 0
tap_match "a second time changes nothing" "$(offline member maint web 10.99.0.22:80)" 'in maintenance already'
tap_fails "an unknown service" 3 'no service wob' edge_ctl_offline member maint wob 10.99.0.22
tap_fails "an unknown member" 3 'no member 10.99.0.29' edge_ctl_offline member maint web 10.99.0.29
tap_fails "another port, as online" 1 'port 81: members of web have its port, 80' \
	edge_ctl_offline member maint web 10.99.0.22:81
tap_fails "an unknown pool" 3 'no pool blue in service web' edge_ctl_offline member maint web 10.99.0.22 --pool blue

# Out and in again.
offline member maint web 10.99.0.23 > /dev/null
tap_match "ready" "$(offline member ready web 10.99.0.23)" 'ready: it serves again'
load=$(edge_load c1 --count 300 --source 203.0.113.0/26 "http://$EDGE_WEB/")
e2e_served "requests are served again" "$load"
tap_run "by the member that is ready" grep -q b3 <<< "$load"
tap_match "ready for one that the daemon took out" "$(offline member ready web6 2001:db8:99::22)" 'only when sluiced runs again'

# The next daemon keeps all of it.
e2e_start
tap_is "maintenance is kept" "$(edge_member web 10.99.0.22 admin)" maint
tap_is "and what was made ready" "$(edge_member web6 2001:db8:99::22 admin)" ready
tap_run "which serves" wait_for 5 edge_member_is web6 2001:db8:99::22 serving
tap_is "the third was never out" "$(edge_member web 10.99.0.23 admin)" ready
load=$(edge_load c1 --count 300 --source 203.0.113.0/26 "http://$EDGE_WEB/")
e2e_served "requests are served by the new daemon" "$load"
tap_run "not by the member in maintenance, still" lacks b2 "$load"
tap_match "an event tells where it came from" "$(edge_ctl events)" 'while sluiced was not running'
lab_stop sluiced KILL
e2e_start
tap_is "maintenance outlives one more daemon" "$(edge_member web 10.99.0.22 admin)" maint
tap_run "ready" edge_ctl member ready web 10.99.0.22
tap_run "and it serves" wait_for 5 edge_member_is web 10.99.0.22 serving

# A daemon that lives, but listens elsewhere, is not worked around.
tap_fails "maintenance behind the back of a daemon is refused" 6 'lives, but does not listen' \
	edge_ctl_offline member maint web 10.99.0.21
lab_stop sluiced TERM
tap_match "an orderly end is told apart" "$(offline status | tr '\n' ' ')" 'was stopped [0-9]+ s +ago'
tap_match "detach, in the log, too" "$(logged detach)" "^detached from eth0 $by\$"
tap_fails "then nothing is left to look at" 4 'has left nothing' edge_ctl_offline status
tap_done
