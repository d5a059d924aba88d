#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Checks by http and https against servers that behave in every way; and the process that makes them:
# without rights, restarted when it dies, and never a reason to take a member out.
set -uo pipefail
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/checks.sh"

# A CA, and certificates of it that end when they should.
certificates() {
	local dir=$LAB_DIR/tls name
	mkdir -p "$dir"
	chmod 755 "$LAB_DIR" "$dir"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
		-subj /CN=ca -keyout "$dir/ca.key" -out "$dir/ca.pem" 2> /dev/null
	for name in good:20 soon:5 gone:-1; do
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=x \
			-keyout "$dir/${name%:*}.key" -out "$dir/csr" 2> /dev/null
		faketime_x509 "${name#*:}" "$dir/csr" "$dir/${name%:*}.pem"
	done
	chmod 644 "$dir"/*
}

# `openssl ca` takes both dates: a certificate that has ended cannot be had with -days.
faketime_x509() { # DAYS CSR OUT
	local dir=$LAB_DIR/tls
	: > "$dir/index"
	openssl rand -hex 8 > "$dir/serial"
	cat > "$dir/ca.cnf" <<-END
		[ca]
		default_ca = x
		[x]
		database = $dir/index
		serial = $dir/serial
		new_certs_dir = $dir
		default_md = sha256
		policy = p
		x509_extensions = e
		[p]
		commonName = supplied
		[e]
		subjectAltName = DNS:www.example.net
	END
	openssl ca -batch -config "$dir/ca.cnf" -cert "$dir/ca.pem" -keyfile "$dir/ca.key" -in "$2" \
		-out "$3" -notext -startdate "$(date -ud '-10 days' +%Y%m%d%H%M%SZ)" \
		-enddate "$(date -ud "$1 days" +%Y%m%d%H%M%SZ)" 2> /dev/null ||
		lab_die "openssl makes no certificate"
}

serve() { # PORT [NAME]
	local -a tls=()
	[ $# -eq 1 ] || tls=("$LAB_DIR/tls/$2.pem" "$LAB_DIR/tls/$2.key")
	lab_start "probed-$1" b1 python3 "$LAB_ROOT/tests/lib/probed.py" "$1" "${tls[@]}"
	wait_for 5 grep -q ready "$LAB_DIR/probed-$1.log" || lab_die "the server does not start"
}

e2e_begin 2
certificates
serve 9000
serve 9001 good
serve 9002 soon
serve 9003 gone
echo 200 > "$LAB_DIR/state"
chmod 644 "$LAB_DIR/state"
checks_begin
CA="ca: $LAB_DIR/tls/ca.pem"
check_row ok up "" "type: http, port: 9000, path: /status/204"
check_row ok6 up "" "type: http, port: 9000, path: /status/200" 2001:db8:99::21
check_row redirect up "" "type: http, port: 9000, path: /status/302, expect: 300-399"
check_row error down "status 500" "type: http, port: 9000, path: /status/500"
check_row body up "" "type: http, port: 9000, path: /body/all-is-well, body: all-is-well"
check_row nobody down "status 200, but its body lacks" "type: http, port: 9000, path: /body/x, body: all-is-well"
check_row cut down "status 200, but its body lacks .* in what was read" "type: http, port: 9000, path: /body/all-is-well, body: all-is-well, read: 1000"
check_row host up "" "type: http, port: 9000, path: /host, host: www.example.net, body: www.example.net"
check_row head up "" "type: http, port: 9000, path: /status/200, method: HEAD"
check_row options up "" "type: http, port: 9000, path: /method, method: OPTIONS, body: OPTIONS"
check_row slow up "" "type: http, port: 9000, path: /slow/200"
check_row late down "no answer within 400 ms" "type: http, port: 9000, path: /slow/900"
check_row hang down "no answer within 400 ms" "type: http, port: 9000, path: /hang"
check_row headers down "(headers of more than 65536 bytes|Too large)" "type: http, port: 9000, path: /headers"
check_row endless up "" "type: http, port: 9000, path: /endless"
check_row garbage down "Received HTTP/0.9" "type: http, port: 9000, path: /garbage"
check_row refused down "connection refused" "type: http, port: 9999"
check_row nowhere down "(connect timeout|host unreachable)" "type: http, port: 9000, via: member" 10.99.0.77
check_row noway unknown "check not possible from here: no next hop" "type: http, port: 9000" 10.99.0.78
check_row tls up "" "type: https, port: 9001, host: www.example.net, $CA, path: /status/200"
check_row sni up "" "type: https, port: 9001, host: x.example, sni: www.example.net, $CA, path: /host, body: x.example"
check_row soon up "" "type: https, port: 9002, sni: www.example.net, $CA, path: /status/200"
check_row wrongname down ".*(alternative certificate subject name|no alternative)" "type: https, port: 9001, host: other.example, $CA, path: /status/200"
check_row untrusted down ".*certificate" "type: https, port: 9001, host: www.example.net, path: /status/200"
check_row gone down ".*certificate has expired" "type: https, port: 9003, host: www.example.net, $CA, path: /status/200"
check_row unverified up "" "type: https, port: 9003, verify: disabled, path: /status/200"
check_row notls down "no TLS handshake within 400 ms" "type: https, port: 9000, verify: disabled"
echo nonsense > "$LAB_DIR/tls/nonsense.pem"
chmod 644 "$LAB_DIR/tls/nonsense.pem"
check_row noca unknown "check not possible from here: .*(CA|verify locations|certificate|trust anchors)" "type: https, port: 9001, ca: $LAB_DIR/tls/nonsense.pem"
check_row changes up "" "type: http, port: 9000, path: /file$LAB_DIR/state"
sed "s,nonsense.pem,none.pem," "$E2E_CONFIG" > "$LAB_DIR/none.yaml"
tap_fails "a file of certificates that is not there is refused" 1 \
	'services.noca.check.ca: .*none.pem: No such file or directory .write the path of a file' edge_ctl check "$LAB_DIR/none.yaml"
BUNDLE=$(curl-config --ca)
lab_start opens lb python3 "$LAB_ROOT/tests/lib/count_opens.py" "$BUNDLE"
wait_for 5 grep -q ready "$LAB_DIR/opens.log" || lab_die "no inotify on $BUNDLE"
e2e_start

checks_report
tap_match "a pass says how long its parts took" "$(edge_ctl member show tls 10.99.0.21)" \
	'check +https.*connect [0-9.]+ [mu]?s, TLS [0-9.]+ [mu]?s, first byte [0-9.]+ [mu]?s'
tap_match "and when the certificate ends" "$(edge_ctl member show tls 10.99.0.21)" \
	'certificate +ends .*in (19|20) d'
tap_match "status tells of the one that ends soon" "$(edge_ctl status -v)" \
	'10\.99\.0\.21.*certificate.*ends in [45] d'
tap_match "so does an event" "$(edge_ctl events)" 'member_certificate.*soon/default/.*ends'

# Reading a hundred certificates takes longer than all else of a probe: it is not done for each.
results() { # SERVICE RESULT
	edge_ctl metrics | awk -v s="lb_service=\"$1\"" -v r="result=\"$2\"" \
		'index($1, "sluice_member_checks_total{") == 1 && index($1, s) && index($1, r) { print $2 }'
}
many_https() {
	[ "$(results untrusted fail)" -ge 8 ] && [ "$(results unverified pass)" -ge 8 ]
}
tap_run "many probes by https" wait_for 20 many_https
lab_stop opens
if curl-config --checkfor 7.87.0 > /dev/null; then
	tap_between "the system's certificates are read once, not for each" "$(tail -n 1 "$LAB_DIR/opens.log")" 1 4
else
	tap_skip "the system's certificates are read once, not for each" "libcurl keeps none before 7.87"
fi

pid=$(checks_worker)
user=$(id -u sluice-check 2> /dev/null || echo 65534)
tap_match "the process that reads answers is nobody's" \
	"$(grep -E '^[UG]id:' "/proc/$pid/status" | cut -f2- | tr '\t\n' '  ')" "^($user ){4}([1-9][0-9]* ){4}\$"
tap_is "and has no capabilities" \
	"$(grep -cE '^Cap(Inh|Prm|Eff|Bnd|Amb):.0000000000000000$' "/proc/$pid/status")" 5
tap_is "nor can it get any" "$(grep NoNewPrivs "/proc/$pid/status" | cut -f2)" 1
tap_is "its parent neither" \
	"$(grep -cE '^Cap(Inh|Prm|Eff|Bnd|Amb):.0000000000000000$' "/proc/$(checks_watcher)/status")" 5
tap_is "it holds no BPF descriptor" \
	"$(find "/proc/$pid/fd" "/proc/$(checks_watcher)/fd" -lname '*bpf*' 2> /dev/null | wc -l)" 0

# A crash loses probes, no member.
for _ in 1 2 3; do
	pid=$(checks_worker)
	kill -SEGV "$pid"
	wait_for 5 checks_is_replaced "$pid" || break
done
tap_run "killed three times, it runs again" checks_worker
tap_is "the members did not notice" "$(edge_member ok 10.99.0.21 health)" up
tap_match "status does" "$(edge_ctl status)" 'sluice-check was ended by signal 11'
tap_match "metrics count it" "$(edge_ctl metrics)" '^sluice_checker_deaths_total [3-9]'
echo 503 > "$LAB_DIR/state"
tap_run "and what happens next is seen" wait_for 5 checks_health_is changes down
echo 200 > "$LAB_DIR/state"
tap_run "both ways" wait_for 5 checks_health_is changes up

# It hangs.
kill -STOP "$(checks_worker)"
tap_run "one that does not answer is replaced" wait_for 20 \
	grep -q "sluice-check does not answer" "$LAB_DIR/sluiced.log"
tap_run "the members still did not notice" checks_health_is ok up
echo 503 > "$LAB_DIR/state"
tap_run "and probes go on" wait_for 10 checks_health_is changes down

# The parent process dies, too: as root without CAP_SETUID, sluiced cannot begin another.
pid=$(checks_worker)
kill -KILL "$(checks_watcher)"
wait_for 10 checks_status_says "blind until it runs"
tap_match "without its parent, status says what helps" "$(edge_ctl status | tr -s "\n " " ")" "restart sluiced"
tap_run "members stay as they were" checks_health_is ok up
# With the next probe of each.
checks_text_says() { # PATTERN
	grep -q "$1" <<< "$(edge_member ok 10.99.0.21 health_text)"
}
tap_run "their checks say why they are blind" wait_for 5 \
	checks_text_says "check not possible from here: sluice-check"
tap_match "undecided probes are counted apart" "$(edge_ctl metrics)" \
	'sluice_member_checks_total\{lb_service="ok".*"undecided"\} [1-9]'
lab_stop sluiced TERM
tap_run "nothing is left of it" wait_for 5 lab_is_gone "$pid"
tap_done
