#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A build with another ABI cannot adopt the maps. It says so and touches nothing, unless a cold start is
# allowed: then its own maps take over with traffic on. Flows whose slots are at rest stay where they are,
# on the way up and down; the start is killed at any moment, and the next one knows what to do.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/hold.sh"

OTHER_ABI=77
e2e_begin 4
hold_serve b1 b2 b3 b4
cat > "$E2E_CONFIG" <<-END
	$HOLD_HEAD
	services:
	  hold:
	    listen: "tcp $EDGE_WEB:$HOLD_PORT"
	    mode: l2
	    check: {type: tcp, port: 80, interval: 500ms, timeout: 300ms, fast: 200ms, down: 500ms}
	    learn: 6s
	    members: [10.99.0.21, 10.99.0.22, 10.99.0.23, 10.99.0.24]
	  web: {listen: "tcp $EDGE_WEB:80", mode: l2, check: $E2E_CHECK, $E2E_NO_TRIAL, learn: 6s, members: [10.99.0.21, 10.99.0.22]}
END
ours=$LAB_OUT other=$LAB_DIR/build
tap_run "a build with another ABI is made" \
	make -s -C "$LAB_ROOT" SANITIZE= OUT="$other" ABI=$OTHER_ABI VERSION=9.9.9 build
[ -x "$other/bin/sluiced" ] || tap_done # without it the rest makes no sense
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving
# One member is out: whoever takes over must not begin by giving it slots.
edge_server_stop b4
tap_run "one is ejected" wait_for 10 edge_member_is hold 10.99.0.24 ejected
hold_settle "without it"
hold_keep v4 c1 -n 300 -i 300 -r 20 "$EDGE_WEB"
tap_run "300 connections" wait_for 10 hold_has_opened v4 300

tables() {
	edge_ctl --json status | jq -c '[.services[] | [.name, .table]]'
}
pins() {
	(cd "/sys/fs/bpf/sluice/$LAB_PREFIX" && echo abi*)
}
build() { # OUT
	LAB_OUT=$1
}
# check CTL OUT ARGUMENTS...: what a build's sluicectl says of another one: edge_ctl asks the daemon,
# edge_ctl_offline finds none, and reads the maps.
check() {
	"$1" upgrade-check --config "$E2E_CONFIG" --sluiced "$2/bin/sluiced" "${@:3}"
}
answer() { # CTL OUT JQ
	check "$1" "$2" --json | jq -c "$3"
}
check_both() { # NAME CTL OWN OTHER CHANGE
	tap_is "$1: the same ABI is adopted" "$(answer "$2" "$3" '[.outcome, .abi_change]')" '["adopt","same"]'
	tap_run "$1: that is status 0" check "$2" "$3"
	tap_is "$1: another one is not" "$(answer "$2" "$4" \
		'[.outcome, .abi_change, .lost.flows, .lost.slots_moving, .lost.most_connections]')" \
		"[\"cold\",\"$5\",0,0,false]"
	tap_fails "$1: that is status 1, with what to do" 1 '--cold-start' check "$2" "$4"
}
before=$(tables)

# Beforehand, from the daemon, and from the maps that it leaves.
check_both "asked the daemon" edge_ctl "$ours" "$other" upgrade
sed 's/learn: 6s/lern: 6s/' "$E2E_CONFIG" > "$LAB_DIR/wrong.yaml"
tap_fails "a configuration that it does not take" 6 'lern' \
	edge_ctl upgrade-check --config "$LAB_DIR/wrong.yaml" --sluiced "$other/bin/sluiced"
tap_fails "what is no sluiced" 6 'does not tell its ABI' edge_ctl upgrade-check --sluiced /bin/true
printf '#!/bin/sh\necho "sluiced 9.9.9 (abi %s)"\n' $(((1 << 32) + $(edge_ctl --json upgrade-check | jq .running.abi))) > "$LAB_DIR/huge"
chmod +x "$LAB_DIR/huge"
tap_fails "an ABI that no number holds is no ABI" 6 'does not tell its ABI' edge_ctl upgrade-check --sluiced "$LAB_DIR/huge"
printf '#!/bin/sh\nexec sleep 60\n' > "$LAB_DIR/slow"
chmod +x "$LAB_DIR/slow"
tap_fails "what does not end" 6 'version has not ended after 10 s' edge_ctl upgrade-check --sluiced "$LAB_DIR/slow"
tap_fails "what is nowhere" 6 'cannot be started' edge_ctl upgrade-check --sluiced /nowhere/sluiced

# Refused: with the ABIs, the way back, and the price.
program=$(lab_xdp_id lb eth0)
lab_stop sluiced TERM
pinned=$(pins)
check_both "asked the maps" edge_ctl_offline "$ours" "$other" upgrade
tap_fails "as somebody, without a daemon" 5 'only root' \
	setpriv --reuid=65534 --regid=65534 --clear-groups "$ours/bin/sluicectl" \
	--instance "$LAB_PREFIX" upgrade-check --sluiced "$other/bin/sluiced"
build "$other"
tap_is "its own sluicectl says so, too, and what it cannot know" "$(answer edge_ctl_offline "$other" \
	'[.outcome, .abi_change, .lost.flows, .running.abi, .other.abi]')" \
	"[\"cold\",\"upgrade\",null,${pinned#abi},$OTHER_ABI]"
