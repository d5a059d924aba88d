#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A name's address that cannot be a member: it is left out and told of, the name keeps what it had,
# and neither other names nor a reload nor a start wait for it.
set -uo pipefail
# With a /etc/resolv.conf of its own.
if [ -z "${NAMES_UNSHARED:-}" ] && [ "$(id -u)" -eq 0 ]; then
	NAMES_UNSHARED=1 exec unshare --mount --propagation private "$0" "$@"
fi
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/names.sh"

e2e_begin 3
names_begin
dns_start
config() { # CAPACITY
	cat > "$E2E_CONFIG" <<-END
		version: 1
		interfaces: [eth0]
		flows: {pre: 200ms}
		resolve: 5s
		capacity: {members: ${1:-16}}
		management: {prefixes: [198.51.100.200]}
		lists:
		  blocked: {action: deny, prefixes: [10.99.0.99]}
		services:
		  web:
		    listen: "tcp $EDGE_WEB:80"
		    mode: l2
		    learn: 10s
		    check: $E2E_CHECK
		    $E2E_NO_TRIAL
		    pools:
		      a: {members: [good.lab.test, bad.lab.test]}
		      b: {members: [10.99.0.23]}
	END
}
left_out() { # ADDRESS: is told of, with why it is
	edge_ctl --json pool show web a | jq -r --arg a "$1" '.left_out[] | select(.address == $a) | .reason'
}
is_left_out() {
	[ -n "$(left_out "$1")" ]
}
is_taken() {
	[ -z "$(left_out "$1")" ] && members | grep -qw -- "$1"
}

say good.lab.test 10.99.0.21
say bad.lab.test 10.99.0.22
config
e2e_start
tap_is "both names' addresses are members" "$(members)" "10.99.0.21 10.99.0.22 10.99.0.23"

# One that a deny list has.
say bad.lab.test 10.99.0.99
tap_run "an address of a deny list is left out" wait_for 15 is_left_out 10.99.0.99
tap_match "pool show says why" "$(edge_ctl pool show web a | tr -s ' \n' ' ')" \
	'left out bad\.lab\.test has 10\.99\.0\.99: .*blocked'
tap_match "status, too" "$(status)" 'web/a: bad\.lab\.test has 10\.99\.0\.99, which is left out'
is_refused() { # ADDRESSES, as JSON
	e2e_is_kept names ".names[] | select(.name == \"bad.lab.test\") | .refused == $1"
}
tap_run "the disk knows it" wait_for 5 is_refused '["10.99.0.99"]'
tap_is "a metric counts it" "$(edge_ctl metrics | awk '$1 == "sluice_names_left_out" { print $2 }')" 1
tap_is "which is degraded" "$(state_of)" degraded
tap_is "an event tells it once" \
	"$(edge_ctl events | grep -c 'name_problem .*bad.lab.test has 10.99.0.99, which is left out')" 1
tap_is "the name keeps what it had" "$(members)" "10.99.0.21 10.99.0.22 10.99.0.23"
say good.lab.test 10.99.0.21 10.99.0.31
tap_run "other names go on" wait_for 15 are_members \
	10.99.0.21 10.99.0.22 10.99.0.23 10.99.0.31
echo "metrics: {listen: disabled}" >> "$E2E_CONFIG"
tap_run "a reload goes on" edge_ctl reload
tap_is "with the same members" "$(members)" "10.99.0.21 10.99.0.22 10.99.0.23 10.99.0.31"
tap_run "and tells of what is left out" is_left_out 10.99.0.99
revision() {
	edge_ctl --json status | jq .revision
}
before=$(revision)
sleep 11 # it is tried again meanwhile
tap_is "trying it again changes nothing" "$(revision)" "$before"
lab_stop sluiced TERM
edge_daemon_start "$E2E_CONFIG"
tap_is "a start goes on" "$?" 0
tap_is "with the members that there were" "$(members)" "10.99.0.21 10.99.0.22 10.99.0.23 10.99.0.31"
tap_run "and tells of what is left out" is_left_out 10.99.0.99

# One of another pool's, by command.
tap_run "a member of another pool by command" edge_ctl member add web 10.99.0.24 --pool b
say bad.lab.test 10.99.0.22 10.99.0.24
tap_run "its address is left out of this pool" wait_for 15 is_left_out 10.99.0.24
tap_is "what was left out before is no more" "$(left_out 10.99.0.99)" ""
tap_run "when it is removed" edge_ctl member remove web 10.99.0.24 --pool b
tap_run "the name's address is a member" wait_for 25 is_taken 10.99.0.24
tap_is "nothing is left to tell" "$(status | grep -c 'left out')" 0

# More than there is room for.
lab_stop sluiced TERM
config 16
say bad.lab.test 10.99.0.22 10.99.0.{40..59}
edge_daemon_start "$E2E_CONFIG" --cold-start
tap_is "a start with more addresses than the maps hold" "$?" 0
tap_is "serves with those that fit" "$(members | wc -w)" 15
tap_match "and says what is missing" "$(status)" 'the maps hold 16'
tap_done
