#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# sluiced beside a sluice-check that somebody took over, one that ends at once, and none at all.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/checks.sh"

e2e_begin 2
BUILT=$LAB_OUT
LAB_OUT=$LAB_DIR/out
mkdir -p "$LAB_OUT/bin"
cp "$BUILT/bin/sluiced" "$BUILT/bin/sluicectl" "$LAB_OUT/bin/"
checks_begin
check_row tcp up "" "type: tcp, port: 80"
check_row http unknown "check not possible from here: sluice-check" "type: http, port: 80"

tap_fails "without it a configuration that needs it is refused" 1 \
	'services.http.check: checks of type http take .*/sluice-check, which cannot be run' \
	edge_daemon "$E2E_CONFIG"
cp "$E2E_CONFIG" "$E2E_CONFIG.both"
sed -i '/ http:/d' "$E2E_CONFIG"
e2e_start
tap_run "one that does not is served, with its checks" wait_for 5 checks_row_is 0
cp "$E2E_CONFIG.both" "$E2E_CONFIG"
lab_stop sluiced

cp "$LAB_ROOT/tests/lib/lying_check.py" "$LAB_OUT/bin/sluice-check"
chmod 755 "$LAB_OUT/bin/sluice-check"
e2e_start
checks_report
metric() { # NAME
	edge_ctl metrics | awk -v name="$1" '$1 == name { print $2 }'
}
open_files() {
	find "/proc/${LAB_PIDS[sluiced]}/fd" | wc -l
}
before=$(open_files)
sleep 5 # lies
tap_between "the daemon keeps none of the descriptors that it is sent" $(($(open_files) - before)) -3 3
tap_is "a socket of a probe through the path reaches that member alone" \
	"$(grep -c 'its socket reaches nobody else' "$LAB_DIR/sluiced.log")/$(grep -c 'reaches anybody' "$LAB_DIR/sluiced.log")" 1/0
tap_is "each request brings one" "$(grep -c 'sockets came' "$LAB_DIR/sluiced.log")" 0
tap_match "what it says is refused" "$(metric sluice_checker_refused_total)" '^[1-9]'
tap_is "nobody is down" "$(edge_ctl --json status | jq '[.services[] | .members_serving] | add')" 2
tap_match "status says so" "$(edge_ctl status | tr -s '\n ' ' ')" 'sluice-check'
tap_is "no escape of a terminal gets into the log" "$(grep -c $'\e' "$LAB_DIR/sluiced.log")" 0
tap_is "nor into what is shown" "$(edge_ctl member show http 10.99.0.21 | grep -c $'\e')" 0
tap_run "the daemon is well" edge_is_ready
tap_between "it does not fill the log" "$(wc -l < "$LAB_DIR/sluiced.log")" 1 100
lab_stop sluiced
tap_is "and ends as it should" "$LAB_STATUS" 0

printf '#!/bin/sh\nexit 7\n' > "$LAB_OUT/bin/sluice-check"
e2e_start
is_tried_again() {
	[ "$(metric sluice_checker_starts_total)" -ge 2 ]
}
tap_run "one that ends at once is tried again" wait_for 10 is_tried_again
tap_run "its checks are blind, the others not" checks_row_is 0
tap_is "both serve" "$(edge_ctl --json status | jq '[.services[] | .members_serving] | add')" 2
tap_done
