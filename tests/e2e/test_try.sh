#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# On trial: what nobody confirms ends by itself, also when the daemon was killed, and a session to the
# balancer's own address notices nothing of it.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 2
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	instance: $LAB_PREFIX
	services:
	  web: {listen: "tcp $EDGE_WEB:80", mode: l2, check: $E2E_CHECK, $E2E_NO_TRIAL, members: [10.99.0.21]}
END
sed 's/10.99.0.21/10.99.0.22/' "$E2E_CONFIG" > "$LAB_DIR/other.yaml"

# Here the daemon is sluicectl's, with the directories of an ordinary one.
ctl() {
	lab_in lb "$LAB_OUT/bin/sluicectl" --instance "$LAB_PREFIX" "$@"
}

run_file() { # NAME
	echo "/run/sluice/$LAB_PREFIX/$1"
}

daemon_pid() {
	head -n 1 "$(run_file lock)" 2> /dev/null
}

has_ended() {
	! kill -0 "$1" 2> /dev/null
}

remove_ours() {
	local pid
	pid=$(daemon_pid)
	[ -z "$pid" ] || kill -KILL "$pid" 2> /dev/null
	ctl detach > /dev/null 2>&1
	rm -rf "/run/sluice/$LAB_PREFIX" "/var/lib/sluice/$LAB_PREFIX"
	lab_cleanup
}
trap remove_ours EXIT
rm -rf "/run/sluice/$LAB_PREFIX" "/var/lib/sluice/$LAB_PREFIX"

pins() {
	find /sys/fs/bpf -path "*/$LAB_PREFIX/*" 2> /dev/null
}

verdict() { # NAME
	ctl --json stats | jq --arg n "$1" '.verdicts[] | select(.name == $n) | .packets'
}

asked() { # prints which backend answers, nothing when none does
	lab_in c1 curl -s --max-time 1 "http://$EDGE_WEB/"
}

asked_is() { # BACKEND
	[ "$(asked)" = "$1" ]
}

# A session to the balancer itself, as ssh would be: a line is answered with itself, once in 100 ms.
# Each of them ends the whole when it takes longer than two seconds.
session_start() {
	lab_start echo lb python3 "$E2E_LIB/tcp_session.py" serve "$EDGE_LB" 2222
	wait_for 5 lab_in lb python3 "$E2E_LIB/tcp_session.py" once "$EDGE_LB" 2222
	lab_start session c1 python3 "$E2E_LIB/tcp_session.py" talk "$EDGE_LB" 2222
}

session_lives() {
	lab_is_running session
}

session_start
tap_run "a session to the balancer" session_lives

# Mistakes change nothing.
sed 's/l2/l3/' "$E2E_CONFIG" > "$LAB_DIR/broken.yaml"
tap_fails "a file with a mistake is refused" 1 'mode' ctl try "$LAB_DIR/broken.yaml"
tap_fails "a trial of two days, too" 2 '24 hours' ctl try "$E2E_CONFIG" --for 2d
tap_is "nothing is attached" "$(lab_xdp_id lb eth0)" ""
sed 's/eth0/eth9/' "$E2E_CONFIG" > "$LAB_DIR/missing.yaml"
tap_fails "what the daemon says is shown" 1 'eth9' ctl try "$LAB_DIR/missing.yaml"
tap_is "and nothing is left" "$(pins)" ""
tap_fails "nothing to confirm" 4 'nothing of instance' ctl confirm

# Its log goes nowhere else.
echo kept > "$LAB_DIR/kept"
ln -sf "$LAB_DIR/kept" "$(run_file try.log)"
tap_fails "a symbolic link in the log's place is refused" 1 'try.log is a symbolic link' ctl try "$E2E_CONFIG"
tap_is "and what it points to is as it was" "$(cat "$LAB_DIR/kept")" kept
rm -f "$(run_file try.log)"

# Nobody confirms.
tap_match "try" "$(ctl try "$E2E_CONFIG" --for 5s 2>&1)" 'it detaches by itself in 5 s'
pid=$(daemon_pid)
tap_match "it is attached" "$(lab_xdp_id lb eth0)" '^[0-9]+$'
tap_is "it balances" "$(asked)" b1
tap_match "status says how long" "$(ctl status)" '^OK .*on trial for another [1-5] s'
tap_is "and what is next" "$(ctl --json status | jq -r .next)" \
	"sudo sluicectl --instance $LAB_PREFIX confirm"
tap_is "status is OK" "$(ctl --json status | jq -r .state)" ok
tap_fails "a second trial is refused" 6 'on trial' ctl try "$LAB_DIR/other.yaml"
tap_run "it ends by itself" wait_for 8 has_ended "$pid"
tap_is "nothing is attached" "$(lab_xdp_id lb eth0)" ""
tap_is "nothing is pinned" "$(pins)" ""
tap_run "the session lives" session_lives

