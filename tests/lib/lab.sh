# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# Network namespaces with processes in them, and the promise that none of it stays behind.
#
# lab_init PREFIX first; everything made afterwards (namespaces PREFIX-NAME, processes, pins of the
# instances PREFIX and PREFIX-*, the directory $LAB_DIR) is removed when the shell exits, however
# it exits. Leftovers of a lab with the same prefix that was killed are removed at the start.
#
# Commands run in a namespace by `nsenter --net`: `ip netns exec` would hide the host's bpffs.

LAB_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LAB_OUT=${LAB_OUT:-$LAB_ROOT/build}
LAB_PATIENCE=${LAB_PATIENCE:-1} # times as long may all take that is waited for: for slow machines
LAB_PREFIX=""
LAB_DIR=""
LAB_LOCK="" # descriptor
declare -A LAB_PIDS=() # name → process, each the leader of a process group of its own

lab_die() {
	echo "lab: $*" >&2
	exit 1
}

# lab_init PREFIX
lab_init() {
	[ "$(id -u)" -eq 0 ] || lab_die "making network namespaces takes root: run it with sudo"
	LAB_PREFIX=$1
	lab_lock
	lab_sweep
	LAB_DIR=$(mktemp -d "/tmp/$LAB_PREFIX.XXXXXX")
	chmod 755 "$LAB_DIR" # tests become other users
	trap lab_cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	grep -qs ' /sys/fs/bpf bpf ' /proc/mounts || mount -t bpf bpf /sys/fs/bpf ||
		lab_die "cannot mount bpffs at /sys/fs/bpf; does this kernel have BPF?"
}

# Two labs with one prefix would take each other's namespaces for leftovers. The lock ends with the
# shell; processes of the lab do not hold it, so that a lab that was kept is swept by the next.
lab_lock() {
	exec {LAB_LOCK}> "/run/$LAB_PREFIX.lab.lock" || lab_die "cannot write to /run"
	flock --nonblock "$LAB_LOCK" || lab_die "another lab with prefix $LAB_PREFIX is running" \
		"(/run/$LAB_PREFIX.lab.lock is held); wait for its end"
}

lab_cleanup() {
	local name
	trap - EXIT
	trap '' INT TERM HUP
	for name in "${!LAB_PIDS[@]}"; do
		lab_stop "$name" TERM 3
	done
	lab_sweep
	rm -f "/run/$LAB_PREFIX.lab.lock"
}

# Removes namespaces (with whoever still runs in them), pins and directories of this prefix.
lab_sweep() {
	local path pids
	for path in /run/netns/"$LAB_PREFIX"-*; do
		[ -e "$path" ] || continue
		pids=$(ip netns pids "${path##*/}" 2>/dev/null) || pids=""
		# shellcheck disable=SC2086 # a list of numbers
		[ -z "$pids" ] || kill -KILL $pids 2>/dev/null
		ip netns delete "${path##*/}"
	done
	rm -rf /tmp/"$LAB_PREFIX".??????
	rm -rf /sys/fs/bpf/sluice/"$LAB_PREFIX" /sys/fs/bpf/sluice/"$LAB_PREFIX"-*
	rmdir /sys/fs/bpf/sluice 2>/dev/null
	return 0
}

# lab_in NS COMMAND...: runs a command in a namespace of the lab.
lab_in() {
	local ns=$1
	shift
	nsenter --net="/run/netns/$LAB_PREFIX-$ns" -- "$@"
}

# lab_ns NAME...: makes namespaces that keep quiet by themselves (no address detection, no router
# solicitations, no source checks that would refuse asymmetric paths).
lab_ns() {
	local name
	for name in "$@"; do
		ip netns add "$LAB_PREFIX-$name" || lab_die "cannot make namespace $LAB_PREFIX-$name"
		lab_in "$name" sysctl -qw net.ipv4.conf.all.rp_filter=0 \
			net.ipv4.conf.default.rp_filter=0 net.ipv6.conf.all.accept_dad=0 \
			net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.router_solicitations=0 \
			net.ipv6.conf.default.accept_ra=0
		lab_in "$name" ip link set lo up
	done
}

