#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What commands changed outlives reload, restart and reboot; who asked is on record; and whatever
# happens to the state directory or to the configuration file, the balancer serves and says so.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 3
STATE=$LAB_DIR/state/$LAB_PREFIX
LOG=$LAB_DIR/sluiced.log
config() { # MEMBERS [LIMIT MODE]
	cat <<-END
		version: 1
		interfaces: [eth0]
		services:
		  web: {listen: "tcp $EDGE_WEB:80", mode: l2, check: $E2E_CHECK, $E2E_NO_TRIAL, limits: [per-client], members: [$1]}
		limits:
		  per-client: {count: packets, rate: 1000000/s, mode: ${2:-enforce}}
	END
}
ALL="10.99.0.21, 10.99.0.22, 10.99.0.23"
config "$ALL" > "$E2E_CONFIG"
e2e_start

member() { # ADDRESS FIELD
	edge_member web "$1" "$2"
}

# All runtime changes of this test, a line each.
changes() {
	edge_ctl --json service show web |
		jq -r '.pools[].members[] | [.address, .owner, .weight, .weight_file, .admin, .admin_file] | map(tostring) | join(" ")' | sort
	edge_ctl --json limit show per-client | jq -r '.mode + " " + .mode_file'
}

on_disk() { # FILTER OF CHANGES
	jq -ce ".content | $1" "$STATE/changes.json"
}

# In this shell: the lab's account of its processes is ours.
start() { # NAME
	if edge_daemon_start "$E2E_CONFIG"; then
		tap_ok "$1"
	else
		tap_not_ok "$1" "$(tail -n 20 "$LOG")"
	fi
}

restart() { # NAME [SIGNAL]
	lab_stop sluiced "${2:-TERM}"
	: > "$LOG"
	start "$1"
}

events() { # JQ FILTER
	edge_ctl --json events | jq -r ".events[] | select($1) | .text"
}

status() {
	edge_ctl --json status
}

why_has() { # REGEX
	[[ $(status | jq -r '.why[]') =~ $1 ]]
}

# ---- changes are kept ---------------------------------------------------------------------------

tap_run "a weight" edge_ctl member weight web 10.99.0.21 30
tap_run "maintenance" edge_ctl member maint web 10.99.0.22
tap_run "a member is removed" edge_ctl member remove web 10.99.0.23
tap_run "another one is added" edge_ctl member add web 10.99.0.24 --weight 7
tap_run "a limit's mode" edge_ctl limit mode per-client shadow
want=$(changes)
tap_is "they are in force" "$want" "$(
	cat <<-END
		10.99.0.21 file 30 100 ready ready
		10.99.0.22 file 100 100 maint ready
		10.99.0.24 api 7 7 ready ready
		shadow enforce
	END
)"
tap_run "and on the disk" wait_for 10 on_disk '(.members | length == 4) and (.limits | length == 1)'
tap_is "readable by nobody else" "$(stat -c %a "$STATE/changes.json" "$STATE")" $'600\n700'
tap_is "status counts them" "$(status | jq .node.runtime_change_count)" 5
tap_match "in words" "$(edge_ctl status)" '5 runtime changes not in file'
tap_match "a member shows its own" "$(edge_ctl member show web 10.99.0.22)" 'maint \(ready in the file\)'
tap_match "one that was added, too" "$(edge_ctl member show web 10.99.0.24)" 'not in the file'

config "$ALL" > "$E2E_CONFIG"
echo '# a comment' >> "$E2E_CONFIG"
tap_run "a reload" edge_ctl reload
tap_is "keeps them" "$(changes)" "$want"
restart "a restart"
tap_is "keeps them, too" "$(changes)" "$want"
tap_match "and says so" "$(events '.type == "state_restored"')" '5 runtime changes restored, 0 dropped'
restart "a crash" KILL
tap_is "as well" "$(changes)" "$want"
lab_stop sluiced KILL
edge_ctl_offline detach > /dev/null 2>&1
tap_is "as after a reboot nothing is pinned" "$(find /sys/fs/bpf -path "*sluice/$LAB_PREFIX*")" ""
start "a start from nothing"
tap_is "knows them still" "$(changes)" "$want"

# ---- the file goes before what was changed when it said something else -----------------------------

lab_stop sluiced TERM
config "{address: 10.99.0.21, weight: 60}, 10.99.0.22, 10.99.0.23" disabled > "$E2E_CONFIG"
start "a start with another file"
tap_is "the file's own new values hold" "$(changes)" "$(
	cat <<-END
		10.99.0.21 file 60 60 ready ready
		10.99.0.22 file 100 100 maint ready
		10.99.0.24 api 7 7 ready ready
		disabled disabled
	END
)"
tap_match "what was dropped is told" "$(events '.type == "change_dropped"')" \
	"weight 30 .*the file's weight is 60 now"
