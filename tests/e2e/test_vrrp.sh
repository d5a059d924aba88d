#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Two balancers, one active: keepalived decides by VRRP which one, sluicectl node follows. A node that
# dies is replaced within three seconds, and connections through it live on, since both nodes have
# one hash_seed and so the same tables.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

command -v keepalived > /dev/null || tap_skip_all "keepalived is not installed (deploy/install-deps test)"
e2e_begin 2

NEAR=10.99.0.100
NEAR6=2001:db8:99::100
e2e_hold $NEAR $NEAR6
edge_host lb2 in 11
lab_xdp_pass rt p-lb2

cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	announce: arp
	node: {start: standby}
	hash_seed: $(printf '%064d' 7)
	metrics: {listen: disabled}
	services:
	  near: {listen: "tcp $NEAR:80", mode: l2, check: $E2E_CHECK, $E2E_NO_TRIAL, members: [10.99.0.21, 10.99.0.22]}
	  near6: {listen: "tcp [$NEAR6]:80", mode: l2, check: $E2E_CHECK, $E2E_NO_TRIAL, members: ["2001:db8:99::21", "2001:db8:99::22"]}
END

# node N: its namespace, instance, priority
namespaces=([1]=lb [2]=lb2)

ctl() { # NODE ARGUMENTS...
	lab_in "${namespaces[$1]}" "$LAB_OUT/bin/sluicectl" --instance "$LAB_PREFIX-$1" \
		--socket "$LAB_DIR/run/$LAB_PREFIX-$1/control.sock" "${@:2}"
}

is_role() { # NODE ROLE
	[ "$(ctl "$1" --json node show | jq -r .role)" = "$2" ]
}

is_serving() { # NODE
	ctl "$1" --json status | jq -e '.state == "ok" and ([.services[] | .members_serving == 2] | all)'
}

start_node() { # NODE
	lab_start "sluiced$1" "${namespaces[$1]}" "$LAB_OUT/bin/sluiced" --config "$E2E_CONFIG" \
		--instance "$LAB_PREFIX-$1" --run-dir "$LAB_DIR/run"
	wait_for 10 is_serving "$1"
}

# As in sluicectl(1).
start_keepalived() { # NODE
	local command="$LAB_OUT/bin/sluicectl --instance $LAB_PREFIX-$1"
	command+=" --socket $LAB_DIR/run/$LAB_PREFIX-$1/control.sock node"
	cat > "$LAB_DIR/keepalived$1.conf" <<-END
		global_defs {
			router_id node$1
			script_user root
			vrrp_version 3
		}
		vrrp_instance sluice {
			state BACKUP
			nopreempt
			interface eth0
			virtual_router_id 51
			priority $((110 - $1 * 5))
			advert_int 0.3
			virtual_ipaddress {
				10.99.0.250/32
			}
			notify_master "$command active"
			notify_backup "$command standby"
			notify_fault "$command standby"
			notify_stop "$command standby"
		}
	END
	lab_start "keepalived$1" "${namespaces[$1]}" keepalived --dont-fork --log-console --vrrp \
		--use-file "$LAB_DIR/keepalived$1.conf" --pid "$LAB_DIR/keepalived$1.pid" \
		--vrrp_pid "$LAB_DIR/vrrp$1.pid"
}

mac() { # NAMESPACE
	lab_in "$1" ip -json link show eth0 | jq -r '.[0].address'
}

neighbour() { # ADDRESS: of the router
	lab_in rt ip neigh show "$1" dev in | sed -n 's/.*lladdr \([0-9a-f:]*\).*/\1/p'
}

neighbour_is() { # ADDRESS MAC
	[ "$(neighbour "$1")" = "$2" ]
}

get() { # ADDRESS
	lab_in c1 curl -sf -o /dev/null --max-time 0.3 "http://$1/"
}

# Until both families are served, in ms.
outage() {
	local begin address
	begin=$(lab_now_ms)
	for address in "$NEAR" "[$NEAR6]"; do
		until get "$address"; do
			[ $(($(lab_now_ms) - begin)) -lt 10000 ] || break
		done
	done
	echo $(($(lab_now_ms) - begin))
}

