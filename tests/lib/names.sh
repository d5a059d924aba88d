# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# For tests of members by host name: a name server that says what a test wants. The script needs a
# mount namespace of its own before it sources e2e.sh.

# names_begin: /etc/resolv.conf names a server, which dns_start starts.
names_begin() {
	HOSTS=$LAB_DIR/hosts.txt
	: > "$HOSTS"
	echo "nameserver 10.99.0.1" > "$LAB_DIR/resolv.conf"
	mount --bind "$LAB_DIR/resolv.conf" /etc/resolv.conf
}

dns_start() {
	lab_start dns rt python3 "$LAB_ROOT/tests/lib/resolver.py" 10.99.0.1 53 "$HOSTS"
	wait_for 5 grep -q ready "$LAB_DIR/dns.log" || lab_die "no name server"
}

# say NAME WORD...: what the name server says from now on.
say() {
	{
		grep -v "^$1 " "$HOSTS"
		echo "$*"
	} > "$HOSTS.new" 2> /dev/null
	mv "$HOSTS.new" "$HOSTS"
}

# members: as ADDRESS, or -ADDRESS when it terminates.
members() {
	edge_ctl --json member list web | jq -r '[.members[] |
		if .discovery == "ready" then .address else "-" + .address end] | sort | join(" ")'
}

are_members() {
	[ "$(members)" = "$*" ]
}

# status: in one line.
status() {
	edge_ctl status | tr -s ' \n' ' '
}

state_of() {
	edge_ctl --json status | jq -r .state
}
