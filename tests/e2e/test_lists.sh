#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Access lists with real traffic: who is denied, exempt or allowed, and that nobody locks himself out.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 1
BLOCK=$LAB_DIR/block.txt
cat > "$BLOCK" <<-END
	# a list as they come
	203.0.113.0/26 ; a comment
	2001:db8:c1::/48
END
config() { # LIST-LINES...
	cat > "$E2E_CONFIG" <<-END
		version: 1
		interfaces: [eth0]
		management: {prefixes: [198.51.100.12, "2001:db8:51::12"]}
		services:
		  web: {listen: "tcp $EDGE_WEB:80", mode: l2, limits: [strict], members: [10.99.0.21]}
		  web6: {listen: "tcp [$EDGE_WEB6]:80", mode: l2, members: ["2001:db8:99::21"]}
		  inner: {listen: "tcp $EDGE_WEB:8080", mode: l2, allow: [office], members: [10.99.0.21]}
		limits:
		  strict: {count: new-connections, rate: 1000/s, mode: enforce}
		lists:
		  blocked: {action: deny, file: $BLOCK}
		  partners: {action: exempt}
		  office: {action: allow, prefixes: ["203.0.113.64/26"]}
	END
	printf '%s\n' "$@" >> "$E2E_CONFIG"
}
config
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving

# get NS SOURCE URL: one request from this address.
get() {
	lab_in "$1" curl -sf -o /dev/null --max-time 1 --interface "$2" "$3"
}
# refused NAME NS SOURCE URL: it is dropped.
refused() {
	if get "${@:2}"; then tap_not_ok "$1" "it was served"; else tap_ok "$1"; fi
}

tap_run "a source in no list is served" get c1 203.0.113.80 "http://$EDGE_WEB/"
refused "a source in the file is denied" c1 203.0.113.7 "http://$EDGE_WEB/"
tap_run "IPv6: another client is served" get c2 2001:db8:c2::7 "http://[$EDGE_WEB6]/"
refused "IPv6: a source in the file is denied" c1 2001:db8:c1::7 "http://[$EDGE_WEB6]/"
tap_run "an allow list admits its sources" get c1 203.0.113.80 "http://$EDGE_WEB:8080/"
refused "and nobody else" c2 198.51.100.12 "http://$EDGE_WEB:8081/"
tap_match "where names the list" "$(edge_ctl where "tcp 203.0.113.7:4711 > $EDGE_WEB:80")" \
	'deny list blocked'
tap_match "and what is passed in spite of it" \
	"$(edge_ctl where "tcp 203.0.113.7:4711 > 10.99.0.10:179")" 'in deny list blocked, but passed: BGP'
tap_match "which a source port alone is not" \
	"$(edge_ctl where "tcp 203.0.113.7:179 > 10.99.0.10:2222")" 'dropped: .* deny list blocked'
tap_match "list show has the entries" "$(edge_ctl list show blocked)" '203\.0\.113\.0/26'
tap_is "refusals are counted for the list" \
	"$(($(edge_ctl --json list show blocked | jq .refused) > 0))" 1

# By command: add with a time to live, exempt, remove.
tap_run "an entry for three seconds" edge_ctl list add blocked 203.0.113.80 --ttl 3s --comment "test"
refused "denies at once" c1 203.0.113.80 "http://$EDGE_WEB/"
tap_match "and shows its comment" "$(edge_ctl list show blocked)" '203\.0\.113\.80/32 +command +(in [123] s|now) +test'
tap_run "it leaves by itself" wait_for 8 get c1 203.0.113.80 "http://$EDGE_WEB/"
tap_run "an exempt entry" edge_ctl list add partners 203.0.113.7
tap_run "overrides the deny list" get c1 203.0.113.7 "http://$EDGE_WEB/"
tap_run "is removed" edge_ctl list remove partners 203.0.113.7
refused "which denies again" c1 203.0.113.7 "http://$EDGE_WEB/"
tap_fails "what the file says is not removed by command" 6 'in the configuration' \
	edge_ctl list remove blocked 203.0.113.0/26