tap_run "back to ready" edge_ctl member ready web 10.99.0.22
tap_run "an added one is removed" edge_ctl member remove web 10.99.0.24
tap_run "a removed one is added" edge_ctl member add web 10.99.0.23
tap_is "nothing is left to keep" "$(status | jq .node.runtime_change_count)" 0
tap_run "not on the disk either" wait_for 10 on_disk '.members == [] and .limits == []'

# ---- diff and save -----------------------------------------------------------------------------------

DROPIN=${E2E_CONFIG%.yaml}.d/90-runtime.yaml
tap_run "no difference" edge_ctl diff
edge_ctl member weight web 10.99.0.21 55 > /dev/null
edge_ctl member maint web 10.99.0.22 > /dev/null
edge_ctl member remove web 10.99.0.23 > /dev/null
edge_ctl member add web 10.99.0.24 --weight 7 > /dev/null
edge_ctl limit mode per-client shadow > /dev/null
diff=$(edge_ctl diff 2>&1)
tap_is "differences: exit status" "$?" 1
tap_match "a weight" "$diff" 'member web/default/10.99.0.21:80: weight 55 \(60 in the file\)'
tap_match "maintenance" "$diff" '10.99.0.22:80: maint \(ready in the file\)'
tap_match "a removal" "$diff" '10.99.0.23:80: removed'
tap_match "an addition" "$diff" '10.99.0.24:80: added with weight 7'
tap_match "a mode" "$diff" 'limit per-client: mode shadow \(disabled in the file\)'
tap_match "and what saves it, for this instance" "$diff" "\(sluicectl --instance $LAB_PREFIX save writes"
tap_match "and the disk" "$diff" 'disk: the files are those that were loaded'
tap_match "it can be printed" "$(edge_ctl save --print)" 'address: "10.99.0.24", weight: 7'
tap_run "which writes nothing" test ! -e "$DROPIN"
want=$(edge_ctl --json service show web | jq -c '[.pools[].members[] | [.address, .weight, .admin]] | sort')
tap_match "it is saved" "$(edge_ctl save)" 'saved 5 changes to .*90-runtime.yaml; revision'
tap_run "no difference is left" edge_ctl diff
tap_is "and all is as it was" "$want" \
	"$(edge_ctl --json service show web | jq -c '[.pools[].members[] | [.address, .weight, .admin]] | sort')"
tap_is "nothing is left to keep" "$(status | jq .node.runtime_change_count)" 0
restart "a restart with the drop-in"
tap_is "is the same" "$want" \
	"$(edge_ctl --json service show web | jq -c '[.pools[].members[] | [.address, .weight, .admin]] | sort')"
edge_ctl member ready web 10.99.0.22 > /dev/null
tap_match "saved again: the other changes stay" "$(edge_ctl save)" 'saved 4 changes'
tap_run "no difference" edge_ctl diff
edge_ctl member weight web 10.99.0.21 56 > /dev/null
sed -i 's/weight: 60/weight: 61/' "$E2E_CONFIG"
tap_fails "a file that was edited since: not saved" 6 'reload first' edge_ctl save
tap_match "diff says what a reload would change" "$(edge_ctl diff)" 'nothing but the text'
printf 'services:\n  web:\n    members: [{address: 10.99.0.25, wieght: 5}]\n' \
	> "${E2E_CONFIG%.yaml}.d/10-more.yaml"
tap_match "or why it would be refused" "$(edge_ctl diff)" '10-more.yaml:3: .*unknown key'
tap_fails "check names the file" 1 '10-more.yaml:3: .*unknown key' edge_ctl check "$E2E_CONFIG"
tap_fails "the daemon's check, too" 1 '10-more.yaml:3: .*unknown key' \
	"$LAB_OUT/bin/sluiced" --check "$E2E_CONFIG"
tap_fails "and reload" 1 '10-more.yaml:3: .*unknown key' edge_ctl reload
sed -i 's/wieght/weight/' "${E2E_CONFIG%.yaml}.d/10-more.yaml"
tap_match "a good one: what it would add" "$(edge_ctl diff)" '10.99.0.25:80: added with weight 5'
tap_is "but nothing is changed yet" "$(edge_ctl --json service show web | jq .members_total)" 3
tap_run "a reload" edge_ctl reload
tap_is "does it" "$(member 10.99.0.25 weight)" 5
: > "${E2E_CONFIG%.yaml}.d/20-empty.yaml"
tap_fails "an empty drop-in is refused" 1 '20-empty.yaml: .*empty' edge_ctl reload
rm -r "${E2E_CONFIG%.yaml}.d"
tap_fails "without drop-ins" 6 'force' edge_ctl reload
tap_run "if forced" edge_ctl reload --force
tap_run "the weight is a command's" edge_ctl member weight web 10.99.0.21 60
sed -i 's/weight: 61/weight: 60/' "$E2E_CONFIG"
edge_ctl reload > /dev/null

