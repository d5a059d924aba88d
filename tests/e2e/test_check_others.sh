#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Checks by udp, dns, icmp and exec: servers and programs that behave in every way, none of which
# delays another's probes.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/checks.sh"

program() { # NAME: its text comes in
	cat > "$BIN/$1"
	chmod "${2:-755}" "$BIN/$1"
}

e2e_begin 2
BIN=$LAB_DIR/bin
mkdir -m 755 "$BIN"
checks_begin
lab_start echo b1 python3 "$LAB_ROOT/tests/lib/udp_echo.py" b1 10.99.0.21 9000
lab_start names b1 python3 "$LAB_ROOT/tests/lib/name_server.py" 9053
wait_for 5 grep -q answers "$LAB_DIR/echo.log" || lab_die "no echo server"
wait_for 5 grep -q ready "$LAB_DIR/names.log" || lab_die "no name server"
lab_in b2 nft add table inet x
lab_in b2 nft add chain inet x input '{ type filter hook input priority 0; }'
lab_in b2 nft add rule inet x input icmp type echo-request drop
lab_in b2 nft add rule inet x input udp dport 9000 drop
lab_in b2 nft add rule inet x input tcp dport 9002 reject with icmpx type admin-prohibited
lab_in b2 nft add rule inet x input udp dport 9002 reject with icmpx type admin-prohibited
lab_in b2 nft add rule inet x input tcp dport 9003 reject with icmpv6 type no-route
lab_in b2 sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0 # many rows ask at once

program good <<- 'END'
	#!/bin/sh
	[ "$SLUICE_ADDRESS/$SLUICE_PORT/$SLUICE_FAMILY/$SLUICE_TIMEOUT_MS" = 10.99.0.21/77/ipv4/400 ] &&
	[ "$(id -u)" != 0 ] && [ "$1" = "two words" ] &&
	! ls -l /proc/self/fd | grep socket
END
program bad <<- 'END'
	#!/bin/sh
	echo "the database is asleep"
	echo "more"
	exit 3
END
program hang <<- 'END'
	#!/bin/sh
	sleep 3333 &
	sleep 3333
END
program loud <<- 'END'
	#!/bin/sh
	exec head -c 50000000 /dev/zero
END
program crash <<- 'END'
	#!/bin/sh
	kill -SEGV $$
END
program colours <<- 'END'
	#!/bin/sh
	printf 'bad \033[31mnews\n'
	exit 1
END

# These servers answer at the member's own address, or from it.
DNS="type: dns, via: member, port: 9053"
check_row udp up "" 'type: udp, via: member, port: 9000, send: "hello", answer: "b1 hello"'
check_row udp-any up "" "type: udp, via: member, port: 9000, send: hex:00ff"
check_row udp-wrong down "the answer, 8 bytes, lacks" "type: udp, via: member, port: 9000, send: hello, answer: bye"
check_row udp-closed down "port unreachable" "type: udp, via: member, port: 9001, send: hello"
check_row udp-silent down "no answer within 400 ms" "type: udp, via: member, port: 9000, send: hello" 10.99.0.22
check_row dns up "" "$DNS, name: good.example, answer: 192.0.2.77"
check_row dns6 up "" "$DNS, name: good.example" 2001:db8:99::21
check_row dns-text up "" "$DNS, name: text.example, record: TXT, answer: is well"
check_row dns-mail up "" "$DNS, name: mail.example, record: MX, answer: MX.example.net"
check_row dns-wrong down "no such record in the answer: 192.0.2.78" "$DNS, name: good.example, answer: 192.0.2.78"
check_row dns-none down "no such record in the answer" "$DNS, name: none.example"
check_row dns-nx down "answers NXDOMAIN instead of NOERROR" "$DNS, name: nx.example"
check_row dns-nx-wanted up "" "$DNS, name: nx.example, rcode: NXDOMAIN"
check_row dns-fail down "answers SERVFAIL instead of NOERROR" "$DNS, name: fail.example"
check_row dns-silent down "no answer within 400 ms" "$DNS, name: silent.example"
check_row dns-forged up "" "$DNS, name: forged.example, answer: 192.0.2.77"
check_row dns-broken down "no (answer within|such record)" "$DNS, name: broken.example"
check_row ping up "" "type: icmp"
check_row ping6 up "" "type: icmp" 2001:db8:99::22
check_row ping-silent down "no echo reply within 400 ms" "type: icmp" 10.99.0.22
check_row ping-nowhere down "(no echo reply|host unreachable)" "type: icmp" 10.99.0.77
check_row exec up "" "type: exec, port: 77, command: [$BIN/good, two words]"
check_row exec-bad down "exit status 3: the database is asleep" "type: exec, command: [$BIN/bad]"
check_row exec-hang down "the program did not end within 400 ms" "type: exec, command: [$BIN/hang]"
check_row exec-loud unknown "check not possible from here: the program printed more than" "type: exec, command: [$BIN/loud]"
check_row exec-crash unknown "check not possible from here: the program was ended by signal 11" "type: exec, command: [$BIN/crash]"
check_row exec-colours down 'exit status 1: bad  ?.31mnews' "type: exec, command: [$BIN/colours]"
# In one host an answer arrives within the call that connects, and is lost: the next SYN, after a second, has
# another.
USUAL_TIMES=$TIMES TIMES="interval: 2s, timeout: 1500ms, fast: 1600ms, down: 2s, fall: 2, rise: 1"
PROHIBITED="rejected by a firewall: administratively prohibited"
check_row rejected down "$PROHIBITED" "type: tcp, port: 9002" 2001:db8:99::22
check_row rejected4 down "$PROHIBITED" "type: tcp, port: 9002" 10.99.0.22
check_row rejected-http down "$PROHIBITED" "type: http, via: member, port: 9002" 2001:db8:99::22
check_row rejected-https down "$PROHIBITED" "type: https, via: member, port: 9002" 2001:db8:99::22
check_row rejected-udp down "$PROHIBITED" "type: udp, via: member, port: 9002, send: x" 2001:db8:99::22
check_row rejected-dns down "$PROHIBITED" "type: dns, via: member, port: 9002, name: x.example" 2001:db8:99::22
check_row no-route down "network unreachable, says a router" "type: tcp, port: 9003" 2001:db8:99::22
check_row no-route-http down "network unreachable, says a router" "type: http, via: member, port: 9003" 2001:db8:99::22
TIMES=$USUAL_TIMES
e2e_start
checks_report