# Nobody locks himself out.
tap_fails "deny 0.0.0.0/0 is refused" 6 'management prefix' edge_ctl list add blocked 0.0.0.0/0
tap_fails "so is the caller's own address" 6 'where you are' \
	env SSH_CONNECTION="192.168.77.7 40000 10.99.0.10 22" \
	nsenter --net=/run/netns/"$LAB_PREFIX-lb" "$LAB_OUT/bin/sluicectl" --instance "$LAB_PREFIX" \
	--socket "$(edge_socket)" list add blocked 192.168.77.0/24
tap_fails "so is a gateway" 6 'gateway' edge_ctl list add blocked 10.99.0.1
tap_fails "so is this host" 6 'own address' edge_ctl list add blocked 10.99.0.10
tap_fails "so is a member" 6 'member' edge_ctl list add blocked 10.99.0.21
printf '192.0.2.0/24\n198.51.100.0/24\n' > "$LAB_DIR/import.txt"
tap_fails "so is an imported list with the management prefix" 6 '198.51.100.0/24 \(line 2\)' \
	edge_ctl list import blocked "$LAB_DIR/import.txt"
tap_is "and nothing of it was loaded" "$(edge_ctl --json list show blocked | jq .entries_runtime)" 0

tap_run "forced, everybody is denied" edge_ctl list add blocked 0.0.0.0/0,::/0 --force
refused "a client is" c1 203.0.113.80 "http://$EDGE_WEB/"
tap_run "management still works" get c2 198.51.100.12 "http://$EDGE_WEB/"
tap_run "over IPv6, too" get c2 2001:db8:51::12 "http://[$EDGE_WEB6]/"
tap_run "management reaches this host itself" lab_in c2 ping -c 1 -W 2 10.99.0.10
lab_in lb ip neigh flush dev eth0
sleep 1.5
tap_run "members are still checked and serve" e2e_all_serving

# Runtime entries survive a restart; replacing them is one step.
tap_run "an entry that expires while no daemon runs" edge_ctl list add partners 203.0.113.80 --ttl 1s
lab_stop sluiced TERM
sleep 1
refused "without a daemon they are denied, too" c1 203.0.113.81 "http://$EDGE_WEB/"
tap_run "management works without a daemon" get c2 198.51.100.12 "http://$EDGE_WEB/"
tap_run "the daemon starts again" edge_daemon_start "$E2E_CONFIG"
tap_is "with the entries" "$(edge_ctl --json list show blocked | jq .entries_runtime)" 2
echo '203.0.113.64/28' > "$LAB_DIR/replace.txt"
tap_is "but not the one whose time is over" \
	"$(edge_ctl --json list show partners | jq .entries_runtime)" 0
tap_match "status -v shows the lists" "$(edge_ctl status -v)" '^blocked +deny +'
tap_run "list replace" edge_ctl list replace blocked "$LAB_DIR/replace.txt"
tap_run "admits the others" get c1 203.0.113.90 "http://$EDGE_WEB/"
refused "and denies the new ones" c1 203.0.113.70 "http://$EDGE_WEB/"
tap_run "bypass lists" edge_ctl bypass lists --for 30s
tap_run "lets them pass" get c1 203.0.113.70 "http://$EDGE_WEB/"
would_refuse() { edge_ctl --json list show blocked | jq -e '.would_refuse > 0'; }
tap_run "and counts them" wait_for 10 would_refuse # the daemon reads counters now and then
tap_match "where says so" "$(edge_ctl where "tcp 203.0.113.70:4711 > $EDGE_WEB:80")" \
	'in deny list blocked, but passed: bypass'
tap_run "bypass none" edge_ctl bypass none