# ---- files that something went wrong with ----------------------------------------------------------

before=$(status | jq .node.revision)
members_before=$(edge_ctl --json service show web | jq -c '[.pools[].members[].address]')
cp "$E2E_CONFIG" "$LAB_DIR/whole.yaml"
ruined() { # NAME PATTERN
	tap_fails "$1: refused" 1 "$2" edge_ctl reload
	tap_is "$1: the revision stays" "$(status | jq .node.revision)" "$before"
	tap_is "$1: the members stay" "$members_before" \
		"$(edge_ctl --json service show web | jq -c '[.pools[].members[].address]')"
	tap_match "$1: diff says so" "$(edge_ctl diff)" 'a reload would be refused'
}
: > "$E2E_CONFIG"
ruined "an empty file" 'empty'
head -c 130 "$LAB_DIR/whole.yaml" > "$E2E_CONFIG"
ruined "a truncated file" 'sluice.yaml:[0-9]+:'
sed 's/10.99.0.22/{{ member_2 }}/; s/mode: l2/mode: {{ mode }}/' "$LAB_DIR/whole.yaml" > "$E2E_CONFIG"
ruined "a half-templated file" 'template'
cp "$LAB_DIR/whole.yaml" "$E2E_CONFIG"
tap_run "and a whole one again" edge_ctl reload
sed '/members/s/, 10.99.0.22, 10.99.0.23//' "$LAB_DIR/whole.yaml" > "$E2E_CONFIG"
tap_fails "members missing at the end: refused, and the way is for this instance" 6 \
	"sluicectl --instance $LAB_PREFIX reload --force" edge_ctl reload
printf 'hash_seed: "%064d"\n' 1 | cat "$LAB_DIR/whole.yaml" - > "$E2E_CONFIG"
tap_fails "another hash_seed: refused, with what it takes" 6 'hash_seed.*--cold-start' edge_ctl reload --force
sed 's/eth0/lo/' "$LAB_DIR/whole.yaml" > "$E2E_CONFIG"
tap_fails "an interface gone: refused" 6 'eth0 would be detached.*reload --force' edge_ctl reload
cp "$LAB_DIR/whole.yaml" "$E2E_CONFIG"
tap_run "all of that changed nothing" edge_ctl reload
tap_is "not even the revision" "$(status | jq .node.revision)" "$before"

# ---- who did what ----------------------------------------------------------------------------------

edge_ctl member weight web 10.99.0.21 61 > /dev/null
tap_is "an event tells old and new" \
	"$(edge_ctl --json events | jq -r '[.events[] | select(.type == "audit")][-1] | .service + "/" + .pool + "/" + .member + ": " + .text')" \
	"web/default/10.99.0.21:80: weight 60 -> 61"
tap_match "and who" "$(edge_ctl --json events | jq -r '[.events[] | select(.type == "audit")][-1].who')" \
	'^root \(uid 0, pid [0-9]+\)$'
tap_match "the log does, too" "$(cat "$LOG")" \
	'audit: web/default/10.99.0.21:80: weight 60 -> 61 by="root \(uid 0, pid [0-9]+\)"'
tap_match "and the command line" "$(edge_ctl events)" 'weight 60 -> 61, by root \(uid 0'
edge_ctl member weight web 10.99.0.77 5 > /dev/null 2>&1
tap_match "a refusal is on record" "$(events '.type == "audit"' | tail -n 1)" \
	'^refused PUT .*/weight: no member 10.99.0.77'
edge_ctl bypass limits --for 60s > /dev/null
tap_match "a bypass is on record" "$(events '.type == "audit"' | tail -n 1)" \
	'^bypass of limits: 0 s left -> 60 s$'
edge_ctl bypass none > /dev/null
tap_match "and its end" "$(events '.type == "audit"' | tail -n 1)" \
	'^bypass of limits and lists: [0-9]+ s left -> 0 s$'