# What comes through a pipe is kept where the daemon can read it again, and nobody else.
tap_match "try a pipe" "$(ctl try <(cat "$E2E_CONFIG") --for 60s 2>&1)" 'it detaches by itself'
tap_is "it balances" "$(asked)" b1
tap_is "its text is kept, for root" "$(stat -c %a "$(run_file try.yaml)")" 600
pid=$(daemon_pid)
tap_match "confirm says where it is" "$(ctl confirm)" "install -m 644 $(run_file try.yaml)"
tap_run "a reload reads it" ctl reload
tap_run "it is detached" ctl detach
tap_run "and ends" wait_for 8 has_ended "$pid"
kept_texts() {
	find "/run/sluice/$LAB_PREFIX" -name '*.yaml'
}
tap_is "and its text is gone" "$(kept_texts)" ""
tap_match "try standard input" "$(ctl try - --for 60s < "$E2E_CONFIG" 2>&1)" 'it detaches by itself'
pid=$(daemon_pid)
tap_run "undone" ctl undo
tap_run "that ends, too" wait_for 8 has_ended "$pid"
tap_is "and leaves no text" "$(kept_texts)" ""
tap_fails "one that cannot begin" 1 'eth9' ctl try - < <(sed 's/eth0/eth9/' "$E2E_CONFIG")
tap_is "leaves none either" "$(kept_texts)" ""
ctl try - --for 60s < "$E2E_CONFIG" > /dev/null 2>&1
pid=$(daemon_pid)
kill -KILL "$pid"
wait_for 5 has_ended "$pid"
tap_run "nor does one that was killed" ctl detach
tap_is "when it is detached" "$(kept_texts)" ""

# Undone, and waited for.
tap_match "try again" "$(ctl try "$E2E_CONFIG" --for 60s 2>&1)" 'unless you confirm'
pid=$(daemon_pid)
tap_match "undo" "$(ctl undo)" 'undone: detached'
tap_run "the daemon ends" wait_for 5 has_ended "$pid"
tap_is "nothing is attached" "$(lab_xdp_id lb eth0)" ""
tap_fails "waiting for a trial that nobody confirms" 1 'not confirmed' ctl try "$E2E_CONFIG" --for 2s --wait
tap_is "nothing is attached after it" "$(lab_xdp_id lb eth0)" ""

# The daemon is killed during its trial: from the deadline on everything is passed.
ctl try "$E2E_CONFIG" --for 15s > /dev/null 2>&1
tap_is "it balances, on trial" "$(asked)" b1
lab_stop_pid=$(daemon_pid)
kill -KILL "$lab_stop_pid"
tap_is "it still balances, its daemon killed" "$(asked)" b1
tap_fails "status knows the trial" 4 'unless somebody confirms it within' ctl status
tap_fails "a daemon that is not on trial does not make it permanent" 1 'on trial.*(confirmed|unconfirmed)' \
	lab_in lb timeout 10 "$LAB_OUT/bin/sluiced" --config "$E2E_CONFIG" --instance "$LAB_PREFIX"
sleep 15
tap_fails "status knows that it is over" 4 'its trial is over: the program on eth0' ctl status
tap_match "the program is still there" "$(lab_xdp_id lb eth0)" '^[0-9]+$'
lab_in lb ip address add "$EDGE_WEB/32" dev lo
lab_start own lb python3 -m http.server --bind "$EDGE_WEB" --directory "$LAB_DIR" 80
tap_run "the host itself answers now" wait_for 5 lab_in c1 curl -sf -o /dev/null --max-time 1 "http://$EDGE_WEB/"
lab_stop own
lab_in lb ip address del "$EDGE_WEB/32" dev lo
tap_run "the session lives" session_lives
tap_fails "it is too late to confirm" 6 'too late' ctl confirm
tap_fails "still no daemon makes it permanent" 1 'ended unconfirmed' \
	lab_in lb timeout 10 "$LAB_OUT/bin/sluiced" --config "$E2E_CONFIG" --instance "$LAB_PREFIX"
tap_run "detach removes what is left" ctl detach
tap_is "nothing is attached" "$(lab_xdp_id lb eth0)" ""
tap_is "nothing is pinned" "$(pins)" ""

# Confirmed with the daemon dead, and looked at when the trial would be over.
ctl try "$E2E_CONFIG" --for 20s > /dev/null 2>&1
kill -KILL "$(daemon_pid)"
tap_match "confirm without the daemon" "$(ctl confirm)" 'confirmed in the pinned maps'
sleep 20
tap_is "it balances on" "$(asked)" b1
tap_fails "a trial does not begin where packets are balanced for good" 1 'balances on eth0 already' ctl try "$E2E_CONFIG"
tap_is "it balances on" "$(asked)" b1
ctl detach > /dev/null

