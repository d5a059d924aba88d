# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# The network of the demo and of the end-to-end tests: a small edge site in namespaces.
#
#   c1 .11  c2 .12  atk .66            clients, attacker
#     \       |      /
#      198.51.100.0/24  2001:db8:51::/64
#             |
#            rt .1                     router, and the servers' switch
#             |
#       10.99.0.0/24  2001:db8:99::/64
#      /      |      |       \
#   lb .10  b1 .21  b2 .22  b3 .23 …   balancer; backends, real HTTP servers
#
# Service addresses are routed to lb. Backends hold them on lo and answer clients directly through
# rt. c1 and c2 also own 203.0.113.0/25 and .128/25 (2001:db8:c1::/48, 2001:db8:c2::/48), so that
# their requests come from many sources.

# shellcheck disable=SC2034 # users of this file read them
EDGE_WEB=192.0.2.10      # HTTP over IPv4
EDGE_WEB6=2001:db8:10::10 # HTTP over IPv6
EDGE_TUNNEL=192.0.2.11   # HTTP over IPv4, through tunnels
EDGE_TUNNEL6=2001:db8:10::11
EDGE_DNS=192.0.2.53      # a UDP service on port 53
EDGE_LB=10.99.0.10
EDGE_LB6=2001:db8:99::10
EDGE_SOURCES1=203.0.113.0/25
EDGE_SOURCES2=203.0.113.128/25

# The router with its two segments.
edge_router() {
	lab_ns rt
	lab_in rt sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	local segment
	for segment in out in; do
		lab_in rt ip link add "$segment" type bridge forward_delay 0 mcast_snooping 0
		lab_in rt ip link set "$segment" up
	done
	lab_in rt ip address add 198.51.100.1/24 dev out
	lab_in rt ip address add 2001:db8:51::1/64 dev out nodad
	lab_in rt ip address add 10.99.0.1/24 dev in
	lab_in rt ip address add 2001:db8:99::1/64 dev in nodad
	# Where answers to spoofed sources end.
	lab_in rt ip route add blackhole 100.64.0.0/10
}

# edge_host NAME SEGMENT NUMBER: a namespace with eth0 on one of the router's segments.
edge_host() {
	local name=$1 segment=$2 number=$3 net4=10.99.0 net6=2001:db8:99:
	[ "$segment" = in ] || net4=198.51.100 net6=2001:db8:51:
	lab_ns "$name"
	lab_veth "$name" eth0 rt "p-$name"
	lab_in rt ip link set "p-$name" master "$segment"
	lab_in "$name" ip address add "$net4.$number/24" dev eth0
	lab_in "$name" ip address add "$net6:$number/64" dev eth0 nodad
	lab_in "$name" ip route add default via "$net4.1"
	lab_in "$name" ip route add default via "$net6:1"
}

# edge_client NUMBER: c1 or c2, with source addresses of its own.
edge_client() {
	local number=$1 sources=EDGE_SOURCES$1
	edge_host "c$number" out "1$number"
	lab_in "c$number" ip route add local "${!sources}" dev lo
	lab_in "c$number" ip route add local "2001:db8:c$number::/48" dev lo
	# Unlike IPv4, IPv6 asks for this before it binds to an address of a local route.
	lab_in "c$number" sysctl -qw net.ipv6.ip_nonlocal_bind=1
	lab_in rt ip route add "${!sources}" via "198.51.100.1$number"
	lab_in rt ip route add "2001:db8:c$number::/48" via "2001:db8:51::1$number"
}

# The balancer: service addresses are routed to it, its cable's far end lets its packets in.
edge_balancer() {
	local address
	edge_host lb in 10
	lab_xdp_pass rt p-lb
	for address in "$EDGE_WEB" "$EDGE_TUNNEL" "$EDGE_DNS"; do
		lab_in rt ip route add "$address" via "$EDGE_LB"
	done
	for address in "$EDGE_WEB6" "$EDGE_TUNNEL6"; do
		lab_in rt ip route add "$address" via "$EDGE_LB6"
	done
}

# edge_backend NUMBER [SERVE]: b1, b2, …, on the balancer's segment; SERVE NAME makes it a server.
edge_backend() {
	edge_host "b$1" in "2$1"
	"${2:-edge_serve}" "b$1"
}

# edge_serve NAME: the host holds the service addresses, without answering ARP for them, and serves.
edge_serve() {
	local name=$1 address
	lab_in "$name" sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2
	for address in "$EDGE_WEB" "$EDGE_TUNNEL" "$EDGE_DNS" "$EDGE_WEB6" "$EDGE_TUNNEL6"; do
		lab_in "$name" ip address add "$address" dev lo
	done
	edge_server_start "$name"
}

# edge_behind NAME INTERFACE NUMBER: a host on a segment of its own behind another interface of the
# balancer, 10.NUMBER.0.0/24 and 2001:db8:NUMBER::/64: the balancer is .10, the host .24.
edge_behind() {
	local name=$1 interface=$2 number=$3
	lab_ns "$name"
	lab_in lb sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	edge_behind_cable "$@"
	lab_in rt ip route add "10.$number.0.0/24" via "$EDGE_LB"
	lab_in rt ip route add "2001:db8:$number::/64" via "$EDGE_LB6"
}