# A service that allowed one list only allows everybody when it names none, and the way back; by reload,
# and by the text that try hands to the API.
inner() { get c1 198.51.100.11 "http://$EDGE_WEB:8080/"; }
inner_is_closed() { ! inner; }
tap_run "a source that is not in the list is refused" inner_is_closed
sed 's/ allow: \[office\],//' "$E2E_CONFIG" > "$LAB_DIR/open.yaml"
cp "$E2E_CONFIG" "$LAB_DIR/closed.yaml"
tap_run "a trial without the list" edge_ctl try "$LAB_DIR/open.yaml" --for 60s
tap_run "admits it" wait_for 5 inner
tap_match "where says the same" "$(edge_ctl where "tcp 198.51.100.11:4711 > $EDGE_WEB:8080")" 'forwarded'
tap_run "undone" edge_ctl undo
tap_run "it is refused again" wait_for 5 inner_is_closed
cp "$LAB_DIR/open.yaml" "$E2E_CONFIG"
tap_run "a reload without the list" edge_ctl reload
tap_run "admits it, too" wait_for 5 inner
sed '/office: /d' "$LAB_DIR/open.yaml" > "$E2E_CONFIG"
tap_run "and one without the list itself" edge_ctl reload
tap_run "still does" inner
cp "$LAB_DIR/closed.yaml" "$E2E_CONFIG"
tap_run "a reload with both" edge_ctl reload
tap_run "refuses it" wait_for 5 inner_is_closed
tap_run "and admits who is in the list" get c1 203.0.113.80 "http://$EDGE_WEB:8080/"

# What stays is written by save, what expires is left out.
DROPIN=${E2E_CONFIG%.yaml}.d/90-runtime.yaml
runtime() { edge_ctl --json list show "$1" | jq .entries_runtime; }
edge_ctl list add blocked 203.0.113.120 --ttl 10m > /dev/null
edge_ctl list add partners 203.0.113.99 --comment "Müller # Co" > /dev/null
edge_ctl node standby > /dev/null
tap_match "diff tells both kinds" "$(edge_ctl diff)" 'list blocked: 1 prefix added, 1 more for a time'
tap_match "and the role" "$(edge_ctl diff)" 'node: standby \(active in the file\)'
tap_is "status counts the same" "$(edge_ctl --json status | jq .node.runtime_change_count)" 3
saved=$(edge_ctl save)
tap_match "save writes what stays" "$saved" '^saved 3 changes to '
tap_match "and names what it leaves out" "$saved" 'left out: list blocked: 1 entry with a time to live'
tap_match "the comment is in the file" "$(cat "$DROPIN")" '203.0.113.99/32" # Müller # Co'
tap_match "diff has only that left" "$(edge_ctl diff)" 'list blocked: 1 prefix added for a time'
tap_is "the list is the file's" "$(runtime blocked) $(runtime partners)" "1 0"
refused "which denies as before" c1 203.0.113.70 "http://$EDGE_WEB/"
tap_fails "and is not for list remove" 6 'in the configuration' edge_ctl list remove blocked 203.0.113.64/28
edge_ctl node active > /dev/null
tap_match "saved again: the role is active once more" "$(edge_ctl save)" '^saved 2 changes'
lab_stop sluiced KILL
edge_ctl_offline detach > /dev/null 2>&1
tap_run "a start from nothing" edge_daemon_start "$E2E_CONFIG"
tap_is "knows what expires" "$(runtime blocked) $(runtime partners)" "1 0"
tap_is "and is active" "$(edge_ctl --json status | jq -r .node.role)" active
tap_run "all members serve again" wait_for 10 e2e_all_serving
refused "and denies what the drop-in says" c1 203.0.113.70 "http://$EDGE_WEB/"
echo 203.0.113.1 >> "$BLOCK"
tap_fails "a list file that was edited: not saved" 6 'reload first' edge_ctl save
sed -i '$d' "$BLOCK"
tap_run "an entry that the guard refuses in a file" edge_ctl list add blocked 10.99.0.10 --force
tap_fails "is not saved" 6 'guard: disabled' edge_ctl save
tap_run "and stays what it was" grep -q 203.0.113.64/28 "$DROPIN"
rm -r "${DROPIN%/*}"
edge_ctl reload > /dev/null
tap_run "list replace after it" edge_ctl list replace blocked "$LAB_DIR/replace.txt"

# What large bodies took is given back: 25 MB, most of it comments.
memory_kb() { awk '/^RssAnon/ { print $2 }' "/proc/$(head -n 1 "$(dirname "$(edge_socket)")/lock")/status"; }
memory_is_back() { [ "$(memory_kb)" -lt $((memory + 16384)) ]; }
seq 0 59999 | awk -v p="$(printf '%0400d' 0)" \
	'{ printf "%d.%d.%d.0/24 # %s\n", 20 + $1 / 65536, $1 / 256 % 256, $1 % 256, p }' > "$LAB_DIR/padded.txt"
