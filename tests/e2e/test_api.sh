#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The control socket under all that may come in over it, and who may do what.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 2
cat > "$E2E_CONFIG" <<-END
	version: 1
	interfaces: [eth0]
	services:
	  web: {listen: "tcp $EDGE_WEB:80", mode: l2, members: [10.99.0.21, 10.99.0.22]}
	limits:
	  per-client: {count: new-connections, rate: 50/s, mode: shadow}
END
e2e_start
tap_run "all members serve" wait_for 10 e2e_all_serving
MEMBER=/v1/services/web/pools/-/members/10.99.0.22

answers() { # NAME PATTERN METHOD PATH [CURL ARGUMENTS...]
	tap_match "$1" "$(edge_api "${@:3}")" "$2"
}

answers "version" '^200 .*"api"' GET /v1/version
answers "status" '^200 .*"state": ?"ok"' GET /v1/status
answers "a member, by address" '^200 .*"10.99.0.22"' GET "$MEMBER"
answers "operations list themselves" '^200 .*"/v1/operations"' GET /v1/operations
answers "OpenAPI" '^200 .*"openapi": ?"3' GET /v1/openapi.json

answers "an unknown path is 404" '^404 .*"not_found"' GET /v1/nothing
answers "an unknown service is 404 and a suggestion" '^404 .*web' GET /v1/services/wep
answers "an unknown method is 405" '^405 .*"method_not_allowed"' PATCH /v1/status
answers "a method that nobody knows is 405" '^405 .*"method_not_allowed"' BREW /v1/status
answers "DELETE of what cannot be deleted is 405" '^405 ' DELETE /v1/status
answers "broken JSON is 400" '^400 .*"syntax"' PUT "$MEMBER/weight" --data '{"weight":'
answers "an unknown field is refused" '^4(00|22) .*wieght' PUT "$MEMBER/weight" --data '{"wieght":1}'
answers "a duplicate key is refused" '^4(00|22) ' PUT "$MEMBER/weight" --data '{"weight":1,"weight":2}'
answers "a wrong type is refused" '^4(00|22) .*weight' PUT "$MEMBER/weight" --data '{"weight":"much"}'
answers "a weight out of range is refused" '^4(00|22) .*65535' PUT "$MEMBER/weight" --data '{"weight":65536}'
answers "a negative weight is refused" '^4(00|22) ' PUT "$MEMBER/weight" --data '{"weight":-1}'
answers "no body is refused" '^4(00|22) ' PUT "$MEMBER/weight"
answers "a name of bytes that are no text is 404" '^404 .*"not_found"' GET /v1/services/%ff
answers "such a revision is refused" '^4[0-9][0-9] .*"code"' PUT "$MEMBER/weight" \
	--data '{"weight":1}' -H $'If-Match: "\xff"'
long=a$(printf 'é%.0s' {1..80})
answers "a long field that is quoted in part is refused" '^4(00|22) .*unknown' \
	PUT "$MEMBER/weight" --data "{\"$long\":1}"
answers "so is a configuration" '^422 .*"line"' POST /v1/config/check \
	--data-binary $'version: 1\nservices: {web: {mode: "'"$long"'"}}'
deep=$(python3 -c 'print("[" * 40 + "]" * 40)')
answers "deep nesting is refused" '^4(00|22) ' PUT "$MEMBER/weight" --data "{\"weight\":$deep}"
head -c 2000000 /dev/zero | tr '\0' ' ' > "$LAB_DIR/big"
answers "a body of 2 MB is 413" '^413 .*"too_large"' PUT "$MEMBER/weight" -H 'Expect:' --data-binary "@$LAB_DIR/big"
answers "the same at a path that is none is 404" '^404 .*"not_found"' \
	PUT /v1/nothing -H 'Expect:' --data-binary "@$LAB_DIR/big"
answers "a body of 2 MB, announced, is 413" '^413 .*"too_large"' \
	PUT "$MEMBER/weight" -H 'Expect: 100-continue' --data-binary "@$LAB_DIR/big"