# Confirmed, then handed over to the daemon that stays.
ctl try "$E2E_CONFIG" --for 20s > /dev/null 2>&1
pid=$(daemon_pid)
program=$(lab_xdp_id lb eth0)
tap_fails "a second daemon refuses before the trial is confirmed" 1 "another sluiced .*$LAB_PREFIX" \
	lab_in lb timeout 10 "$LAB_OUT/bin/sluiced" --config "$E2E_CONFIG" --instance "$LAB_PREFIX"
tap_match "confirm says how to make it permanent" "$(ctl confirm)" 'systemctl enable --now sluiced'
tap_fails "there is nothing more to confirm" 6 'nothing is on trial' ctl confirm
sleep 20
tap_is "it balances on" "$(asked)" b1
edge_load c1 --count 0 --seconds 4 --rate 100 "http://$EDGE_WEB/" > "$LAB_DIR/load" &
load=$!
sleep 1
lab_start sluiced lb "$LAB_OUT/bin/sluiced" --config "$E2E_CONFIG" --instance "$LAB_PREFIX"
tap_run "the daemon that stays takes over" wait_for 8 has_ended "$pid"
tap_run "and is ready" wait_for 8 ctl --json status
wait "$load"
e2e_served "no request fails meanwhile" "$(cat "$LAB_DIR/load")"
tap_run "its program is attached" test -n "$(lab_xdp_id lb eth0)" -a "$program" != "$(lab_xdp_id lb eth0)"

# A running daemon tries a file.
tap_run "the member serves" wait_for 5 asked_is b1
tap_match "try another file" "$(ctl try "$LAB_DIR/other.yaml" --for 4s --force 2>&1)" 'the configuration before it comes back'
tap_run "it is in force" wait_for 8 asked_is b2
tap_is "status knows" "$(ctl --json status | jq -r .trial.kind)" reload
tap_fails "a reload is refused meanwhile" 6 'on trial' ctl reload
tap_run "it goes back" wait_for 8 asked_is b1
tap_is "nothing is on trial" "$(ctl --json status | jq .trial)" null
sleep 10
tap_is "and nothing is passed ten seconds later" "$(verdict expired)" 0

tap_run "try it again" ctl try "$LAB_DIR/other.yaml" --for 4s --force
tap_match "confirm" "$(ctl confirm)" 'confirmed: revision [0-9]+ stays'
sleep 15
tap_is "it stays" "$(asked)" b2
tap_is "nothing is passed" "$(verdict expired)" 0
tap_match "reload goes back to the file" "$(ctl reload --force --confirm-within 30s)" 'on trial'
tap_run "the file is in force" wait_for 8 asked_is b1
tap_match "undo" "$(ctl undo)" 'the configuration before the trial is in force'
tap_run "what was there before is" wait_for 8 asked_is b2

# The same, confirmed with the daemon dead: that keeps what is in the maps, and says what comes next.
tap_run "try the file, to be confirmed later" ctl try "$E2E_CONFIG" --for 8s --force
tap_run "it is in force" wait_for 6 asked_is b1
lab_stop sluiced KILL
tap_match "confirm without the daemon says where the next one begins" "$(ctl confirm | tr '\n' ' ')" \
	'it begins with its configuration file'
lab_start sluiced lb "$LAB_OUT/bin/sluiced" --config "$LAB_DIR/other.yaml" --instance "$LAB_PREFIX"
tap_run "a new daemon starts" wait_for 8 ctl --json status
tap_run "with its own" wait_for 8 asked_is b2

# The daemon is killed with a configuration on trial: its successor says what became of it.
tap_run "try the file" ctl try "$E2E_CONFIG" --for 30s --force
lab_stop sluiced KILL
lab_start sluiced lb "$LAB_OUT/bin/sluiced" --config "$E2E_CONFIG" --instance "$LAB_PREFIX"
tap_run "a new daemon starts" wait_for 8 ctl --json status
tap_is "nothing is on trial" "$(ctl --json status | jq .trial)" null
tap_match "it says so" "$(ctl status)" 'was on trial when the daemon ended'
tap_run "the one before the trial is in force" wait_for 8 asked_is b2
tap_run "a reload applies the file" ctl reload --force
tap_run "which is in force then" wait_for 8 asked_is b1
tap_is "and nothing is said of a trial any more" "$(ctl status | grep -c 'on trial')" 0
tap_run "the session lived through all of it" session_lives
tap_done