sleep 2 # what the start took
memory=$(memory_kb)
for _ in 1 2 3; do
	edge_ctl list replace blocked "$LAB_DIR/padded.txt" > /dev/null
	edge_ctl --json list show blocked > /dev/null
done
tap_is "60,000 prefixes in 25 MB" "$(runtime blocked)" 60000
tap_run "their memory is given back" wait_for 10 memory_is_back
echo "# from $memory kB to $(memory_kb) kB"

# Whoever reads a large answer slowly gets all of it: 10 s and a second for each MB.
list_is_read_slowly() { # 300 kB a second
	curl -sf --limit-rate 300k --unix-socket "$(edge_socket)" \
		http://sluice/v1/lists/blocked/entries | jq -e '[.entries[] | select(.owner == "api")] | length == 60000'
}
tap_run "4.5 MB in 15 s" list_is_read_slowly
edge_ctl list replace blocked "$LAB_DIR/replace.txt" > /dev/null

# A large list, a broken one, a reload of the file alone.
seq 0 99999 | awk '{ printf "%d.%d.%d.0/24\n", 20 + $1 / 65536, $1 / 256 % 256, $1 % 256 }' \
	> "$LAB_DIR/large.txt"
start=$(date +%s%N)
tap_run "100,000 prefixes are imported" edge_ctl list import blocked "$LAB_DIR/large.txt"
echo "# in $((($(date +%s%N) - start) / 1000000)) ms"
tap_is "all of them" "$(edge_ctl --json list show blocked | jq .entries_runtime)" 100001
sed '70000s/.*/oops/' "$LAB_DIR/large.txt" > "$LAB_DIR/broken.txt"
tap_fails "garbage in line 70,000 is named" 1 'broken.txt:70000: "oops" is no IPv4 or IPv6 prefix' \
	edge_ctl list replace blocked "$LAB_DIR/broken.txt"
broken_input() { edge_ctl list import blocked - < "$LAB_DIR/broken.txt"; }
tap_fails "in standard input, too" 1 'standard input:70000: "oops"' broken_input
printf '\xef\xbb\xbf# a public list\r\n\r\n192.0.2.77 ; SBL1\r\n; x\r\n2001:db8:77::/48;SBL2' > "$LAB_DIR/odd.txt"
odd_input() { edge_ctl list import partners - < "$LAB_DIR/odd.txt"; }
tap_run "lines as other systems end them, comments, bare addresses" odd_input
tap_is "are taken as they are meant" \
	"$(edge_ctl --json list show partners | jq -r '[.list[].prefix] | join(" ")')" '192.0.2.77/32 2001:db8:77::/48'
tap_is "and changes nothing" "$(edge_ctl --json list show blocked | jq .entries_runtime)" 100001
echo '203.0.113.80' >> "$BLOCK"
tap_match "diff names the list" "$(edge_ctl diff)" 'list blocked: 100001 prefixes added'
tap_run "a reload reads the file again" edge_ctl reload
sleep 1 # the answer comes before the table of 100,000 is made
refused "and denies the new entry" c1 203.0.113.80 "http://$EDGE_WEB/"
echo 'what?' >> "$BLOCK"
tap_fails "a broken file is refused by the reload" 1 'line 5' edge_ctl reload
refused "and the list stays as it was" c1 203.0.113.80 "http://$EDGE_WEB/"
lab_stop sluiced TERM
tap_run "a start with it serves the last good one" edge_daemon_start "$E2E_CONFIG"
refused "with what the file held then" c1 203.0.113.80 "http://$EDGE_WEB/"
sed -i '/what/d' "$BLOCK"
sed -i '/^management/d' "$E2E_CONFIG"
tap_fails "a deny list without management is refused" 1 'management' edge_ctl reload
config "  all: {action: deny, prefixes: [0.0.0.0/0]}"
tap_fails "so is deny 0.0.0.0/0 in the file" 6 'guard: disabled' edge_ctl reload
tap_match "metrics know the lists" "$(edge_ctl metrics)" 'sluice_list_entries.*list="blocked"'
tap_done
