#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Many ask for a large answer at once: it is made for all of them, not for each.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

MEMBERS=2000
ASKING=150 # more than have a connection at once
e2e_begin 1
{
	printf 'version: 1\ninterfaces: [eth0]\nservices:\n  web:\n    listen: tcp %s:80\n    mode: ipip\n' "$EDGE_WEB"
	printf '    check: none\n    members:\n'
	seq 0 $((MEMBERS - 1)) | awk '{ printf "      - 10.77.%d.%d\n", $1 / 250, 1 + $1 % 250 }'
} > "$E2E_CONFIG"
e2e_start

# In KiB, of the memory that only the daemon has; the peak since it was last forgotten.
resident() { awk -v key="$1:" '$1 == key { print $2 }' "/proc/${LAB_PIDS[sluiced]}/status"; }
ask() {
	lab_in lb curl -sf --max-time 60 --unix-socket "$(edge_socket)" http://sluice/v1/status
}

length=$(ask | wc -c)
tap_between "a status of $MEMBERS members" "$length" 1000000 $((MEMBERS * 4000))
wait_for 10 edge_is_settled || tap_not_ok "slots get their owners" "$(edge_ctl stats)"
echo 5 > "/proc/${LAB_PIDS[sluiced]}/clear_refs"
before=$(resident VmRSS)
asking=()
for n in $(seq $ASKING); do
	ask | jq '.services[0].members_total' > "$LAB_DIR/asked.$n" &
	asking+=($!)
done
wait "${asking[@]}"
tap_is "$ASKING who ask at once get it" "$(cat "$LAB_DIR"/asked.* | sort | uniq -c | xargs)" "$ASKING $MEMBERS"
tap_between "and the daemon takes no more than a third of them together would" \
	$((($(resident VmHWM) - before) * 1024)) 0 $((ASKING * length / 3))

# Whoever reads nothing holds up neither the daemon nor, for long, those who read.
for n in $(seq 3); do
	lab_start "slow-$n" lb curl -s -o /dev/null --limit-rate 10k --max-time 60 \
		--unix-socket "$(edge_socket)" http://sluice/v1/status
done
tap_run "beside slow ones there is an answer" ask
tap_run "and what was changed is in the next one" edge_ctl member drain web 10.77.0.1
tap_is "at once" "$(ask | jq -r '.services[0].pools[0].members[0].admin')" drain
tap_done