edge_ctl node standby > /dev/null
edge_ctl node active > /dev/null
tap_match "a node's role, too" "$(events '.type == "audit"' | tail -n 1)" '^role standby -> active$'
seq=$(edge_ctl --json events | jq '.events[-1].seq')
edge_ctl member weight web 10.99.0.21 61 > /dev/null
edge_ctl status > /dev/null
tap_is "what changes nothing is not" "$(edge_ctl --json events --since "$seq" | jq '[.events[] | select(.type == "audit")] | length')" 0
sleep 1.1 # what was refused above has used up some of this second's ten
seq=$(edge_ctl --json events | jq '.events[-1].seq')
tap_is "two hundred are refused" "$(edge_api PUT \
	"/v1/services/web/pools/-/members/10.99.0.77/weight?[1-200]" -d '{"weight":5}' | grep -c 'no member')" 200
tap_between "many refusals do not push out the rest" \
	"$(edge_ctl --json events --since "$seq" | jq '[.events[] | select(.type == "audit")] | length')" 5 199
kill -HUP "${LAB_PIDS[sluiced]}"
tap_run "a reload by signal is on record" wait_for 10 eval \
	'edge_ctl --json events | jq -e "[.events[] | select(.who == \"SIGHUP\")] | length == 1"'

# ---- damaged, later, unreadable --------------------------------------------------------------------

edge_ctl member weight web 10.99.0.21 62 > /dev/null
wait_for 10 on_disk '.members[0].weight == 62' > /dev/null
lab_stop sluiced TERM
cp "$STATE/changes.json" "$LAB_DIR/good.json"
damaged() { # NAME WHY
	: > "$LOG"
	start "$1: it starts"
	tap_is "$1: with the file's values" "$(member 10.99.0.21 weight)" 60
	tap_match "$1: the log says it" "$(cat "$LOG")" "changes.json.corrupt was not used: .*$2"
	tap_match "$1: an event says it" "$(events '.type == "state_problem"')" "$2"
	tap_is "$1: status is degraded" "$(status | jq -r .state)" degraded
	tap_match "$1: and says why" "$(status | jq -r '.why[]')" "changes.json.corrupt .*$2"
	tap_run "$1: the old file is kept" test -e "$STATE/changes.json.corrupt"
	rm "$STATE/changes.json.corrupt"
	tap_run "$1: ok again when it was looked at and removed" wait_for 10 eval \
		'status | jq -e ".state == \"ok\""'
	tap_run "$1: a good one is there again" on_disk '.members == []'
	lab_stop sluiced TERM
}
head -c 100 "$LAB_DIR/good.json" > "$STATE/changes.json"
damaged "half a file" 'not JSON'
sed 's/"weight": 62/"weight": 63/' "$LAB_DIR/good.json" > "$STATE/changes.json"
damaged "a changed byte" 'checksum does not fit'
sed 's/"version": 1/"version": 2/' "$LAB_DIR/good.json" > "$STATE/changes.json"
damaged "a later version" 'later version'
head -c 3000 /dev/urandom > "$STATE/changes.json"
damaged "garbage" 'not JSON'
: > "$STATE/changes.json"
damaged "an empty file" 'not JSON'
cp "$LAB_DIR/good.json" "$STATE/changes.json.new"
start "what a crash left half-written is ignored"
tap_is "and no harm" "$(status | jq -r .state)" ok
lab_stop sluiced TERM

# ---- a full disk, a read-only one ------------------------------------------------------------------

rm -rf "$LAB_DIR/state"
mkdir -p "$STATE"
mount -t tmpfs -o size=32k,mode=700 tmpfs "$STATE"
start "a tiny disk"
dd if=/dev/zero of="$STATE/filler" bs=1k count=64 2> /dev/null
tap_run "full: a change is taken" edge_ctl member weight web 10.99.0.21 33
tap_run "full: status says why" wait_for 10 \
	why_has 'changes.json: No space left on device'
tap_is "full: degraded" "$(status | jq -r .state)" degraded
tap_match "full: an event" "$(events '.type == "state_problem"')" 'No space left'
tap_match "full: a log line" "$(cat "$LOG")" 'No space left'
tap_run "full: no half file is left" test ! -e "$STATE/changes.json.new"
rm "$STATE/filler"
tap_run "room again: it is written by itself" wait_for 10 on_disk '.members[0].weight == 33'
tap_run "room again: ok" wait_for 10 eval 'status | jq -e ".state == \"ok\""'
tap_match "room again: an event" "$(events '.type == "state_problem"' | tail -n 1)" 'written again'
mount -o remount,ro "$STATE"
tap_run "read-only: a change is taken" edge_ctl member weight web 10.99.0.21 34
tap_run "read-only: status says why" wait_for 10 \
	why_has 'Read-only file system'