hanging() { # how many sleeps are left of programs that were killed
	pgrep -fxc 'sleep 3333'
}
tap_between "what hangs is killed with all that it started" "$(hanging)" 0 2
metric() { # NAME
	edge_ctl metrics | awk -v name="$1" '$1 == name { print $2 }'
}
tap_between "hanging checks delay no other: nobody waits for their timeout" \
	"$(metric sluice_check_lag_seconds)" 0 0.399
tap_is "each row is one target" "$(metric sluice_check_targets)" "${#NAMES[@]}"
chmod a-x "$BIN/good"
tap_run "a program that can no longer be run is no failure" wait_for 5 checks_text_says exec \
	'check not possible from here: .*permission denied'
tap_run "its member stays" checks_health_is exec up
why() { # PATTERN
	grep -qE "$1" <<< "$(edge_ctl --json status | jq -r '.why[]')"
}
tap_run "but status says that nobody checks it" wait_for 5 why \
	'^exec: 1 of 1 members not checked for [0-9]+ s: .*permission denied'
tap_run "as it does of others" why '^exec-crash: 1 of 1 members not checked for [0-9]+ s: .*signal 11'
tap_fails "of a service that looks well" 1 '' why '^ping: '
tap_match "an event said so" "$(edge_ctl events)" 'member_diagnosis.*exec/default/10.99.0.21:[0-9]+.*not possible'
echo "# another text" >> "$E2E_CONFIG"
tap_fails "a reload names what cannot be run" 1 \
	'services.exec.check.command.*bin/good is not executable' edge_ctl reload
tap_fails "so does a check of the file" 1 'chmod a\+rx' edge_ctl check "$E2E_CONFIG"
sed "s,$BIN/good,$BIN/none," "$E2E_CONFIG" > "$E2E_CONFIG.none"
tap_fails "and of one that is missing" 1 'bin/none: No such file' edge_ctl check "$E2E_CONFIG.none"

# Two services with the same check of the same member share its probes; a member's own is its own.
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	flows: {pre: 200ms}
	services:
	  one: {listen: "tcp $EDGE_WEB:80", mode: l2, check: {type: icmp, $TIMES}, members: [10.99.0.21]}
	  two:
	    listen: "tcp $EDGE_WEB:81"
	    mode: l2
	    check: {type: icmp, $TIMES}
	    members: [10.99.0.21, {address: 10.99.0.22, check: {type: tcp, port: 80, $TIMES}}]
END
chmod a+x "$BIN/good"
tap_run "reload" edge_ctl reload --force
own_check_is_up() {
	[ "$(edge_member two 10.99.0.22 check | jq -r .type)" = tcp ] &&
		[ "$(edge_member two 10.99.0.22 health)" = up ]
}
tap_run "a member's own check is in force" wait_for 5 own_check_is_up
tap_is "three members are two targets" "$(metric sluice_check_targets)" 2
is_none_hanging() {
	! hanging
}
tap_run "programs that hung are gone" wait_for 5 is_none_hanging
tap_done