answers "a member of another family is refused" '^4(00|22|09) .*2001:db8' \
	PUT "/v1/services/web/pools/-/members/2001:db8::1" --data '{"weight":1}'
answers "an address that is none is refused" '^4(00|04|22) ' PUT /v1/services/web/pools/-/members/10.99.0 --data '{}'
answers "If-Match of another revision is 412" '^412 ' PUT "$MEMBER/weight" -H 'If-Match: "999"' --data '{"weight":7}'
answers "none of it changed the weight" '^200 .*"weight": ?100' GET "$MEMBER"
answers "weight 7" '^200 .*"weight": ?7' PUT "$MEMBER/weight" --data '{"weight":7}'
first=$(edge_ctl --json status | jq .node.revision)
answers "the same again" '^200 .*"weight": ?7' PUT "$MEMBER/weight" --data '{"weight":7}'
tap_is "changes nothing" "$(edge_ctl --json status | jq .node.revision)" "$first"
answers "weight 100" '^200 ' PUT "$MEMBER/weight" --data '{"weight":100}'
answers "a configuration is checked" '^200 .*"ok": ?true' POST /v1/config/check --data-binary "@$E2E_CONFIG"
answers "a broken one is 422 with its line" '^422 .*"line": ?2' POST /v1/config/check \
	--data-binary $'version: 1\nspeed: 3\nservices: {}\ninterfaces: [eth0]\n'
answers "a burst that the clock cannot keep is 422, too" '^422 .*limits\.l\b.*burst' \
	POST /v1/config/check --data-binary $'version: 1\ninterfaces: [eth0]\nservices: {}
limits: {l: {count: packets, rate: 50000/s, burst: 1, mode: shadow}}\n'
answers "one of 2 MB is refused, and can be checked without the daemon" \
	'^413 .*"too_large".*sluicectl check FILE' POST /v1/config/check -H 'Expect:' \
	--data-binary "@$LAB_DIR/big"
answers "events have numbers" '^200 .*"seq": ?[0-9]+' GET '/v1/events?since=0'

