#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The doctor on real devices: it names what is wrong with the command that mends it, the command
# does mend it, what it says of drivers is what the kernel then does, and it changes nothing.
# shellcheck disable=SC2317 # functions that checks call by name
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/tap.sh
. tests/lib/lab.sh

[ "$(id -u)" -eq 0 ] || tap_skip_all "network namespaces and BPF need root"
[ -x "$LAB_OUT/bin/sluicectl" ] || lab_die "$LAB_OUT/bin/sluicectl is missing: make test-programs"
lab_init slyd

#   lb eth0 10.77.0.10 --- 10.77.0.1 eth0 sw       clients' side
#      eth1 10.78.0.10 --- 10.78.0.1 eth1          members' side
lab_ns lb sw
for number in 0 1; do
	lab_veth lb "eth$number" sw "eth$number" 1500
	lab_in lb ip address add "10.7$((7 + number)).0.10/24" dev "eth$number"
	lab_in sw ip address add "10.7$((7 + number)).0.1/24" dev "eth$number"
	lab_in lb ip address add "2001:db8:7$((7 + number))::10/64" dev "eth$number" nodad
	lab_xdp_pass sw "eth$number"
done
lab_in lb ip route add default via 10.77.0.1

CONFIG=$LAB_DIR/sluice.yaml
cat > "$CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	services:
	  web: {listen: "tcp 192.0.2.10:80", mode: l2, members: [10.78.0.1]}
END

doctor() { # ARGUMENTS...
	lab_in lb "$LAB_OUT/bin/sluicectl" --instance "$LAB_PREFIX" doctor --config "$CONFIG" "$@"
}

# find CHECK: the finding of a check, as "SEVERITY OBJECT: TEXT"; nothing when all is well.
find_of() { # CHECK [ARGUMENTS...]
	doctor --json "${@:2}" | jq -r --arg check "$1" '.findings[] |
		select(.check == $check and .severity != "fine") |
		"\(.severity) \(.object): \(.text)"'
}

fix_of() { # CHECK [ARGUMENTS...]
	doctor --json "${@:2}" | jq -r --arg check "$1" '.findings[] |
		select(.check == $check and .severity != "fine") | .fix'
}