for node in 1 2; do
	start_node "$node" # not in a subshell: it is stopped by name
	tap_is "node $node is ready" $? 0
done
tap_run "node 1 waits on standby" is_role 1 standby
tap_run "node 2 waits on standby" is_role 2 standby
tap_fails "nobody answers" 28 '' lab_in c1 curl -s -o /dev/null --max-time 1 "http://$NEAR/"
tap_is "both have the same tables" "$(ctl 1 --json status | jq -c '[.services[].table]')" \
	"$(ctl 2 --json status | jq -c '[.services[].table]')"
start_keepalived 1
tap_run "keepalived makes node 1 active" wait_for 8 is_role 1 active
start_keepalived 2
sleep 3
tap_run "and leaves the other one on standby" is_role 2 standby
tap_run "the service serves" get "$NEAR"
tap_run "over IPv6, too" get "[$NEAR6]"
tap_is "through node 1" "$(neighbour "$NEAR")" "$(mac lb)"

# A connection that is there before, and used again afterwards.
cat > "$LAB_DIR/talk.py" <<-'END'
	import socket, sys, time
	s = socket.create_connection((sys.argv[1], 80), timeout=20)
	ask = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	while True:
	    s.sendall(ask)
	    if b"200 OK" not in s.recv(4096):
	        sys.exit(1)
	    print(time.time(), flush=True)
	    time.sleep(0.1)
END
lab_start talk c1 python3 "$LAB_DIR/talk.py" "$NEAR"
lab_start talk6 c1 python3 "$LAB_DIR/talk.py" "$NEAR6"
tap_run "a connection talks" wait_for 10 test -s "$LAB_DIR/talk.log"
talks_on() { # NAME
	local now
	now=$(lab_now_ms)
	lab_is_running "$1" && wait_for 8 eval "[ \$(tail -n 1 $LAB_DIR/$1.log | cut -d. -f1) -gt $((now / 1000)) ]"
}

# The machine dies, as its neighbours see it.
lab_in rt ip link set p-lb down
took=$(outage)
echo "# failover took $took ms"
tap_between "the other node serves within 3 s of the cut" "$took" 0 $((3000 * LAB_PATIENCE))
tap_is "IPv4 goes through node 2" "$(neighbour "$NEAR")" "$(mac lb2)"
tap_is "IPv6 goes through node 2" "$(neighbour "$NEAR6")" "$(mac lb2)"
tap_run "node 2 is active" is_role 2 active
tap_run "the connection talks on" talks_on talk
tap_run "so does the one over IPv6" talks_on talk6

# It comes back, and waits: it must find out first which members serve.
lab_in rt ip link set p-lb up
tap_run "node 1 serves again" wait_for 15 is_serving 1
tap_run "node 2 stays active" is_role 2 active
tap_run "node 1 stays on standby" is_role 1 standby

# A planned change loses nothing: who is on standby forwards what still arrives.
lab_start load c1 python3 "$LAB_ROOT/tests/lib/load.py" --count 1500 --rate 300 \
	--source "$EDGE_SOURCES1" "http://$NEAR/"
lab_stop keepalived2 TERM
tap_run "stopping keepalived makes the other node active" wait_for 10 is_role 1 active
tap_run "and this one standby" is_role 2 standby
tap_run "the load goes on meanwhile" lab_is_running load
tap_run "the load ends" wait_for 20 lab_is_gone "${LAB_PIDS[load]}"
e2e_served "none of 1500 requests is lost" "$(tail -n 1 "$LAB_DIR/load.log")"
tap_run "the connection talks on" talks_on talk
tap_run "over IPv6, too" talks_on talk6
tap_is "through node 1" "$(neighbour "$NEAR")" "$(mac lb)"
tap_is "over IPv6, too" "$(neighbour "$NEAR6")" "$(mac lb)"
lab_stop keepalived1 TERM
tap_run "without keepalived nobody is active" wait_for 10 is_role 1 standby
lab_stop sluiced1 TERM
lab_stop sluiced2 TERM
for node in 1 2; do
	tap_run "node $node detaches" lab_in "${namespaces[$node]}" "$LAB_OUT/bin/sluicectl" \
		--instance "$LAB_PREFIX-$node" detach
done
tap_done