lab_stop sluiced TERM
start "read-only: it starts"
tap_is "read-only: with what was written last" "$(member 10.99.0.21 weight)" 33
tap_match "read-only: status says why" "$(status | jq -r '.why[]')" 'Read-only file system'
lab_stop sluiced TERM
umount "$STATE"
rm -rf "$LAB_DIR/state"
echo > "$LAB_DIR/state" # where a directory should be
start "no directory can be made: it starts"
tap_match "no directory: status says why" "$(status | jq -r '.why[]')" 'state directory .*Not a directory'
lab_stop sluiced TERM
rm "$LAB_DIR/state"

# ---- a broken configuration at the start -----------------------------------------------------------

edge_ctl_offline detach > /dev/null 2>&1
printf 'version: 1\ninterfaces: [eth0\n' > "$LAB_DIR/broken"
tap_fails "broken, and nothing to fall back to: refused" 1 'there is no last good one' \
	edge_daemon "$LAB_DIR/broken"
start "a good start"
tap_run "all members serve" wait_for 10 e2e_all_serving
tap_run "is kept" wait_for 10 test -e "$STATE/last-good.json"
lab_stop sluiced TERM
edge_ctl_offline detach > /dev/null 2>&1
cp "$E2E_CONFIG" "$LAB_DIR/good.yaml"
broken() { # NAME WHY
	: > "$LOG"
	start "$1: it starts"
	tap_is "$1: FAULT" "$(status | jq -r .state)" fault
	tap_match "$1: with the reason" "$(status | jq -r '.why[]')" "$2"
	tap_is "$1: and what to do" "$(status | jq -r .next)" "sluicectl --instance $LAB_PREFIX check"
	tap_match "$1: loudly" "$(cat "$LOG")" 'FAULT'
	tap_fails "$1: exit status" 1 'FAULT' edge_ctl status
	e2e_served "$1: it serves" "$(edge_load c1 --count 50 "http://$EDGE_WEB/")"
	lab_stop sluiced TERM
}
cp "$LAB_DIR/broken" "$E2E_CONFIG"
broken "broken YAML" 'sluice.yaml:2: .*not YAML'
: > "$E2E_CONFIG"
broken "an empty file" 'empty'
sed 's/mode: l2/mode: {{ mode }}/' "$LAB_DIR/good.yaml" > "$E2E_CONFIG"
broken "a template" 'template'
rm "$E2E_CONFIG"
broken "no file" 'sluice.yaml: cannot be read'
printf 'version: 1\n' > "$E2E_CONFIG"
edge_daemon_start "$E2E_CONFIG"
tap_fails "a reload of the broken file is refused" 1 'interfaces' edge_ctl reload
tap_is "still FAULT" "$(status | jq -r .state)" fault
cp "$LAB_DIR/good.yaml" "$E2E_CONFIG"
tap_run "a reload of a good one" edge_ctl reload
tap_is "ends it" "$(status | jq -r .state)" ok

# ---- without root ----------------------------------------------------------------------------------

lab_stop sluiced TERM
edge_ctl_offline detach > /dev/null 2>&1
cp "$LAB_OUT/bin/sluiced" "$LAB_DIR/" # where anybody can reach it
rm -rf "$LAB_DIR/state" "$LAB_DIR/run"
install -d -o 65534 "$LAB_DIR/state" "$LAB_DIR/run"
CAPS=-all,+bpf,+net_admin,+perfmon
start_as_nobody() { # NAME; with a bpffs of its own
	lab_start sluiced lb unshare --mount bash -c 'mount -t bpf bpf /sys/fs/bpf &&
		chmod 1777 /sys/fs/bpf && exec "$@"' - setpriv --reuid=65534 --clear-groups \
		--inh-caps=$CAPS --ambient-caps=$CAPS "$LAB_DIR/sluiced" --config "$E2E_CONFIG" \
		--instance "$LAB_PREFIX" --run-dir "$LAB_DIR/run" --state-dir "$LAB_DIR/state"
	tap_run "$1" wait_for 10 edge_is_ready
}
start_as_nobody "as nobody, with three capabilities: it starts"
tap_run "as nobody: a change" edge_ctl member weight web 10.99.0.21 44
tap_run "as nobody: is kept" wait_for 10 on_disk '.members[0].weight == 44'
tap_is "as nobody: by nobody" "$(stat -c %u "$STATE/changes.json")" 65534
lab_stop sluiced TERM
lab_in lb ip link set dev eth0 xdp off
start_as_nobody "as nobody: it starts again"
tap_is "as nobody: and knows it" "$(member 10.99.0.21 weight)" 44
tap_done