# mends NAME CHECK PATTERN [ARGUMENTS...]: the finding is there; its fix, as it stands up to a
# remark in parentheses, makes it go away.
mends() {
	local name=$1 check=$2 pattern=$3 fix
	shift 3
	tap_match "$name" "$(find_of "$check" "$@")" "$pattern"
	fix=$(fix_of "$check" "$@")
	# shellcheck disable=SC2086 # a command line
	tap_run "$name: '$fix' works" lab_in lb ${fix%% (*}
	tap_is "$name: and mends it" "$(find_of "$check" "$@")" ""
}

state() { # of everything that the doctor looks at
	lab_in lb ip -json -details link show | jq -S 'map(del(.linkinfo, .promiscuity))'
	lab_in lb ip -json address show | jq -S 'map(.addr_info |= map(del(.valid_life_time, .preferred_life_time)))'
	lab_in lb ip neigh show | awk '{ print $1, $3 }' | sort
	lab_in lb ip route show table all | sort
	find /sys/fs/bpf | sort
}

# ---- nothing is wrong
lab_in lb ping -q -c 1 10.78.0.1 > /dev/null
lab_in lb ping -q -c 1 10.77.0.1 > /dev/null
output=$(doctor)
tap_is "a healthy host: exit status" $? 0
tap_match "a healthy host: verdict" "$output" '^OK  0 errors, 0 warnings, '
tap_match "what is fine is listed" "$output" '^fine +eth0: device, link, driver, program'
tap_match "--verbose explains it" "$(doctor -v)" '^fine +eth0: its driver runs XDP in the wanted mode$'
tap_match "forwarding is said not to matter" "$(doctor -v)" 'ip_forward does not matter'
tap_run "without a configuration, interfaces alone" \
	lab_in lb "$LAB_OUT/bin/sluicectl" doctor eth0 eth1

# ---- devices
lab_in lb ip link add br0 type bridge
lab_in lb ip link add p1 type veth peer name p2
lab_in lb ip link set p1 master br0 up
lab_in lb ip link set p2 up
lab_in lb ip link set br0 up
tap_fails "a bridge is an error" 1 'br0: is a bridge' doctor br0
tap_is "which names its ports" "$(fix_of device br0)" "interfaces: [p1]"
if lab_in lb ip link add link eth0 name eth0.5 type vlan id 5 2> /dev/null; then
	lab_in lb ip link set eth0.5 up
	tap_fails "a VLAN device is an error" 1 'eth0.5: is a VLAN device.*attach to eth0' doctor eth0.5
	tap_is "which names its parent" "$(fix_of device eth0.5)" "interfaces: [eth0]"
	mends "tags that XDP would not see" vlan '^warning eth0: takes VLAN tags off.*\(eth0.5\)'
	lab_in lb ip link delete eth0.5
else
	tap_skip "VLAN devices" "this kernel has none"
fi
lab_in lb ip link set eth0 down
mends "an interface that is down" link '^warning eth0: is down'
lab_in lb ip route add default via 10.77.0.1
wait_for 5 lab_in lb ping -q -c 1 -W 1 10.77.0.1

# ---- what it says of native XDP is what the kernel does
lab_in lb ip link add eth3 numrxqueues 1 type veth peer name far3 numtxqueues 4
lab_in lb ip link set eth3 up
lab_in lb ip link set far3 up
lab_in lb ethtool -L far3 tx 2
lab_in lb ip link add big mtu 3600 type veth peer name far4 mtu 3600
says_native() { # INTERFACE
	doctor --json "$1" | jq -r --arg name "$1" '.interfaces[] | select(.name == $name) | .xdp.native'
}
does_native() { # INTERFACE
	(lab_xdp_pass lb "$1") > /dev/null 2>&1 && lab_in lb ip link set dev "$1" xdpdrv off &&
		echo true || echo false
}
tells() { # does this kernel tell what drivers offer?
	[ "$(printf '6.3\n%s\n' "$(uname -r)" | sort -V | head -n 1)" = 6.3 ]
}
for interface in eth0 eth3 p1 br0 lo; do
	if ! tells; then
		tap_skip "$interface: native XDP" "Linux tells from 6.3 on"
		continue
	fi
	said=$(says_native "$interface")
	tap_is "$interface: native XDP is $said, as the kernel says when it is tried" \
		"$(does_native "$interface")" "$said"
done
! tells || tap_match "a veth with too few queues: why" "$(find_of driver eth3)" \
	'^error eth3: a veth runs native XDP only with as many receive queues'
tap_match "a veth with too large an MTU" "$(find_of frame-size big)" '^warning big: MTU 3600.*3506'
tap_is "which the kernel refuses indeed" "$(does_native big)" false
lab_in lb ip link set far4 mtu 3506
tap_run "$(fix_of frame-size big) works" lab_in lb ip link set dev big mtu 3506
tap_is "and then it does not" "$(does_native big)" true
lab_in lb ip link delete eth3
lab_in lb ip link delete big

# ---- another program
lab_xdp_pass lb eth0
id=$(lab_xdp_id lb eth0)
tap_fails "another XDP program is an error" 1 "eth0: another XDP program runs here: .*id $id, native" doctor
mends "another program, named" program "xdp_pass|pass.*\\(id $id, native\\)"
lab_in sw ip link set dev eth1 xdp off
! tells || tap_match "a far end without a program" "$(find_of redirect)" '^warning eth1: the far end of this veth'
lab_in sw ethtool -K eth1 gro on
tap_match "with GRO alone" "$(find_of redirect)" '^warning eth1: .*has GRO, but no XDP program'
fix=$(fix_of redirect)
tap_match "its fix names the far end" "$fix" '^sluice-decap attach eth1 --from 240.0.0.1 '
# shellcheck disable=SC2086 # a command line
tap_run "works there" lab_in sw "$LAB_OUT"/bin/${fix%% (*}
tap_is "and mends it" "$(find_of redirect)" ""
lab_in sw "$LAB_OUT/bin/sluice-decap" detach eth1
lab_in sw ethtool -K eth1 gro off
lab_xdp_pass sw eth1
! tells || tap_is "and with one" "$(find_of redirect)" ""

# ---- the host
tap_fails "bpffs that is not mounted" 1 'mount -t bpf bpf /sys/fs/bpf' \
	unshare --mount bash -c 'while umount -l /sys/fs/bpf; do :; done 2> /dev/null; exec "$@"' - \
	nsenter --net="/run/netns/$LAB_PREFIX-lb" "$LAB_OUT/bin/sluicectl" doctor eth0
tap_fails "bpffs that is read-only" 1 'mount -o remount,rw /sys/fs/bpf' \
	unshare --mount bash -c 'mount -o remount,bind,ro /sys/fs/bpf; exec "$@"' - nsenter \
	--net="/run/netns/$LAB_PREFIX-lb" "$LAB_OUT/bin/sluicectl" doctor eth0
map_bytes() { # LIMIT_SOURCES
	sed "s/^version: 1/version: 1\ncapacity: {limit_sources: $1}/" "$CONFIG" > "$LAB_DIR/sizes.yaml"
	CONFIG=$LAB_DIR/sizes.yaml doctor --json | jq .host.map_bytes
}
tap_is "memory for maps is counted: eight bytes a source" \
	"$(($(map_bytes 8388608) - $(map_bytes 4194304)))" $((4194304 * 8))
little_memory() { # COMMAND...
	printf 'MemTotal: %d kB\nMemAvailable: 4096 kB\n' $((1 << 30)) > "$LAB_DIR/meminfo"
	unshare --mount bash -c "mount --bind '$LAB_DIR/meminfo' /proc/meminfo; exec \"\$@\"" - "$@"
}
tap_match "too little memory for them is a warning" "$(little_memory "$LAB_OUT/bin/sluicectl" \
	--instance "$LAB_PREFIX" doctor lo --config "$CONFIG")" 'maps take [0-9]+ MiB, 4 of 1048576 MiB'
tap_match "check warns of it, too" "$(little_memory "$LAB_OUT/bin/sluicectl" --instance "$LAB_PREFIX" \
	check "$CONFIG")" '^warning: the maps take [0-9]+ MiB, 4 of 1048576 MiB .*: lower .capacity'
tap_is "and of nothing with enough" "$("$LAB_OUT/bin/sluicectl" --instance "$LAB_PREFIX" --json \
	check "$CONFIG" | jq -c .warnings)" "[]"

# ---- addresses, next hops, MTU, reverse path
lab_in lb ip address add 192.0.2.10/24 dev eth1
mends "a service address that is local" addresses '^error web: 192.0.2.10 is an address of this host'
lab_in lb ip route flush cache
cat > "$LAB_DIR/paths.yaml" <<-END
	version: 1
	interfaces: [eth0]
	services:
	  lost: {listen: "tcp 192.0.2.20:80", mode: ipip, members: [2001:db8:dead::1]}
	  dumb: {listen: "tcp 192.0.2.21:80", mode: l2, members: [10.78.0.99]}
	  far: {listen: "tcp 192.0.2.22:80", mode: l2, members: [198.51.100.9]}
	  six: {listen: "tcp [2001:db8:10::1]:80", mode: ipip, members: [10.78.0.1]}
	  here: {listen: "tcp 10.77.0.10:443", mode: local}
END
CONFIG=$LAB_DIR/paths.yaml
lab_in lb ip neigh replace 10.78.0.99 dev eth1 nud failed
hops=$(find_of next-hops)
tap_match "a member without a route" "$hops" '^warning lost: member 2001:db8:dead::1: no route to host'
tap_match "a member that does not answer" "$hops" \
	'^warning dumb: member 10.78.0.99 on eth1 does not answer for its MAC'
tap_match "a member behind a gateway in mode l2" "$hops" \
	'^warning far: member 198.51.100.9 is behind the gateway 10.77.0.1, but mode l2'
tap_match "a tunnel: what clients may send" "$(find_of mtu)" \
	'^note six: ipip over IPv4 adds 20 bytes: the path to 10.78.0.1 carries 1500, so clients may send 1480'
tap_match "a tunnel: the advmss to set" "$(fix_of mtu)" \
	'^on the members: sluice-backend setup ipip 2001:db8:10::1 --from 10.78.0.10 --advmss 1420; or.*eth1 mtu 1520'
fix=$(fix_of mtu)
fix=${fix#on the members: }
# shellcheck disable=SC2086 # a command line
tap_run "which the members' command understands" \
	lab_in sw deploy/backend/${fix%%; or*} --dry-run
sed -i '/dumb:/d; /far:/d' "$CONFIG"
lab_in lb ip link set eth1 mtu 1290
mends "an MTU too small for IPv6" mtu '^warning six: the path to 10.78.0.1 carries 1290 bytes, 1270 of'
lab_in lb ip link set eth1 mtu 1500
lab_in lb ip route add 10.78.0.1/32 dev eth1 mtu 1400
tap_match "a route narrower than its device: the fix names the route" "$(fix_of mtu)" \
	'ip route get 10.78.0.1 \(shows the route whose mtu is 1400\)'
lab_in lb ip route delete 10.78.0.1/32 dev eth1
if lab_in lb ip link add tun5 type ipip local 10.77.0.10 remote any 2> /dev/null; then
	lab_in lb ip link set tun5 up
	tap_is "a tunnel without a filter is fine" "$(find_of rp-filter)" ""
	lab_in lb sysctl -qw net.ipv4.conf.tun5.rp_filter=1
	mends "a tunnel with a strict reverse-path filter" rp-filter '^warning tun5: strict reverse-path'
	lab_in lb ip link delete tun5
else
	tap_skip "a tunnel with a strict reverse-path filter" "this kernel has no ipip devices"
fi
lab_in lb sysctl -qw net.ipv4.conf.eth0.rp_filter=1
tap_is "a strict filter where the default route leaves is fine" "$(find_of rp-filter)" ""
lab_in lb ip route replace default via 10.78.0.1
mends "a strict filter elsewhere, in mode local" rp-filter '^warning eth0: strict.*for here \(mode local\)'
lab_in lb ip route replace default via 10.77.0.1
echo '  four: {listen: "tcp 192.0.2.23:80", mode: l2, members: [10.78.0.1]}' >> "$CONFIG"
lab_in lb sysctl -qw net.ipv4.conf.eth1.rp_filter=1
mends "a strict filter where answers to probes come in" rp-filter \
	'^warning eth1: reverse-path filter: answers to probes of four \(192.0.2.23\).*its route to it by eth0'
lab_in lb ip route del default
mends "any filter, without a route to the service" rp-filter \
	'^warning eth1: reverse-path filter: answers to probes of .*this host has no route to it'
lab_in lb ip route replace default via 10.77.0.1
sed -i '/four:/d' "$CONFIG"

# ---- what it prints
state > "$LAB_DIR/before"
output=$(doctor br0 eth0 nothere 2>&1)
tap_is "no line is longer than 100 columns" "$(awk 'length > 100' <<< "$output")" ""
tap_match "the worst comes first" "$(sed -n 1p <<< "$output")" '^ERROR  [0-9]+ errors, '
tap_is "and is sorted" "$(awk '/^(error|warning|note|unseen|fine)/ { print $1 }' <<< "$output" | uniq |
	tr '\n' ' ')" "error warning note unseen fine "
json=$(doctor --json br0 eth0 nothere)
tap_is "--json: exit status" $? 1
tap_is "--json: errors are counted" "$(jq .errors <<< "$json")" \
	"$(jq '[.findings[] | select(.severity == "error")] | length' <<< "$json")"
tap_is "--json and text say the same" "$(jq .errors <<< "$json")" "$(grep -c '^error' <<< "$output")"
tap_is "--json: facts are those of ip" \
	"$(jq -c '.interfaces[] | select(.name == "eth0") | [.kind, .mtu, .up]' <<< "$json")" \
	"$(lab_in lb ip -json -details link show eth0 | jq -c '.[0] | [.linkinfo.info_kind, .mtu, (.flags | contains(["UP"]))]')"
tap_is "--json: and of the ports" \
	"$(jq -r '.interfaces[] | select(.name == "br0") | .members' <<< "$json")" p1

# ---- as anybody
install -m 755 "$LAB_OUT/bin/sluicectl" "$LAB_DIR/sluicectl"
chmod 644 "$CONFIG"
output=$(lab_in lb setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all \
	"$LAB_DIR/sluicectl" doctor --config "$CONFIG" 2>&1)
tap_is "without root: exit status" $? 0
tap_match "without root: what it could not see" "$output" '^unseen +host: without CAP_BPF, CAP_NET_ADMIN'
tap_match "without root: what it sees all the same" "$output" '^warning +lost: member 2001:db8:dead::1'

state > "$LAB_DIR/after"
tap_run "it changed no link, address, neighbour, route or pin" \
	diff "$LAB_DIR/before" "$LAB_DIR/after"

# ---- wrong input
tap_fails "an interface that does not exist: those that do" 1 \
	'there is no interface eht0|there are: .*eth0' doctor eht0
tap_fails "a name that cannot be one" 2 "INTERFACE: 'a/b' is not the name of a network interface" doctor a/b
tap_fails "a configuration that does not exist" 3 'cannot read /nowhere.yaml' \
	lab_in lb "$LAB_OUT/bin/sluicectl" doctor --config /nowhere.yaml eth0
printf 'version: 1\ninterfaces: [eth0]\nservices: {}\nspeed: 11\n' > "$LAB_DIR/bad.yaml"
tap_fails "a configuration with a mistake: still looks at the interface" 1 \
	'error +configuration: 1 mistake, the first: .*bad.yaml:4' \
	lab_in lb "$LAB_OUT/bin/sluicectl" doctor --config "$LAB_DIR/bad.yaml" eth0
if [ -e /etc/sluice/sluice.yaml ]; then
	tap_skip "no interface at all" "this host has a configuration"
else
	tap_fails "no interface at all" 2 'no interface is named' lab_in lb "$LAB_OUT/bin/sluicectl" doctor
fi

# ---- the daemon asks before it attaches, and tells all of it when attaching fails
SOCKET=$LAB_DIR/run/$LAB_PREFIX/control.sock
is_ready() {
	curl -sf -o /dev/null --max-time 2 --unix-socket "$SOCKET" http://sluice/v1/ready
}
CONFIG=$LAB_DIR/daemon.yaml
cat > "$CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	services:
	  web: {listen: "tcp 192.0.2.10:80", mode: ipip, members: [10.78.0.1]}
END
lab_in lb sysctl -qw net.ipv4.conf.eth0.rp_filter=0
lab_xdp_pass lb eth0
output=$(lab_in lb timeout 10 "$LAB_OUT/bin/sluiced" --config "$CONFIG" --instance "$LAB_PREFIX" \
	--run-dir "$LAB_DIR/run" 2>&1)
tap_is "a start onto another program: exit status" $? 1
tap_match "the log has the doctor's error, with the fix" "$output" \
	'doctor: error: eth0: another XDP program.*\(ip link set dev eth0 xdpdrv off'
tap_match "and notes about what was not the cause" "$output" 'doctor: note: web: ipip over IPv4 adds 20'
lab_in lb ip link set dev eth0 xdp off
tap_match "a start without bpffs: the whole report, too" \
	"$(unshare --mount bash -c 'while umount -l /sys/fs/bpf; do :; done 2> /dev/null; exec "$@"' - \
		nsenter --net="/run/netns/$LAB_PREFIX-lb" "$LAB_OUT/bin/sluiced" --config "$CONFIG" \
		--instance "$LAB_PREFIX" --run-dir "$LAB_DIR/run" 2>&1)" \
	'doctor: error: host: no bpffs is mounted.*mount -t bpf'
lab_start sluiced lb "$LAB_OUT/bin/sluiced" --config "$CONFIG" --instance "$LAB_PREFIX" \
	--run-dir "$LAB_DIR/run"
tap_run "a start onto what is fine" wait_for 10 is_ready
tap_is "the doctor knows our own program" "$(find_of program)" ""
tap_match "and that no map has to be made" "$(doctor --json)" '"map_bytes":0,'
lab_xdp_pass lb eth1
sed -i 's/\[eth0\]/[eth0, eth1]/' "$CONFIG"
output=$(lab_in lb "$LAB_OUT/bin/sluicectl" --socket "$SOCKET" reload 2>&1)
tap_is "a reload onto another program: exit status" $? 1
tap_match "the answer has the doctor's error, with the fix" "$(tr '\n' ' ' <<< "$output")" \
	'doctor: error: eth1: another XDP program.*ip link set dev eth1 xdpdrv off'
tap_is "nothing was attached elsewhere" "$(doctor --json | jq -c '[.interfaces[].program.ours]')" \
	'[true,false]'
lab_in lb ip link set dev eth1 xdp off
tap_run "after the fix the reload works" \
	lab_in lb "$LAB_OUT/bin/sluicectl" --socket "$SOCKET" reload
tap_is "and both run our program" "$(doctor --json | jq -c '[.interfaces[].program.ours]')" '[true,true]'
tap_run "detach" lab_in lb "$LAB_OUT/bin/sluicectl" --socket "$SOCKET" detach
tap_done
