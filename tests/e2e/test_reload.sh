#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A new configuration is taken whole or not at all, with traffic on.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 3
config() { # MEMBERS [MORE]
	cat <<-END
		version: 1
		interfaces: [eth0]
		services:
		  web: {listen: "tcp $EDGE_WEB:80", mode: l2, check: $E2E_CHECK, $E2E_NO_TRIAL, members: [$1]}
		${2:-}
	END
}
ALL="10.99.0.21, 10.99.0.22, 10.99.0.23"
config "$ALL" > "$E2E_CONFIG"
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving

revision() {
	edge_ctl --json status | jq .node.revision
}

members() {
	edge_ctl --json service show web | jq -c '[.pools[].members[].address]'
}

# Traffic goes on while nothing may change. (A change of members cuts what is in flight in the slots
# that move.)
edge_load c1 --count 0 --seconds 20 --rate 150 --source "$EDGE_SOURCES1" "http://$EDGE_WEB/" \
	> "$LAB_DIR/load" &
load_pid=$!

before=$(revision)
tap_run "an unchanged file reloads" edge_ctl reload
tap_is "and changes nothing" "$(revision)" "$before"

# refused NAME PATTERN [STATUS]: the file as it is now is refused, and everything stays. Status 6:
# it would do what has to be asked for.
refused() {
	tap_fails "$1: refused" "${3:-1}" "$2" edge_ctl reload
	tap_is "$1: the revision stays" "$(revision)" "$before"
	tap_is "$1: the members stay" "$(members)" '["10.99.0.21","10.99.0.22","10.99.0.23"]'
}

# mistakes: those of the file in what is read, as FILE:LINE: path: text.
mistakes() {
	grep -oE "$E2E_CONFIG(:[0-9]+)?: .*" | grep -vE ': [0-9]+ (error|mistake)s?$' | sort
}

# same_words NAME COUNT: whoever is asked names the same mistakes of the file, in the same words.
same_words() {
	local wanted lines
	wanted=$("$LAB_OUT/bin/sluiced" --check "$E2E_CONFIG" 2>&1 | mistakes)
	tap_is "$1: --check names $2" "$(grep -c . <<< "$wanted")" "$2"
	tap_is "$1: sluicectl check says the same" "$(edge_ctl check "$E2E_CONFIG" 2>&1 | mistakes)" "$wanted"
	tap_is "$1: and without FILE, for it asks the daemon" "$(edge_ctl check 2>&1 | mistakes)" "$wanted"
	lines=$(wc -l < "$LAB_DIR/sluiced.log")
	tap_is "$1: sluicectl reload says the same" "$(edge_ctl reload 2>&1 | mistakes)" "$wanted"
	tap_is "$1: the log says the same" "$(tail -n "+$((lines + 1))" "$LAB_DIR/sluiced.log" | mistakes)" \
		"$wanted"
}

printf 'version: 1\ninterfaces: [eth0\n' > "$E2E_CONFIG"
same_words "broken YAML" 1
refused "broken YAML" 'line 2'
config "$ALL" 'limts: {}' > "$E2E_CONFIG"
refused "an unknown key" 'limts'
config "10.99.0.21, 10.99.0.22, {address: 10.99.0.23, weight: 70000}" > "$E2E_CONFIG"
refused "a weight out of range" '70000'
config "10.99.0.21, 10.99.0.21" > "$E2E_CONFIG"
refused "a member twice" '10\.99\.0\.21'
config "10.99.0.21, 2001:db8:99::22" > "$E2E_CONFIG"
refused "a member of the wrong family" '2001:db8:99::22'
config "" > "$E2E_CONFIG"
refused "no members" 'force' 6
config "10.99.0.21" > "$E2E_CONFIG"
refused "two of three members gone" 'force' 6
config "$ALL" | sed 's/mode: l2,/& affinity: source,/' > "$E2E_CONFIG"
refused "another affinity" 'nearly all flows of service web.*' 6
refused "another affinity: said how to keep the old one, or how to insist" 'affinity: hash.*--force' 6
tap_match "and what to type next shows what is refused" "$(edge_ctl --json status | jq -r .next)" \
	'sluicectl .*diff$'
tap_match "as it does" "$(edge_ctl diff)" 'nearly all flows of service web'
config "10.99.0.21" > "$E2E_CONFIG"
tap_match "and named with file and place" "$(edge_ctl reload 2>&1 | mistakes)" \
	"^$E2E_CONFIG(:[0-9]+)?: services"
: > "$E2E_CONFIG"
same_words "an empty file" 1
rm "$E2E_CONFIG"
refused "no file" 'sluice.yaml: cannot be read'
same_words "no file" 1
{
	config "10.99.0.21, {address: 10.99.0.22, weight: -1}" 'limits: {a: {count: packets, rate: 5/s}}'
	echo "colour: blue"
} > "$E2E_CONFIG"
same_words "three errors" 3
errors=$(edge_ctl check "$E2E_CONFIG" 2>&1)
tap_match "check shows the first error" "$errors" 'weight'
tap_match "and the second" "$errors" 'mode'
tap_match "and the third" "$errors" 'colour'
refused "three errors" 'colour'

wait $load_pid
load=$(cat "$LAB_DIR/load")
tap_between "requests were made all along" "$(jq .requests <<< "$load")" 1000 4000
tap_is "all of them were served" "$(jq -c .errors <<< "$load")" '{}'

config "$ALL, {address: 10.99.0.24, weight: 10}" > "$E2E_CONFIG"
tap_run "a good file is taken" edge_ctl reload
tap_is "the revision goes up" "$(revision)" $((before + 1))
tap_is "a trial without FILE reads the daemon's own" "$(edge_ctl try)" \
	"$E2E_CONFIG is what runs already: nothing to try"
tap_is "with the new member" "$(edge_ctl --json service show web | jq .members_total)" 4
config "$ALL" > "$E2E_CONFIG"
tap_run "and taken back" edge_ctl reload
tap_is "three members" "$(members)" '["10.99.0.21","10.99.0.22","10.99.0.23"]'

tap_run "a member added at run time …" edge_ctl member add web 10.99.0.25 --weight 1
config "$ALL" "limits: {a: {count: packets, rate: 1000000/s, mode: enforce}}" > "$E2E_CONFIG"
tap_run "… and a reload" edge_ctl reload
tap_is "… stays" "$(edge_ctl --json service show web | jq .members_total)" 4
tap_run "… until it is removed" edge_ctl member remove web 10.99.0.25

config "10.99.0.21" > "$E2E_CONFIG"
tap_run "with --force two of three members go" edge_ctl reload --force
load=$(edge_load c1 --count 100 "http://$EDGE_WEB/")
e2e_served "at the end" "$load"
e2e_shares "only b1 serves" "$load" b1=1
tap_done