tap_fails "another ABI is refused" 1 "of ABI [0-9]+, sluiced knows only ABI $OTHER_ABI" \
	edge_daemon "$E2E_CONFIG"
tap_fails "the way back and the price are named" 1 \
	'sluiced [0-9.]+, which made them, or start with --cold-start: .* lost' \
	edge_daemon "$E2E_CONFIG"
tap_fails "its sluicectl does not read what it cannot know" 1 'another ABI' edge_ctl_offline bypass limits
tap_is "the old program runs" "$(lab_xdp_id lb eth0)" "$program"
tap_is "the old maps are the only ones" "$(pins)" "$pinned"
hold_none_broken "refused" v4

# take_over NAME OUT: the daemon of another build, and what it finds.
take_over() {
	local name=$1 program
	program=$(lab_xdp_id lb eth0)
	lab_is_running sluiced && lab_stop sluiced TERM
	build "$2"
	if edge_daemon_start "$E2E_CONFIG" --cold-start; then
		tap_ok "$name: it starts"
	else
		tap_not_ok "$name: it starts" "$(tail -n 8 "$LAB_DIR/sluiced.log")"
	fi
	tap_match "$name: it says what it does" "$(tail -n 12 "$LAB_DIR/sluiced.log")" 'cold start beside .* ABI'
	tap_run "$name: its program runs" test "$(lab_xdp_id lb eth0)" != "$program"
	tap_is "$name: the tables are the same" "$(tables)" "$before"
	tap_is "$name: one set of maps is left" "$(pins | wc -w)" 1
	sleep 1
	hold_none_broken "$name" v4
}
take_over "up" "$other"
tap_is "they are the new ones" "$(pins)" "abi$OTHER_ABI"
check_both "asked the daemon, down" edge_ctl "$other" "$ours" downgrade
check_both "asked the maps, down" edge_ctl_offline "$other" "$ours" downgrade
take_over "down" "$ours"
tap_is "they are the old ones again" "$(pins)" "$pinned"
take_over "up again" "$other"
lab_stop sluiced KILL
if edge_daemon_start "$E2E_CONFIG"; then tap_ok "the new build starts again, without being asked"; else tap_not_ok "the new build starts again" "$(tail -n 5 "$LAB_DIR/sluiced.log")"; fi
tap_is "with the same tables" "$(tables)" "$before"

# Killed anywhere on the way: one of the two builds goes on by itself, the other one is refused.
is_ready_or_gone() {
	edge_is_ready || lab_is_gone "${LAB_PIDS[sluiced]}"
}
launch() { # OUT ARGUMENTS...
	LAB_OUT=$1
	lab_start sluiced lb "$LAB_OUT/bin/sluiced" --config "$E2E_CONFIG" --instance "$LAB_PREFIX" \
		--run-dir "$LAB_DIR/run" --state-dir "$LAB_DIR/state" "${@:2}"
}
interrupt() { # FROM TO MILLISECONDS
	local name="killed after $3 ms"
	lab_stop sluiced TERM
	launch "$2" --cold-start
	sleep "$(printf '%d.%03d' $(($3 / 1000)) $(($3 % 1000)))"
	lab_stop sluiced KILL
	tap_run "$name: a program runs" test -n "$(lab_xdp_id lb eth0)"
	launch "$1"
	wait_for 10 is_ready_or_gone
	if edge_is_ready; then
		tap_ok "$name: it had not taken over, the other build goes on"
	else
		tap_match "$name: it had taken over, the other build is refused" \
			"$(tail -n 3 "$LAB_DIR/sluiced.log")" 'of ABI'
		launch "$2"
		tap_run "$name: it goes on" wait_for 10 edge_is_ready
	fi
	tap_is "$name: the tables are the same" "$(tables)" "$before"
	tap_is "$name: one set of maps is left" "$(pins | wc -w)" 1
	hold_none_broken "$name" v4
}
here=$other there=$ours
for ms in 30 200 700 1400 2500; do
	interrupt "$here" "$there" "$ms"
	if [ "$LAB_OUT" = "$there" ]; then there=$here here=$LAB_OUT; fi
done
# After a change flows are away from their slots: as many as it said beforehand are cut, at most.
tap_run "a weight changes" edge_ctl member weight hold 10.99.0.21 10
tap_run "slots move" wait_for 20 hold_is_moving hold
hold_settle "the weight"
hold_none_broken "the weight" v4
known=$(answer edge_ctl "$([ "$LAB_OUT" = "$ours" ] && echo "$other" || echo "$ours")" .lost.flows)
before=$(tables)
lab_stop sluiced TERM
launch "$([ "$LAB_OUT" = "$ours" ] && echo "$other" || echo "$ours")" --cold-start
tap_run "a cold start then" wait_for 20 edge_is_ready
tap_is "the tables are the same" "$(tables)" "$before"
sleep 2
broken=$(hold_now v4 | jq .broken)
echo "# known flows beforehand $known, broken $broken"
tap_between "as many connections break as were known to be away, at most" "$broken" 1 "$known"
tap_run "data flowed" test "$(hold_now v4 | jq .messages)" -gt 1000
tap_done