# lab_veth NS1 IF1 NS2 IF2 [MTU]: a cable. Checksums are made by the sender: an XDP program that
# sends a packet on cannot finish what the stack left to the device.
lab_veth() {
	local ns1=$1 if1=$2 ns2=$3 if2=$4 mtu=${5:-1500}
	ip link add "$if1" netns "$LAB_PREFIX-$ns1" mtu "$mtu" type veth \
		peer name "$if2" netns "$LAB_PREFIX-$ns2" mtu "$mtu" ||
		lab_die "cannot make the cable $ns1:$if1 - $ns2:$if2"
	lab_in "$ns1" ethtool -K "$if1" tx off > /dev/null 2>&1
	lab_in "$ns2" ethtool -K "$if2" tx off > /dev/null 2>&1
	lab_in "$ns1" ip link set "$if1" up
	lab_in "$ns2" ip link set "$if2" up
}

# lab_xdp_pass NS IF: a program that passes everything (see tests/lib/xdp_pass.bpf.c). By bpftool,
# because ip leaves directories of its own behind in bpffs.
lab_xdp_pass() {
	local pin=/sys/fs/bpf/$LAB_PREFIX-pass bpftool=bpftool
	[ ! -x /usr/sbin/bpftool ] || bpftool=/usr/sbin/bpftool
	"$bpftool" prog load "$LAB_OUT/bpf/xdp_pass.bpf.o" "$pin" type xdp &&
		lab_in "$1" "$bpftool" net attach xdpdrv pinned "$pin" dev "$2"
	local status=$?
	rm -f "$pin"
	[ $status -eq 0 ] || lab_die "cannot load the pass program on $1:$2"
}

# The id of the XDP program on an interface; empty when there is none.
lab_xdp_id() {
	lab_in "$1" ip -json -details link show dev "$2" | jq -r '.[0].xdp.prog.id // empty'
}

# lab_start NAME NS COMMAND...: runs in the background; output goes to $LAB_DIR/NAME.log.
lab_start() {
	local name=$1 ns=$2
	shift 2
	setsid nsenter --net="/run/netns/$LAB_PREFIX-$ns" -- "$@" \
		>> "$LAB_DIR/$name.log" 2>&1 < /dev/null {LAB_LOCK}>&- &
	LAB_PIDS[$name]=$!
}

lab_is_running() {
	[ -n "${LAB_PIDS[$1]:-}" ] && kill -0 "${LAB_PIDS[$1]}" 2>/dev/null
}

# lab_stop NAME [SIGNAL [SECONDS]]: signals the process and waits for its end; after SECONDS (5)
# it is killed with all of its group. Sets LAB_STATUS to its exit status.
# shellcheck disable=SC2034 # LAB_STATUS is for the caller
lab_stop() {
	local name=$1 signal=${2:-TERM} seconds=${3:-5} pid=${LAB_PIDS[$1]:-}
	LAB_STATUS=0
	[ -n "$pid" ] || return 0
	unset "LAB_PIDS[$name]"
	kill -s "$signal" "$pid" 2>/dev/null
	if ! wait_for "$seconds" lab_is_gone "$pid"; then
		kill -KILL -- "-$pid" 2>/dev/null || kill -KILL "$pid" 2>/dev/null
	fi
	wait "$pid" 2>/dev/null
	LAB_STATUS=$?
	kill -KILL -- "-$pid" 2>/dev/null
	return 0
}

# A zombie that we have not waited for yet is gone, too.
lab_is_gone() {
	local state
	state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null)
	[ -z "$state" ] || [ "$state" = Z ]
}

# wait_for SECONDS COMMAND...: polls until the command succeeds. Status 1 when the time is up.
wait_for() {
	local deadline=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000 * LAB_PATIENCE))
	shift
	until "$@" > /dev/null 2>&1; do
		[ "${EPOCHREALTIME/[.,]/}" -lt "$deadline" ] || return 1
		sleep 0.1
	done
}

lab_now_ms() {
	echo $((${EPOCHREALTIME/[.,]/} / 1000))
}