# The same without the host: its cable alone, after the old one was taken away.
edge_behind_cable() {
	local name=$1 interface=$2 number=$3
	lab_veth lb "$interface" "$name" eth0
	lab_in lb ip address add "10.$number.0.10/24" dev "$interface"
	lab_in lb ip address add "2001:db8:$number::10/64" dev "$interface" nodad
	lab_in "$name" ip address add "10.$number.0.24/24" dev eth0
	lab_in "$name" ip address add "2001:db8:$number::24/64" dev eth0 nodad
	lab_in "$name" ip route add default via "10.$number.0.10"
	lab_in "$name" ip route add default via "2001:db8:$number::10"
}

# edge_server_start NAME: nginx on ports 80 and 8080 of every address, naming the backend in each answer.
edge_server_start() {
	local name=$1 dir=$LAB_DIR/$1.nginx
	mkdir -p "$dir"
	cat > "$dir/nginx.conf" <<-CONF
		daemon off;
		master_process off;
		pid $dir/pid;
		error_log stderr warn;
		events { worker_connections 4096; }
		http {
			access_log off;
			client_body_temp_path $dir/body;
			proxy_temp_path $dir/proxy;
			fastcgi_temp_path $dir/fastcgi;
			uwsgi_temp_path $dir/uwsgi;
			scgi_temp_path $dir/scgi;
			keepalive_requests 1000000;
			server {
				listen 0.0.0.0:80 backlog=1024;
				listen [::]:80 ipv6only=on backlog=1024;
				listen 0.0.0.0:8080;
				listen [::]:8080 ipv6only=on;
				location / {
					default_type text/plain;
					add_header X-Backend $name;
					return 200 "$name\n";
				}
			}
		}
	CONF
	lab_start "nginx-$name" "$name" nginx -p "$dir" -c "$dir/nginx.conf"
	wait_for 5 lab_in "$name" curl -sf -o /dev/null http://127.0.0.1/ ||
		lab_die "nginx does not answer in $name: $(tail -n 3 "$LAB_DIR/nginx-$name.log")"
}

edge_server_stop() {
	lab_stop "nginx-$1" KILL
}

# edge_load NS ARGUMENTS...: tests/lib/load.py in a namespace; prints its JSON.
edge_load() {
	local ns=$1
	shift
	lab_in "$ns" python3 "$LAB_ROOT/tests/lib/load.py" "$@"
}

# edge_flood NS ARGUMENTS...: tests/lib/flood.c in a namespace; prints its JSON.
edge_flood() {
	local ns=$1
	shift
	lab_in "$ns" "$LAB_OUT/tests/lib/flood" "$@"
}

# edge_daemon CONFIG [ARGUMENTS...]: runs a daemon on the balancer that is expected to refuse; ten
# seconds at most.
edge_daemon() {
	lab_in lb timeout 10 "$LAB_OUT/bin/sluiced" --config "$1" --instance "$LAB_PREFIX" \
		--run-dir "$LAB_DIR/run" --state-dir "$LAB_DIR/state" "${@:2}"
}

# edge_daemon_start CONFIG [ARGUMENTS...]: the same in the background, and waits until it is ready.
edge_daemon_start() {
	lab_start sluiced lb "$LAB_OUT/bin/sluiced" --config "$1" --instance "$LAB_PREFIX" \
		--run-dir "$LAB_DIR/run" --state-dir "$LAB_DIR/state" "${@:2}"
	wait_for 10 edge_is_ready
}

edge_socket() {
	echo "$LAB_DIR/run/$LAB_PREFIX/control.sock"
}

edge_is_ready() {
	curl -sf -o /dev/null --max-time 2 --unix-socket "$(edge_socket)" http://sluice/v1/ready
}

# edge_ctl ARGUMENTS...: sluicectl of this lab, where its daemon runs.
edge_ctl() {
	lab_in lb "$LAB_OUT/bin/sluicectl" --instance "$LAB_PREFIX" --socket "$(edge_socket)" "$@"
}

# edge_ctl_offline ARGUMENTS...: the same for what works on the pinned maps; naming a socket would
# ask for the daemon behind it.
edge_ctl_offline() {
	lab_in lb "$LAB_OUT/bin/sluicectl" --instance "$LAB_PREFIX" "$@"
}

# edge_api METHOD PATH [CURL ARGUMENTS...]: prints "STATUS BODY".
edge_api() {
	local method=$1 path=$2
	shift 2
	curl -s --max-time 10 -X "$method" -w '\n%{http_code}' --unix-socket "$(edge_socket)" "$@" \
		"http://sluice$path" | awk '{ line[NR] = $0 }
			END { printf "%s ", line[NR]; for (i = 1; i < NR; i++) print line[i] }'
}

# edge_get PATH: prints what the API answers; fails when that is an error.
edge_get() {
	curl -sf --max-time 5 --unix-socket "$(edge_socket)" "http://sluice$1"
}

# edge_member SERVICE ADDRESS FIELD: one field of a member, as JSON gives it.
edge_member() {
	edge_ctl --json service show "$1" |
		jq -r --arg a "$2" --arg f "$3" '.pools[].members[] | select(.address == $a) | .[$f]'
}

edge_member_is() {
	[ "$(edge_member "$1" "$2" state)" = "$3" ]
}

# Every slot has the owner of new connections that it should have.
edge_is_settled() {
	edge_ctl --json stats | jq -e .settled
}

# edge_build NUMBER [SERVE]: the whole site: router, balancer, two clients, attacker, as many backends
# as asked for.
edge_build() {
	local number
	edge_router
	edge_balancer
	edge_client 1
	edge_client 2
	edge_host atk out 66
	for number in $(seq 1 "$1"); do
		edge_backend "$number" "${2:-edge_serve}"
	done
}
