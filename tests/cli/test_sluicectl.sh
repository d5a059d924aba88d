#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# sluicectl against a daemon's socket that answers as docs/protocol.md says (fake_api.py), and
# against sockets that do not. Needs no privileges; with root it also looks from an ordinary user.
# shellcheck disable=SC2317 # functions that tap_fails and the trap call by name
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/tap.sh

BUILD=${SLUICE_BUILD:-build}
NOBODY=65534
TEMP=$(mktemp -d /tmp/sluice-cli.XXXXXX) || exit 1
PIDS=()
cleanup() {
	[ ${#PIDS[@]} -eq 0 ] || kill "${PIDS[@]}" 2> /dev/null
	chmod -R u+rwx "$TEMP"
	rm -rf "$TEMP"
}
trap cleanup EXIT
chmod 755 "$TEMP"
cp "$BUILD/bin/sluicectl" "$TEMP/sluicectl" || exit 1 # where any user may run it
CTL=$TEMP/sluicectl
unset NO_COLOR
export http_proxy=http://192.0.2.1:1 TZ=UTC # a proxy must not matter on a unix socket

# start NAME OPTION...: a fake daemon at $TEMP/NAME.sock
start() {
	local name=$1
	shift
	python3 tests/cli/fake_api.py "$TEMP/$name.sock" "$TEMP/$name.log" "$@" &
	PIDS+=($!)
}

await() {
	for _ in $(seq 100); do
		[ -S "$TEMP/$1.sock" ] && return
		sleep 0.1
	done
	echo "Bail out! the fake daemon $1 did not start"
	exit 1
}

ctl() { # NAME ARGUMENT...
	local name=$1
	shift
	"$CTL" --socket "$TEMP/$name.sock" "$@"
}

as_nobody() {
	if [ "$(id -u)" -eq 0 ]; then
		setpriv --reuid="$NOBODY" --regid="$NOBODY" --clear-groups "$@"
	else
		"$@"
	fi
}

last_request() { # NAME
	tail -n 1 "$TEMP/$1.log"
}

start ok
start degraded --state degraded
start fault --state fault
start hang --behave hang
start close --behave close
start garbage --behave garbage
start forbid --behave forbid
for name in ok degraded fault hang close garbage forbid; do await "$name"; done

# ---- status
output=$(ctl ok status)
tap_is "status ok: exit status" $? 0
tap_match "status ok: the verdict leads" "$(head -n 1 <<< "$output")" '^OK  web: all 3 members serving$'
tap_is "status ok: no member lines" "$(grep -c 10.1.0.11 <<< "$output")" 0
tap_is "status ok: no escapes when not on a terminal" "$(grep -c $'\033' <<< "$output")" 0
tap_match "status -v: members" "$(ctl ok status -v)" '10\.1\.0\.11:443 +100 +100% +33\.3%'
output=$(ctl degraded status)
tap_is "status degraded: exit status" $? 1
tap_match "status degraded: the verdict leads" "$(head -n 1 <<< "$output")" '^DEGRADED  web: 2 of 3'
tap_match "status degraded: why" "$output" '^  why     10\.3\.0\.11 ejected'
tap_match "status degraded: what next" "$output" '^  next    sluicectl member show web'
tap_match "status degraded: the member" "$output" '10\.3\.0\.11:443 .* connect timed out +ejected 4 min'
tap_fails "status fault: exit status" 1 '^FAULT  web: no member serves' ctl fault status
for name in ok degraded fault; do
	tap_is "status $name -v: at most 100 columns" \
		"$(ctl $name status -v | awk 'length($0) > 100' | wc -l)" 0
done
wanted=$(curl -s --noproxy '*' --unix-socket "$TEMP/degraded.sock" http://sluice/v1/services)
tap_is "--json prints the document unchanged" "$(ctl degraded --json service list)" "$wanted"
tap_fails "--json status: exit status as without" 1 '"state": "degraded"' ctl degraded status --json

# ---- on a terminal
if command -v script > /dev/null; then
	on_terminal="stty cols 60; TERM=xterm $CTL --socket $TEMP/degraded.sock"
	output=$(script -qec "$on_terminal member list web" /dev/null)
	tap_match "a terminal: colours" "$output" $'\033\\[31m'
	plain=$(sed $'s/\033\\[[0-9;]*m//g; s/\r//' <<< "$output")
	tap_is "a terminal of 60 columns: fits" "$(awk 'length($0) > 60' <<< "$plain" | wc -l)" 0
	tap_match "a terminal of 60 columns: the state stays" "$plain" 'ejected 4 m'
	output=$(NO_COLOR=1 script -qec "$on_terminal member list web" /dev/null)
	tap_is "NO_COLOR: none" "$(grep -c $'\033' <<< "$output")" 0
else
	tap_skip "a terminal" "script(1) is missing"
fi

# ---- objects
tap_match "service list" "$(ctl ok service list)" \
	'^web +tcp 192\.0\.2\.10:443 +ipip +3/3 +12\.4 k/s +1\.29 M/s +3\.10 G/s +ok +9c41e07a$'
tap_match "service show" "$(ctl ok service show web)" '^table +9c41e07a, 4,096 slots$'
tap_match "pool list" "$(ctl ok pool list web)" '^default +100 +gue +tcp +3$'
tap_match "pool show: its port" "$(ctl ok pool show web -)" '^mode +gue to UDP port 6080$'
tap_match "pool show" "$(ctl ok pool show web -)" '^check +tcp every 2 s \(500 ms in doubt'
tap_match "member list" "$(ctl ok member list web)" '^10\.3\.0\.11:443 +50 '
tap_is "member list --json: one list of all pools" \
	"$(ctl ok member list web --json | python3 -c 'import json, sys
print(" ".join(m["address"] for m in json.load(sys.stdin)["members"]))')" \
	"10.1.0.11 10.2.0.11 10.3.0.11"
tap_match "member show" "$(ctl ok member show web 10.1.0.11:443)" '^next hop +resolved by 02:00'
tap_is "member show: the port is encoded" "$(last_request ok)" \
	"GET /v1/services/web/pools/-/members/10.1.0.11%3A443 "
tap_match "limit list" "$(ctl ok limit list)" '^per-client +new conn +50/s /32 /64 +200 +enforce'
tap_match "limit list: their scopes" "$(ctl ok limit list)" '^per-client .* service$'
tap_is "which status has no room for" "$(ctl ok status -v | grep -c 'SCOPE$')" 0
tap_match "limit show" "$(ctl ok limit show per-client)" '^mode +enforce \(shadow in the file\)$'
tap_match "stats" "$(ctl ok stats)" '^limit +drop +38,100 +2\.29 MB +refused by'
tap_is "stats: without packets only with -v" \
	"$(ctl ok stats | grep -c too_big) $(ctl ok stats -v | grep -c too_big)" "0 1"
tap_match "events" "$(ctl ok events --since 1)" \
	'^ +2  2023-11-14 22:13  member_down +web/default/10\.3\.0\.11:443: connect timed out'
tap_is "events --since asks until there are no more" "$(last_request ok)" \
	"GET /v1/events?since=3 "
tap_is "each of them once" "$(ctl ok events --since 1 | grep -c member_down)" 2
tap_is "events: the newest" "$(ctl ok events > /dev/null; last_request ok)" "GET /v1/events "
tap_fails "events: a gap is said" 0 'some events between are lost' ctl ok events --since 2
output=$(timeout 3 "$CTL" --socket "$TEMP/ok.sock" events --follow --json)
tap_is "events --follow: each event once" "$(grep -c '"seq":' <<< "$output")" 3
tap_is "metrics" "$(ctl ok metrics)" "sluice_up 1"
tap_match "version" "$(ctl ok version)" '^sluiced +0\.1\.0, maps of ABI 1$'

# ---- changes
tap_is "member add" "$(ctl ok member add web 10.9.0.1 --weight 30)" \
	"web/default 10.9.0.1:443: weight 30, checking"
tap_is "member add: the request" "$(last_request ok)" \
	'PUT /v1/services/web/pools/-/members/10.9.0.1 {"weight":30}'
tap_is "member remove" "$(ctl ok member remove web 10.9.0.1 --pool default 2> "$TEMP/said")" \
	"10.9.0.1: removed from web"
tap_is "member remove: what that costs" "$(< "$TEMP/said")" "sluicectl: warning: its flows are cut"
tap_is "member remove: the request" "$(last_request ok)" \
	"DELETE /v1/services/web/pools/default/members/10.9.0.1 "
tap_is "member weight" "$(ctl ok member weight web 10.1.0.11 50)" \
	"web/default 10.1.0.11:443: weight 50 (100 in the file), serving"
tap_is "member maint" "$(ctl ok member maint web 10.1.0.11)" \
	"web/default 10.1.0.11:443: weight 50 (100 in the file), maintenance"
tap_is "member ready" "$(ctl ok member ready web 10.1.0.11)" \
	"web/default 10.1.0.11:443: weight 50 (100 in the file), serving"
tap_is "member ready: the request" "$(last_request ok)" \
	'PUT /v1/services/web/pools/-/members/10.1.0.11/admin {"admin":"ready"}'
tap_is "member drain" "$(ctl ok member drain web 10.1.0.11)" \
	"web/default 10.1.0.11:443: weight 50 (100 in the file), draining"
tap_is "member drain --for" "$(ctl ok member drain web 10.1.0.11 --for 2h)" \
	"web/default 10.1.0.11:443: weight 50 (100 in the file), draining, cut in 2 h"
tap_is "member drain --for: the request, in seconds" "$(last_request ok)" \
	'PUT /v1/services/web/pools/-/members/10.1.0.11/admin {"admin":"drain","for_s":7200}'
tap_fails "member drain --for: a short one is warned of" 0 '^sluicectl: warning: flows may be cut$' \
	ctl ok member drain web 10.1.0.11 --for 10m
tap_fails "2: member drain --for 0" 2 '1s is the least' ctl ok member drain web 10.1.0.11 --for 0s
for deadline in -5m 10 99999999999d 18446744073709551616s 1.5h ""; do
	tap_fails "2: member drain --for '$deadline'" 2 'a whole number and its unit' \
		ctl ok member drain web 10.1.0.11 --for="$deadline"
done
tap_fails "2: member drain --for 366d" 2 'at most 365 days ahead' \
	ctl ok member drain web 10.1.0.11 --for 366d
ctl ok member drain web 10.1.0.11 > /dev/null
tap_is "wait member: says what is left whenever that changes" \
	"$(ctl ok wait member web 10.1.0.11 drained 2>&1)" \
	"10.1.0.11 of web: learning its flows, 4 min left, 2 known so far
10.1.0.11 of web: 3 known flows left
10.1.0.11 of web: drained"
tap_is "wait member: drained already, as JSON" \
	"$(ctl ok --json wait member web 10.1.0.11 drained | jq -c .flows.drained)" true
ctl ok member drain web 10.1.0.11 > /dev/null
tap_fails "wait member: gives up" 7 'not drained within 1s: 3 known flows left' \
	ctl ok wait member web 10.1.0.11 drained --for 1s
tap_fails "wait member: who gets new connections cannot run dry" 1 \
	'^  sluicectl --instance edge member drain web 10\.2\.0\.11 first' \
	ctl ok --instance edge wait member web 10.2.0.11 drained
tap_fails "wait member: no such member" 3 'did you mean' ctl ok wait member web 10.9.9.9 drained
ctl ok member ready web 10.1.0.11 > /dev/null
tap_match "limit show: exceptions" "$(ctl ok limit show per-client)" '^except +198.51.100.0/24: 500/s$'
tap_match "limit show: their bursts" "$(ctl ok limit show per-client)" '^except +192.0.2.0/24: 5/s, burst 2,500$'
tap_match "limit show: what it remembers" "$(ctl ok limit show per-client)" \
	'^remembers +1,200 of 262,144 sources; .*overload: open'
tap_match "limit show: until when it is exact" "$(ctl ok limit show per-client)" '^exact +up to 13.1 Mpps'
tap_is "member eject" "$(ctl ok member eject web 10.1.0.11 --reason "bad disk" --for 2h)" \
	"web/default 10.1.0.11:443: ejected by alice: nothing"
tap_is "member eject: the request" "$(last_request ok)" \
	'PUT /v1/services/web/pools/-/members/10.1.0.11/override {"override":"ejected","reason":"bad disk","for_s":7200}'
tap_fails "shift: a short hold" 2 '^sluicectl: --hold 1s: a step holds for 5 s to 24 h$' \
	ctl ok shift web --to next --hold 1s
tap_fails "shift: a long one" 2 '^sluicectl: --hold 2d: a step' ctl ok shift web --to next --hold 2d
tap_fails "shift: 17 steps" 2 '^sluicectl: --steps: .* is not per cent, rising, with commas, 16 at most: 1,5' \
	ctl ok shift web --to next --steps 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17
ctl ok shift web --to next --steps 5,100 --hold 24h > /dev/null 2>&1
tap_match "shift: a good plan is asked for" "$(last_request ok)" 'PUT /v1/services/web/shift .*"steps":"5,100","hold_s":86400'
ctl ok member discovery web 10.1.0.11 not-ready > /dev/null
tap_is "member discovery: the request" "$(last_request ok)" \
	'PUT /v1/services/web/pools/-/members/10.1.0.11/discovery {"discovery":"not-ready"}'
tap_fails "2: member discovery knows three words" 2 'terminating' \
	ctl ok member discovery web 10.1.0.11 gone
ctl ok member force web 10.1.0.11 > /dev/null
tap_is "member force: the request" "$(last_request ok)" \
	'PUT /v1/services/web/pools/-/members/10.1.0.11/override {"override":"forced"}'
ctl ok member restore web 10.1.0.11 > /dev/null
tap_is "member restore: the request" "$(last_request ok)" \
	'PUT /v1/services/web/pools/-/members/10.1.0.11/override {"override":"none"}'
tap_fails "2: member restore has no time" 2 'for' ctl ok member restore web 10.1.0.11 --for 1h
tap_fails "2: member eject --for 366d" 2 'at most 365 days' \
	ctl ok member eject web 10.1.0.11 --for 366d
tap_is "limit mode" "$(ctl ok limit mode per-client disabled)" \
	"limit per-client: mode disabled (shadow in the file)"
tap_is "node show" "$(ctl ok node show)" \
	"lb1 is active: ARP and ND answered for 1 address, routes 3 of 3 in table 201"
tap_is "node standby" "$(ctl ok node standby)" \
	"lb1 is standby now: ARP and ND not answered for 1 address, routes 0 of 3 in table 201"
tap_match "node standby again" "$(ctl ok node standby)" "^lb1 is standby: ARP and ND not answered \
for 1 address, routes 0 of 3 in table 201; packets for its services still arrive$"
tap_match "node drain waits" "$(ctl ok node drain --quiet 3s)" \
	'^lb1: drained, no packet for its services for [3-9] s$'
tap_match "node drain --json" "$(ctl ok --json node drain --quiet 3s)" '"role": ?"standby"'
tap_fails "7: node drain that takes too long" 7 'node active takes it back' \
	ctl fault node drain --for 1s
tap_fails "node drain says how it goes" 7 '^lb1: packets for its services still arrive$' \
	ctl fault node drain --for 1s
(sleep 1; ctl fault node active > /dev/null) &
tap_fails "6: node drain, and somebody takes it back" 6 'made this node active meanwhile' \
	ctl fault node drain --for 20s
tap_fails "1: node drain with routes that stay" 1 'cannot install the route' \
	ctl degraded node drain
tap_fails "2: node drain for no time" 2 'whole number and its unit' ctl ok node drain --quiet 5
tap_is "node active: the request" "$(ctl ok node active > /dev/null && last_request ok)" \
	'PUT /v1/node/role {"role":"active"}'
tap_fails "1: a route is missing" 1 'cannot install the route to 192.0.2.9' ctl degraded node show
tap_fails "4: node standby with a wrong --socket" 4 'no socket at' ctl none node standby
# Whose address a deny list must not cover: sshd's word, also where sudo has dropped it.
from_ssh() { # COMMAND...: with a parent that has the variables, and none of them itself
	env -u SSH_CLIENT SSH_CONNECTION="198.51.100.9 40000 192.0.2.1 22" \
		bash -c 'env -i "$@"; exit $?' from_ssh "$@"
}
ctl_from_ssh() {
	from_ssh "$@" "$CTL" --socket "$TEMP/ok.sock" list add blocked 203.0.113.0/24 2> /dev/null
	last_request ok
}
tap_match "list add: the caller's address" "$(SSH_CLIENT="198.51.100.8 40000 22" \
	ctl ok list add blocked 203.0.113.0/24 2> /dev/null; last_request ok)" '"caller":"198.51.100.8"'
tap_match "in the environment of a parent" "$(ctl_from_ssh)" '"caller":"198.51.100.9"'
tap_match "the nearest one that has it" \
	"$(ctl_from_ssh SSH_CLIENT="2001:db8::9 40000 22" bash -c '"$@"; exit $?' between env -i)" \
	'"caller":"2001:db8::9"'

tap_match "bypass limits" "$(ctl ok bypass limits)" \
	'^limits +refuse nothing for another 15 min, until .*; set by alice'
tap_is "bypass: the request, in seconds" "$(ctl ok bypass lists --for 2h > /dev/null && last_request ok)" \
	'PUT /v1/bypass {"what":"lists","for_s":7200}'
tap_is "bypass none" "$(ctl ok bypass none)" $'limits       enforced\nlists        enforced'
tap_is "no line of it is longer than 100" "$(ctl ok bypass all | awk 'length > 100')" ""
ctl ok bypass none > /dev/null
tap_fails "2: no time at all" 2 "'0s' is not long enough: 1s is the least" ctl ok bypass all --for 0s
tap_fails "2: an entry for ages" 2 'days at most' ctl ok list add blocked 192.0.2.0/24 --ttl 99999d
tap_fails "2: an import for ages" 2 'days at most' ctl ok list import blocked /dev/null --ttl 99999d
tap_fails "2: a capture for too long" 2 '5 minutes at most' ctl ok capture --for 1h
tap_fails "2: a capture of nothing" 2 '1 to 10000 packets' ctl ok capture --max 0
tap_fails "2: bypass for too long" 2 'a bypass lasts 24 hours at most' ctl ok bypass all --for 25h
tap_fails "2: a duration without a bypass" 2 'no meaning with none' ctl ok bypass none --for 1h
tap_fails "4: bypass with a wrong --socket" 4 'no socket at' ctl none bypass all
tap_is "reload" "$(ctl ok reload)" "reloaded: revision 88 is running"
tap_is "reload --force: the request" "$(ctl degraded reload --force && last_request degraded)" \
	$'reloaded: revision 88 is running\nPOST /v1/config/reload {"force":true}'
tap_is "reload on trial" "$(ctl ok reload --confirm-within 2m | head -n 1; last_request ok)" \
	$'reloaded: revision 88 is running on trial; the one before it comes back in 2m unless you confirm:
POST /v1/config/reload {"force":false,"confirm_within_s":120}'
printf 'version: 1\ninterfaces: [eth0]\nservices: {}\n' > "$TEMP/tried.yaml"
tap_match "try with a running daemon" "$(ctl ok try "$TEMP/tried.yaml" --for 30s)" \
	'^the configuration before it comes back by itself in 30 s'
tap_is "try: the request" "$(last_request ok)" \
	"POST /v1/config/try {\"confirm_within_s\":30,\"force\":false,\"name\":\"$TEMP/tried.yaml\",\"config\":\"version: 1\\ninterfaces: [eth0]\\nservices: {}\\n\"}"
tap_fails "6: try what takes too much away" 6 'reload --force does it' ctl degraded try "$TEMP/tried.yaml"
tap_fails "2: a trial for too long" 2 'a trial lasts 24 hours at most' ctl ok try "$TEMP/tried.yaml" --for 25h
tap_fails "3: try a file that is not there" 3 'nowhere.yaml: cannot be read' ctl ok try "$TEMP/nowhere.yaml"
tap_match "try what comes through a pipe" \
	"$(ctl ok try <(cat "$TEMP/tried.yaml") > /dev/null; last_request ok)" \
	'^POST /v1/config/try .*"name":"/dev/fd/[0-9]+","config":"version: 1.ninterfaces: .eth0..nservices: ...n"'
tap_match "check a pipe" "$(ctl ok check <(cat "$TEMP/tried.yaml"))" '^OK +/dev/fd/[0-9]+: 0 services'
tap_match "check standard input" "$(ctl ok check - < <(cat "$TEMP/tried.yaml"))" '^OK +-: 0 services'
tap_match "by its name" "$(ctl ok check /dev/stdin < "$TEMP/tried.yaml")" '^OK +/dev/stdin: 0 services'
tap_fails "1: a mistake in it has its line" 1 '^-:2: .*unknown key' ctl ok check - < <(printf 'version: 1\nserivces: {}\n')
tap_fails "1: what never ends" 1 '16 MiB' ctl ok check /dev/zero
tap_fails "1: nothing comes in" 1 'empty' ctl ok check - < /dev/null
tap_match "import through a pipe" "$(ctl ok list import blocked <(echo 203.0.113.0/24) > /dev/null; last_request ok)" \
	'"prefixes":"203.0.113.0/24.n"'
tap_match "and from standard input" "$(echo 203.0.113.4 | ctl ok list replace blocked /dev/stdin > /dev/null; last_request ok)" \
	'^PUT .*"prefixes":"203.0.113.4.n"'
DROPIN=$TEMP/sluice.d/90-runtime.yaml
tap_fails "6: save, and the reload is refused" 6 'nothing is saved' ctl degraded save
tap_run "nothing is left of it" test ! -e "$DROPIN"
tap_match "save" "$(ctl ok save)" '^saved 2 changes to .*90-runtime.yaml; revision 88'
tap_match "what it leaves out is named" "$(ctl ok save)" 'left out: list blocked: 2 entries with a time'
tap_is "it is printed without" "$(ctl ok save --print 2> /dev/null)" "version: 1"
tap_is "it is written" "$(cat "$DROPIN")" "version: 1"
echo "# older" > "$DROPIN"
tap_fails "6: save over an older one, refused" 6 'is as it was' ctl degraded save
tap_is "the older one is back" "$(cat "$DROPIN")" "# older"
tap_match "confirm says where the file goes" "$(ctl ok confirm)" 'sudo install -m 644 /srv/new.yaml /etc/sluice'
tap_match "confirm of a configuration" "$(ctl fault confirm)" '^confirmed: revision 88 stays'
tap_is "undo" "$(ctl ok undo)" 'undone: detached, sluiced ends'
tap_fails "6: nothing to confirm" 6 'nothing is on trial' ctl degraded confirm
tap_match "detach" "$(ctl ok detach)" '^detached from eth0$'

# ---- refusals, each with its exit status
tap_fails "1: a weight out of range" 1 'weight 70000 is out of range \(at /weight\)' \
	ctl ok member weight web 10.1.0.11 70000
tap_fails "1: every mistake of a reload" 1 \
	'^/etc/sluice/sluice.yaml:15: services.web.members\[1\].weight: weight 70000' \
	ctl fault reload
tap_fails "1: no JSON" 1 'is .*garbage.sock the control socket' ctl garbage service list
tap_fails "2: unknown command" 2 "did you mean 'status'" "$CTL" statsus
tap_fails "2: too long a value, cut so that the error is not" 2 "'x{60}\.\.\.' is not at most 255" \
	ctl ok ban add per-client 192.0.2.1 --reason "$(printf 'x%.0s' {1..600})"
tap_fails "2: no number" 2 "'many' is not a whole number" ctl ok member weight web 10.1.0.11 many
tap_fails "1: a name that does not resolve" 1 'nosuch.invalid does not resolve: ' \
	ctl ok member add web nosuch.invalid
tap_fails "2: no address" 2 "'10.1.0.300' is not ADDRESS" ctl ok member add web 10.1.0.300
tap_fails "2: a socket path too long" 2 'has 1 to 107 bytes' \
	"$CTL" --socket "/$(printf '%0200d' 0)" status
tap_fails "2: nothing at all" 2 'usage: sluicectl' "$CTL"
tap_fails "3: unknown member, with a suggestion" 3 'did you mean 10\.1\.0\.11\?' \
	ctl ok member show web 10.1.0.12
tap_fails "3: unknown service" 3 'no service wob' ctl ok member weight wob 10.1.0.11 5
tap_fails "3: unknown limit" 3 'did you mean per-client\?' ctl ok limit show per-cleint
tap_fails "--json: the error's document, too" 3 '^\{"error": \{"code": "not_found"' \
	ctl ok --json limit show nothing
tap_fails "4: no socket, with the fix" 4 'no socket at .*/none.sock' ctl none service list
tap_fails "4: status says so first" 4 'FAULT  sluiced is not running' ctl none status
tap_fails "4: no socket, the fix" 4 'sudo systemctl start sluiced' ctl none service list
python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$TEMP/stale.sock"
tap_fails "4: a stale socket" 4 'nobody listens at .*/stale.sock' ctl stale service list
tap_fails "4: closed without an answer" 4 'no valid answer' ctl close service list
tap_fails "4: version still prints its own" 4 '^sluicectl [0-9]' ctl none version
tap_fails "4: a wrong --socket is no dead daemon to detach" 4 'without --socket, detach works' ctl none detach
tap_fails "5: refused by role" 5 'members of the group sluice may' ctl forbid reload
tap_fails "6: conflict" 6 'reload --force does it' ctl degraded reload
tap_fails "7: no answer in time" 7 'within 1 s' ctl hang --timeout 1 status

# ---- without permission
mkdir -m 750 "$TEMP/closed"
if [ "$(id -u)" -eq 0 ]; then
	chgrp daemon "$TEMP/closed"
	tap_fails "5: not permitted, the group is named" 5 'join the group daemon' \
		as_nobody "$CTL" --socket "$TEMP/closed/control.sock" status
	tap_fails "5: detach without the daemon needs root" 5 'sudo sluicectl --instance sli-none detach' \
		as_nobody "$CTL" --instance sli-none detach
	tap_fails "4: another instance's fix" 4 'sudo sluiced --instance sli-none --config' \
		"$CTL" --instance sli-none ban lift per-client 192.0.2.1
	tap_fails "0: detach without the daemon, nothing there" 0 \
		'^nothing of instance sli-none was attached or pinned$' "$CTL" --instance sli-none detach
	tap_is "0: the same as JSON" "$("$CTL" --instance sli-none --json detach)" '{"detached":[]}'
else
	chmod 000 "$TEMP/closed"
	tap_fails "5: not permitted" 5 'not permitted to connect to' \
		"$CTL" --socket "$TEMP/closed/control.sock" status
	tap_fails "5: detach without the daemon needs root" 5 'sudo sluicectl --instance sli-none detach' \
		"$CTL" --instance sli-none detach
	tap_skip "0: detach without the daemon, nothing there" "needs root"
	tap_skip "0: the same as JSON" "needs root"
fi

# ---- check, without any daemon
cat > "$TEMP/good.yaml" << EOF
version: 1
interfaces: [eth0]
services:
  web: {listen: tcp 192.0.2.10:443, mode: ipip, check: tcp, limits: [all], members: [10.1.0.1, "2001:db8::1"]}
  dns: {listen: udp 192.0.2.53:53, mode: l2, check: none, members: [10.1.0.2]}
limits:
  all: {count: new-connections, rate: 50/s, burst: 200, mode: shadow}
EOF
cat > "$TEMP/bad.yaml" << EOF
version: 1
interfaces: [eth0]
services:
  web: {listen: tcp 192.0.2.10:443, mode: ipop, check: tcp, members: [10.1.0.1]}
  dns: {listen: udp 192.0.2.53:53, mode: l2, members: [{address: 10.1.0.2, weight: 70000}]}
EOF
cat > "$TEMP/gue.yaml" << EOF
version: 1
interfaces: [eth0]
services:
  both: {listen: tcp 192.0.2.10:443, mode: gue, check: tcp, members: [10.1.0.1, "2001:db8::1"]}
  old: {listen: tcp 192.0.2.11:443, mode: gue, check: tcp, members: [10.1.0.1]}
  new: {listen: tcp 192.0.2.12:443, mode: gue, gue_port: 7000, check: tcp, members: ["2001:db8::1"]}
  mixed:
    listen: tcp 192.0.2.13:443
    mode: ipip
    check: tcp
    pools: {a: {mode: gue, members: [10.1.0.1]}, b: {members: [10.1.0.2]}, c: {mode: l2, members: [10.1.0.3]}}
EOF
output=$("$CTL" check "$TEMP/gue.yaml")
tap_match "check: what UDP costs" "$output" '^both .* gue +2  28 bytes, 48 to IPv6 members$'
tap_match "check: to IPv4 members" "$output" '^old .* gue +1  28 bytes$'
tap_match "check: to IPv6 members" "$output" '^new .* gue +1  48 bytes$'
tap_match "check: the most that a pool costs" "$output" '^mixed .* mixed +3  28 bytes$'
output=$("$CTL" check "$TEMP/good.yaml")
tap_is "check: exit status" $? 0
tap_match "check: summary" "$output" '^OK  .*/good.yaml: 2 services, 3 members, 1 limit$'
tap_match "check: what a tunnel costs" "$output" '^web .* ipip +2  20 bytes, 40 to IPv6 members$'
tap_match "check: what a rewrite costs" "$output" '^dns .* l2 +1  nothing$'
tap_match "check: what clients may send through a tunnel" "$output" \
	'^web: ipip over IPv4 adds 20 bytes: with MTU 1500 clients may send 1480 \(advmss 1440\)$'
tap_match "check: through an IPv6 tunnel, too" "$output" \
	'^web: ipip over IPv6 adds 40 bytes: with MTU 1500 clients may send 1460 \(advmss 1420\)$'
tap_match "check: and without one" "$output" '^dns: l2 adds nothing: '
tap_is "check --json" \
	"$("$CTL" check --json "$TEMP/good.yaml" | jq -c '[.ok, .services, .members, .limits]')" \
	'[true,2,3,1]'
tap_is "check --json: the cost of each mode" \
	"$("$CTL" check --json "$TEMP/good.yaml" | jq -c '[.modes[] | [.mode, .outer, .bytes, .advmss]]')" \
	'[["ipip",4,20,1440],["ipip",6,40,1420],["l2",4,0,1460]]'
tap_match "sluiced --check says the same" "$("$BUILD/bin/sluiced" --check "$TEMP/good.yaml")" \
	'^web: ipip over IPv4 adds 20 bytes: .*advmss 1440'
tap_fails "check: a mistake, with line and path" 1 '^.*/bad.yaml:4: services.web.mode: "ipop" must' \
	"$CTL" check "$TEMP/bad.yaml"
tap_fails "check: the other one, too" 1 'bad.yaml:5: services.dns.members\[0\].weight: ' \
	"$CTL" check "$TEMP/bad.yaml"
sed 's/burst: 200/burst: 1/; s/rate: 50/rate: 50000/' "$TEMP/good.yaml" > "$TEMP/burst.yaml"
tap_fails "check: a burst too small for the clock" 1 'burst.yaml:7: limits.all.*burst' \
	"$CTL" check "$TEMP/burst.yaml"
sed 's/check: tcp,/max_new: 0\/s,/' "$TEMP/good.yaml" > "$TEMP/zero.yaml"
tap_fails "check: a ceiling of zero" 1 'zero.yaml:4: services.web.max_new: .*no key, no ceiling' \
	"$CTL" check "$TEMP/zero.yaml"
sed 's/rate: 50/rate: 1/' "$TEMP/good.yaml" > "$TEMP/bound.yaml"
tap_match "check: a limit that a small flood gets around" "$("$CTL" check "$TEMP/bound.yaml")" \
	'^warning: limit all remembers 262144 sources: '
tap_is "check --json: the same" "$("$CTL" check --json "$TEMP/bound.yaml" | jq '.warnings | length')" 1
tap_is "check --json: or none" "$("$CTL" check --json "$TEMP/good.yaml" | jq -c .warnings)" '[]'
tap_fails "sluiced --check knows the same rules" 1 'burst.yaml:7: limits.all.*burst' \
	"$BUILD/bin/sluiced" --check "$TEMP/burst.yaml"
tap_fails "check: no such file" 3 '/none.yaml: cannot be read: No such file' "$CTL" check "$TEMP/none.yaml"

# ---- completion
complete() { # WORD...: what the shell offers for the last one
	PATH=$TEMP:$PATH bash -c '. deploy/completion/sluicectl
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_sluicectl; echo "${COMPREPLY[*]}"' bash sluicectl --socket "$TEMP/ok.sock" "$@"
}
tap_is "completion: commands" "$(complete member re)" "remove ready restore"
tap_is "completion: services of the daemon" "$(complete service show "")" "web"
tap_is "completion: members of the service" "$(complete member show web 10.3)" "10.3.0.11:443"
tap_is "completion: limits" "$(complete limit mode per)" "per-client"
tap_is "completion: modes" "$(complete limit mode per-client s)" "shadow"
tap_is "completion: values of options" "$(complete member list web --pool d)" "default"

tap_done
