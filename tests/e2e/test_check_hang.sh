#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Seventy checks that hang, by http, udp and exec, most of them of one host, beside some of that host that
# do not: nobody waits for them.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/checks.sh"

e2e_begin 4
for name in b1 b2; do
	lab_start "probed-$name" "$name" python3 "$LAB_ROOT/tests/lib/probed.py" 9000
	wait_for 5 grep -q ready "$LAB_DIR/probed-$name.log" || lab_die "no server at $name"
	lab_in $name nft add table inet x
	lab_in $name nft add chain inet x input '{ type filter hook input priority 0; }'
	lab_in $name nft add rule inet x input udp dport 9000 drop
done
checks_begin
printf '#!/bin/sh\nsleep 3334 &\nsleep 3334\n' > "$LAB_DIR/hang"
printf '#!/bin/sh\nexit 0\n' > "$LAB_DIR/good"
chmod 755 "$LAB_DIR/hang" "$LAB_DIR/good"
# Whoever waited for one of these would be late by its timeout.
HANG_MS=2000
OTHERS=$TIMES
TIMES="interval: 2s, timeout: ${HANG_MS}ms, fast: 500ms, down: 500ms, fall: 2, rise: 1"
for n in $(seq 1 10); do
	check_row "udp$n" down "no answer within $HANG_MS ms" "type: udp, port: 9000, send: x$n" "10.99.0.2$((n % 2 + 1))"
done
for n in $(seq 1 30); do
	check_row "http$n" down "no answer within $HANG_MS ms" "type: http, port: 9000, path: /hang/$n"
	check_row "exec$n" down "the program did not end within $HANG_MS ms" "type: exec, command: [$LAB_DIR/hang, x$n]"
done
SLOW=${#NAMES[@]}
TIMES=$OTHERS
check_row tcp up "" "type: tcp, port: 80"
check_row http up "" "type: http, port: 9000, path: /status/200"
check_row exec up "" "type: exec, command: [$LAB_DIR/good]"
e2e_start
slow_fail() { # all that hang, and nobody else
	[ "$({ edge_ctl --json status || :; } | jq '[.services[] | select(.members_serving == 0)] | length')" = "$SLOW" ]
}
tap_run "seventy fail" wait_for 20 slow_fail
for row in 0 10 $((SLOW - 1)) "$SLOW" $((SLOW + 1)) $((SLOW + 2)); do
	tap_run "${NAMES[$row]}: ${STATES[$row]} ${TEXTS[$row]}" wait_for 5 checks_row_is "$row"
done

passes() { # SERVICE
	edge_ctl metrics | awk -v s="lb_service=\"$1\"" \
		'index($1, "sluice_member_checks_total{") == 1 && index($1, s) && /result="pass"/ { print $2 }'
}
before=$(for s in tcp http exec; do passes $s; done)
began=$(date +%s%N)
sleep 8
after=$(for s in tcp http exec; do passes $s; done)
ms=$((($(date +%s%N) - began) / 1000000))
lag=$(edge_ctl metrics | awk '$1 == "sluice_check_lag_seconds" { printf "%d", $2 * 1000 + 0.5 }')
echo "# measured: while $SLOW checks hang, the others' probes begin at most $lag ms late"
tap_between "those that do not hang begin in time" "$lag" 0 $((HANG_MS - 1))
paste <(echo "$before") <(echo "$after") | while read -r from to; do
	echo "$(((to - from) * 500 * 100 / ms))"
done > "$LAB_DIR/percent"
echo "# of the probes that an interval of 500 ms makes: $(paste -sd ' ' "$LAB_DIR/percent") %"
# Behind one that hangs there would be a quarter of them.
tap_between "and are as many as they should be: the fewest, in per cent" "$(sort -n "$LAB_DIR/percent" | head -n 1)" 50 115
tap_between "the most" "$(sort -n "$LAB_DIR/percent" | tail -n 1)" 50 115
hist() { # TYPE RESULT
	edge_ctl metrics | awk -v n="sluice_check_duration_seconds_count{type=\"$1\",result=\"$2\"}" '$1 == n { print $2 }'
}
tap_run "durations are counted by type and result" test "$(hist http pass)" -gt 5 -a "$(hist http fail)" -ge 40 -a "$(hist udp fail)" -ge 20
tap_is "hanging ones took as long as they may" "$(edge_ctl metrics |
	awk '$1 == "sluice_check_duration_seconds_bucket{type=\"http\",result=\"fail\",le=\"1.0\"}" { print $2 }')" 0
hanging() {
	pgrep -fx 'sleep 3334' > /dev/null
}
worker=$(checks_worker)
tap_run "programs hang" wait_for 5 hanging
kill -KILL "$worker"
tap_run "a worker that is killed has a successor" wait_for 10 checks_is_replaced "$worker"
lab_stop sluiced
none_left() {
	! hanging
}
tap_run "no program is left behind" wait_for 5 none_left
tap_done