# Raw bytes.
cat > "$LAB_DIR/raw.py" <<-'END'
	import select, socket, sys, time
	path, what = sys.argv[1:3]

	def talk(data, wait=12):
	    s = socket.socket(socket.AF_UNIX)
	    s.connect(path)
	    s.settimeout(wait)
	    try:
	        s.sendall(data)
	        return s.recv(65536)
	    except (BrokenPipeError, ConnectionResetError):
	        return b""

	def chunks(count, pause=0, size=1 << 20):
	    for _ in range(count):
	        time.sleep(pause)
	        yield b"%x\r\n" % size + b" " * size + b"\r\n"
	    yield b"0\r\n\r\n"

	def upload(target, headers, body, method="PUT"):
	    """The status of a client that sends all before it reads, or what went wrong."""
	    s = socket.socket(socket.AF_UNIX)
	    s.connect(path)
	    s.settimeout(12)
	    try:
	        s.sendall(f"{method} {target} HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n".encode())
	        for part in body:
	            s.sendall(part)
	        answer = b""
	        while b"\n\n" not in answer and b"}" not in answer:
	            data = s.recv(65536)
	            if not data:
	                return f"cut short: {answer!r}"
	            answer += data
	        return answer.split(b" ")[1].decode()
	    except OSError as error:
	        return error.strerror or "no answer"

	def flood(target):
	    """The status of a client that would send for ever, but listens."""
	    s = socket.socket(socket.AF_UNIX)
	    s.connect(path)
	    s.sendall(f"PUT {target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
	    try:
	        for part in chunks(4096):
	            if select.select([s], [], [], 0)[0]:
	                return s.recv(65536).split(b" ")[1].decode()
	            s.sendall(part)
	        return "no answer"
	    except OSError as error:
	        return error.strerror

	if what == "garbage":
	    print(talk(bytes(range(256)) * 4 + b"\r\n\r\n")[:12])
	elif what == "half":
	    start = time.monotonic()
	    answer = talk(b"PUT /v1/services/web HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", 20)
	    print("closed" if time.monotonic() - start < 19 else "open")
	elif what == "many":
	    target = path if sys.argv[3] == "socket" else ("127.0.0.1", 9464)
	    for _ in range(5): # each more than the server lets in, and all end at once
	        kept = []
	        for _ in range(200):
	            s = socket.socket(socket.AF_UNIX if target == path else socket.AF_INET)
	            s.settimeout(0.2)
	            try:
	                s.connect(target)
	            except OSError:
	                break
	            kept.append(s)
	        time.sleep(0.3)
	        for s in kept:
	            s.close()
	elif what == "chunked":
	    print(upload(sys.argv[3], "Transfer-Encoding: chunked", chunks(int(sys.argv[4]))))
	elif what == "long":
	    size = int(sys.argv[4])
	    print(upload(sys.argv[3], f"Content-Length: {size << 20}", [b" " * (1 << 20)] * size))
	elif what == "slow":
	    print(upload(sys.argv[3], "Transfer-Encoding: chunked", chunks(10, pause=0.2, size=1000)))
	elif what == "eager":
	    print(upload(sys.argv[3], f"Content-Length: {2 << 20}\r\nExpect: 100-continue", [b" " * (2 << 20)]))
	elif what == "method":
	    print(upload(sys.argv[4], f"Content-Length: {1 << 20}", [b" " * (1 << 20)], sys.argv[3]))
	elif what == "flood":
	    print(flood(sys.argv[3]))
	elif what == "header":
	    print(talk(b"GET /v1/status HTTP/1.1\r\nX: " + b"a" * 200000 + b"\r\n\r\n")[:12])
END
raw() {
	timeout 30 python3 "$LAB_DIR/raw.py" "$(edge_socket)" "$@"
}

# However a refused body is sent, and however much of it: the answer arrives.
NOWHERE=/v1/nothing
tap_is "2 MiB in chunks, to a path that is none: 404" "$(raw chunked $NOWHERE 2)" 404
tap_is "40 MiB in chunks, to a path that is none: 404" "$(raw chunked $NOWHERE 40)" 404
tap_is "40 MiB of a stated length, to a path that is none: 404" "$(raw long $NOWHERE 40)" 404
tap_is "2 MiB in chunks are too large: 413" "$(raw chunked "$MEMBER/weight" 2)" 413
tap_is "40 MiB in chunks are too large: 413" "$(raw chunked "$MEMBER/weight" 40)" 413
tap_is "40 MiB of a stated length are too large: 413" "$(raw long "$MEMBER/weight" 40)" 413
tap_is "chunks that take two seconds, to a path that is none: 404" "$(raw slow $NOWHERE)" 404
tap_is "a body that was announced, but not awaited: 413" "$(raw eager "$MEMBER/weight")" 413
tap_is "a body without end, to a path that is none: 404" "$(raw flood $NOWHERE)" 404
for method in PATCH DELETE POST GET; do
	tap_is "$method with a body, to a path that is none: 404" "$(raw method $method $NOWHERE)" 404
done
tap_is "DELETE of what cannot be deleted, with a body: 405" "$(raw method DELETE /v1/status)" 405
has_no_connections() {
	[ "$(lab_in lb ss -xH src "$(edge_socket)" | wc -l)" -eq 0 ]
}
tap_run "none of it leaves a connection open" wait_for 10 has_no_connections
raw garbage > /dev/null
tap_run "garbage is survived" edge_is_ready
tap_match "a header without end is refused" "$(raw header)" 'HTTP/1.1 4'
tap_run "and survived" edge_is_ready
raw many socket
tap_run "as many connections at once as it takes are survived" wait_for 5 edge_is_ready
lab_in lb timeout 30 python3 "$LAB_DIR/raw.py" "$(edge_socket)" many metrics
tap_run "and by the metrics, too" wait_for 5 lab_in lb curl -sf -o /dev/null --max-time 2 \
	http://127.0.0.1:9464/metrics
raw half > "$LAB_DIR/half" &
half=$!
tap_run "a half-sent request keeps nobody waiting" edge_is_ready
wait $half
tap_is "and is ended" "$(cat "$LAB_DIR/half")" closed
load=$(edge_load c1 --count 100 "http://$EDGE_WEB/")
e2e_served "traffic does not care" "$load"

# Roles, by who the peer is: without groups only root gets through; with groups, their members.
as_nobody() { # GROUP COMMAND...
	setpriv --reuid nobody --regid nogroup --groups "$1" "${@:2}"
}
may() { # GROUP METHOD PATH [DATA]: prints the HTTP status
	as_nobody "$1" curl -s --max-time 5 -X "$2" ${4:+--data "$4"} -o /dev/null \
		-w '%{http_code}' --unix-socket "$(edge_socket)" "http://sluice$3"
}
tap_is "without groups, nobody gets through" "$(may users GET /v1/status)" 000
cp "$LAB_OUT/bin/sluicectl" "$LAB_DIR/sluicectl" # where anybody may run it
tap_fails "and sluicectl says so" 5 'permission|permitted|root' as_nobody users \
	"$LAB_DIR/sluicectl" --socket "$(edge_socket)" status
echo 'access: {admin: adm, operator: operator, viewer: users}' >> "$E2E_CONFIG"
tap_run "groups come with a reload" edge_ctl reload
tap_is "a stranger may not read" "$(may nogroup GET /v1/status)" 403
tap_is "a viewer may read" "$(may users GET /v1/status)" 200
tap_is "a viewer may check" "$(may users POST /v1/config/check 'version: 1')" 422
tap_is "a viewer may not change a weight" "$(may users PUT "$MEMBER/weight" '{"weight":1}')" 403
tap_is "an operator may" "$(may operator PUT "$MEMBER/weight" '{"weight":100}')" 200
tap_is "an operator may not reload" "$(may operator POST /v1/config/reload)" 403
tap_is "an operator may not detach" "$(may operator POST /v1/detach)" 403
tap_is "an admin may reload" "$(may adm POST /v1/config/reload)" 200
answers "the weight is as it was" '^200 .*"weight": ?100' GET "$MEMBER"

# A daemon that runs has no right to give its socket to any group any more.
access() { # ROLES
	sed -i '/^access:/d' "$E2E_CONFIG"
	[ -z "$1" ] || echo "access: {$1}" >> "$E2E_CONFIG"
}
access "viewer: users"
tap_fails "so one group is refused, with the fix" 1 'restart the daemon' edge_ctl reload
tap_is "and all is as before" "$(may operator PUT "$MEMBER/weight" '{"weight":100}')" 200
access ""
tap_run "no group at all is possible" edge_ctl reload
tap_is "nobody gets through again" "$(may users GET /v1/status)" 000
access "viewer: users"
lab_stop sluiced
e2e_start
tap_is "with the group from the start, a viewer may read" "$(may users GET /v1/status)" 200
access ""
sed -i 's/^interfaces: .*/interfaces: [eth0, none0]/' "$E2E_CONFIG"
tap_fails "without the group, but a mistake" 1 'none0' edge_ctl reload
tap_is "a viewer may read still" "$(may users GET /v1/status)" 200
sed -i 's/^interfaces: .*/interfaces: [eth0]/' "$E2E_CONFIG"
tap_run "without the group" edge_ctl reload
tap_is "nobody gets through, though the socket is the group's" "$(may users GET /v1/status)" 000
tap_run "but root" edge_ctl status
access "viewer: users"
tap_run "the group comes back" edge_ctl reload
tap_is "its members may read" "$(may users GET /v1/status)" 200

# Exit codes, and what a person reads.
tap_fails "no such service" 3 'web' edge_ctl service show wep
tap_fails "no such member, with a suggestion" 3 '10\.99\.0\.2[12]' edge_ctl member weight web 10.99.0.23 5
tap_fails "no such command" 2 'usage|help|unknown' edge_ctl membr list web
tap_fails "not a number" 2 'weight|number' edge_ctl member weight web 10.99.0.22 much
tap_fails "no such daemon" 4 'sluiced' lab_in lb "$LAB_OUT/bin/sluicectl" --socket "$LAB_DIR/none.sock" status
tap_is "--json is JSON" "$(edge_ctl --json member list web | jq -r 'type')" object
tap_done
