/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bad configurations: each row has every error that must be reported, as "LINE CODE PATH". */
#include "unit/config_errors.h"

static void test_syntax(void **state)
{
	static const struct row ROWS[] = {
		{"", "0 syntax\n"},
		{"# only a comment\n", "0 syntax\n"},
		{"\n\n", "0 syntax\n"},
		{NONE "---\nversion: 1\n", "4 syntax\n"},
		{"version: 1\n\tinterfaces: [eth0]\n", "2 syntax\n"},
		{"version: 1\ninterfaces: [eth0\nservices: {}\n", "3 syntax\n"},
		{"version: 1\ninterfaces: [eth0", "2 syntax\n"},
		{NONE "xdp: 'native\n", "4 syntax\n"},
		{NONE "xdp: \"\\q\"\n", "4 syntax\n"},
		{NONE "{% for x in y %}\n", "4 syntax\n"},
		{NONE "  announce: none\n", "4 syntax\n"},
		{NONE "xdp: *nowhere\n", "4 syntax\n"},
		{NONE "xdp: !include x.yaml\n", "4 syntax\n"},
		{NONE "metrics: !vault {listen: disabled}\n", "4 syntax\n"},
		{NONE "xdp: \xff\xfe\n", "4 syntax\n"},
		{NONE "xdp: \x01\n", "4 syntax\n"},
		{"\xff\xfe"
		 "v\0e",
		 "1 syntax\n"},
		{NONE "<<<<<<< ours\nxdp: auto\n=======\n", "5 syntax\n"},
	};

	(void)state;
	check_rows(ROWS, ARRAY_SIZE(ROWS));
}

static void test_root(void **state)
{
	static const struct row ROWS[] = {
		{"just text\n", "1 invalid\n"},
		{"[1, 2]\n", "1 invalid\n"},
		{"{}\n", "1 invalid version\n1 invalid interfaces\n1 invalid services\n"},
		{"version: 2\ninterfaces: [eth0]\nservices: {}\n", "1 invalid version\n"},
		{"version: one\ninterfaces: [eth0]\nservices: {}\n", "1 invalid version\n"},
		{"version:\ninterfaces: [eth0]\nservices: {}\n", "1 invalid version\n"},
		{NONE "version: 1\n", "4 duplicate version\n"},
		{NONE "sevices: {}\n", "4 unknown_key sevices\n"},
		{NONE "<<: {xdp: auto}\n", "4 unknown_key <<\n"},
		{NONE "bogus: 1\nbogus: 2\n", "4 unknown_key bogus\n5 unknown_key bogus\n"},
		{NONE "instance: a b\n", "4 invalid instance\n"},
		{NONE "instance: ../x\n", "4 invalid instance\n"},
		{NONE "xdp: off\n", "4 invalid xdp\n"},
		{NONE "xdp: [native]\n", "4 invalid xdp\n"},
		{NONE "xdp: ~\n", "4 invalid xdp\n"},
		{NONE "announce: bgp\n", "4 invalid announce\n"},
		{NONE "node: {start: master}\n", "4 invalid node.start\n"},
		{NONE "node: active\n", "4 invalid node\n"},
		{NONE "routes: {table: 0}\n", "4 invalid routes.table\n"},
		{NONE "routes: {table: 254}\n", "0 invalid routes.table\n"},
		{NONE "routes: {table: 4294967296}\n", "4 invalid routes.table\n"},
		{NONE "routes: {protocol: 4}\n", "4 invalid routes.protocol\n"},
		{NONE "routes: {protocol: 256}\n", "4 invalid routes.protocol\n"},
		{NONE "routes: {stop: maybe}\n", "4 invalid routes.stop\n"},
		{FULL "    announce: bgp\n", "8 invalid services.web.announce\n"},
		{FULL "  dns: {listen: udp 192.0.2.10:53, mode: l2, announce: arp, members: []}\n",
		 "8 conflict services.dns.announce\n"},
		{HEAD "services: {w: {listen: tcp 192.0.2.1:1, mode: local, announce: arp}}\n",
		 "3 invalid services.w.announce\n"},
		{NONE "hash_seed: 1234\n", "4 invalid hash_seed\n"},
		{NONE
		 "hash_seed: g0112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n",
		 "4 invalid hash_seed\n"},
		{NONE "metrics: disabled\n", "4 invalid metrics\n"},
		{NONE "metrics: {listen: 9464}\n", "4 invalid metrics.listen\n"},
		{NONE "metrics: {listen: 127.0.0.1}\n", "4 invalid metrics.listen\n"},
		{NONE "metrics: {listen: off}\n", "4 invalid metrics.listen\n"},
		{NONE "metrics: {port: 80}\n", "4 unknown_key metrics.port\n"},
		{NONE "access: {admin: 'a b', viewer: ''}\n",
		 "4 invalid access.admin\n4 invalid access.viewer\n"},
		{NONE "outer_source: {ipv4: '2001:db8::1', ipv6: 192.0.2.1}\n",
		 "4 invalid outer_source.ipv4\n4 invalid outer_source.ipv6\n"},
		{NONE "outer_source: {ipv4: 127.0.0.1, ipv6: 'fe80::1'}\n",
		 "4 invalid outer_source.ipv4\n4 invalid outer_source.ipv6\n"},
		{NONE "capacity:\n  slots: 100000\n  members: 8\n  service_cells: 64k\n",
		 "5 invalid capacity.slots\n6 invalid capacity.members\n"
		 "7 invalid capacity.service_cells\n"},
		{"version: 1\ninterfaces: eth0\nservices: {}\n", "2 invalid interfaces\n"},
		{"version: 1\ninterfaces: []\nservices: {}\n", "2 invalid interfaces\n"},
		{"version: 1\ninterfaces:\nservices: {}\n", "2 invalid interfaces\n"},
		{"version: 1\ninterfaces: [eth0, eth1, eth0]\nservices: {}\n",
		 "2 duplicate interfaces[2]\n"},
		{"version: 1\ninterfaces: [a/b, 'a b', '', averyveryverylongname, [x], ..]\n"
		 "services: {}\n",
		 "2 invalid interfaces[0]\n2 invalid interfaces[1]\n2 invalid interfaces[2]\n"
		 "2 invalid interfaces[3]\n2 invalid interfaces[4]\n2 invalid interfaces[5]\n"},
		{"version: 1\ninterfaces: [a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q]\nservices: {}\n",
		 "2 invalid interfaces\n"},
		{"version: 1\ninterfaces: [{{ iface }}]\nservices: {}\n",
		 "2 invalid interfaces[0]\n"},
		{HEAD "services:\n", "3 invalid services\n"},
		{HEAD "services: []\n", "3 invalid services\n"},
		{HEAD "services: {{ services }}\n", "3 invalid services\n"},
		{NONE "limits:\n", "4 invalid limits\n"},
	};

	(void)state;
	check_rows(ROWS, ARRAY_SIZE(ROWS));
}

static void test_numbers(void **state)
{
	static const char *const BAD[] = {
		"-1",
		"+1",
		"010",
		"0x10",
		"1_000",
		"1e3",
		"1.5",
		"100001",
		"1:20",
		"1 0",
		"ten",
		"99999999999999999999",
		"18446744073709551617",
		"1kk",
		"1K",
		"5 k",
		"yes",
		"''",
		"18446744073709551615G",
	};
	static const char *const BAD_DURATION[] = {"2",
						   "0s",
						   "99ms",
						   "2h",
						   "1.5s",
						   "1m30s",
						   "s",
						   "02s",
						   "2 s",
						   "99999999999999999999s",
						   "18446744073709551615h"};
	static const char *const GOOD[] = {"0", "1", "100000", "'5'", "100k", "1Ki"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(BAD); i++) {
		AUTO_FREE char *text = util_printf(NONE "events_per_second: %s\n", BAD[i]);
		AUTO_FREE char *errors = errors_of(text, strlen(text), false);

		assert_string_equal(errors, "4 invalid events_per_second\n");
	}
	for (size_t i = 0; i < ARRAY_SIZE(GOOD); i++) {
		AUTO_FREE char *text = util_printf(NONE "events_per_second: %s\n", GOOD[i]);
		AUTO_FREE char *errors = errors_of(text, strlen(text), false);

		assert_string_equal(errors, "none\n");
	}
	for (size_t i = 0; i < ARRAY_SIZE(BAD_DURATION); i++) {
		AUTO_FREE char *text = util_printf(FULL "    check: {fast: %s}\n", BAD_DURATION[i]);
		AUTO_FREE char *errors = errors_of(text, strlen(text), false);

		assert_string_equal(errors, "8 invalid services.web.check.fast\n");
	}
}

static void test_services(void **state)
{
	static const struct row ROWS[] = {
		{HEAD "services: {web: ~}\n", "3 invalid services.web\n"},
		{HEAD "services: {web: [1]}\n", "3 invalid services.web\n"},
		{HEAD "services:\n  web: {}\n",
		 "4 invalid services.web.listen\n4 invalid services.web.mode\n"
		 "4 invalid services.web\n"},
		{HEAD "services:\n  -web: {}\n  'a b': {}\n",
		 "4 invalid services.-web\n5 invalid services.a b\n"},
		{FULL "  web:\n    listen: udp 192.0.2.10:80\n", "8 duplicate services.web\n"},
		{FULL "    listn: x\n    chek: tcp\n",
		 "8 unknown_key services.web.listn\n9 unknown_key services.web.chek\n"},
		{FULL "    mode: l2\n", "8 duplicate services.web.mode\n"},
		{HEAD "services:\n  web:\n    mode: nat\n    listen: sctp 192.0.2.1:5\n"
		      "    members: [10.0.0.1]\n",
		 "5 unsupported services.web.mode\n6 invalid services.web.listen\n"},
		{HEAD "services:\n  web: {listen: 192.0.2.1:80, mode: l3, members: [10.0.0.1]}\n",
		 "4 invalid services.web.listen\n4 invalid services.web.mode\n"},
		{HEAD "services:\n  web: {listen: 'tcp 192.0.2.1:0', mode: l2, members: []}\n",
		 "4 invalid services.web.listen\n"},
		{HEAD "services:\n  web: {listen: 'tcp 192.0.2.1:080', mode: l2, members: []}\n",
		 "4 invalid services.web.listen\n"},
		{HEAD "services:\n  web: {listen: tcp 127.0.0.1:80, mode: l2, members: []}\n",
		 "4 invalid services.web.listen\n"},
		{HEAD "services:\n  web: {listen: 'tcp [ff02::1]:80', mode: l2, members: []}\n",
		 "4 invalid services.web.listen\n"},
		{HEAD "services:\n  web: {listen: tcp www.example.net:80, mode: l2, members: []}\n",
		 "4 invalid services.web.listen\n"},
		{HEAD "services:\n  web: {listen: {{ vip }}, mode: l2, members: []}\n",
		 "4 invalid services.web.listen\n"},
		{HEAD "services:\n  web:\n    listen: tcp {{ vip }}:80\n    mode: l2\n"
		      "    members: []\n",
		 "5 invalid services.web.listen\n"},
		{HEAD "services:\n  web: {listen: udp [2001:db8::1]:53, mode: l2}\n", "4 syntax\n"},
		{HEAD
		 "services:\n  n: {listen: tcp 203.0.113.5:443, mode: local, unknown_port: drop}\n",
		 "4 invalid services.n.unknown_port\n"},
		{FULL "    slots: 5000\n    unknown_port: reject\n",
		 "8 invalid services.web.slots\n9 invalid services.web.unknown_port\n"},
		{FULL "    pools: {a: {members: []}}\n", "8 invalid services.web\n"},
		{WEB "", "4 invalid services.web\n"},
		{WEB "    pools: {}\n", "7 invalid services.web.pools\n"},
		{WEB "    pools: {a: {}, b: {mode: local, share: 70000, members: []}}\n",
		 "7 invalid services.web.pools.a.members\n"
		 "7 unsupported services.web.pools.b.mode\n7 invalid services.web.pools.b.share\n"},
		{WEB "    pools: {'a/': {}, a: {members: []}, a: {members: []}}\n",
		 "7 invalid services.web.pools.a/\n7 duplicate services.web.pools.a\n"},
		{HEAD "services:\n  ssh: {listen: tcp 192.0.2.1, mode: local, members: [], check: "
		      "none}\n",
		 "4 invalid services.ssh\n4 invalid services.ssh.members\n"
		 "4 invalid services.ssh.check\n"},
	};

	(void)state;
	check_rows(ROWS, ARRAY_SIZE(ROWS));
}

/* A port of UDP where there is no UDP. */
static void test_gue_ports(void **state)
{
#define GUE HEAD "services:\n  web:\n    listen: tcp 192.0.2.10:80\n    mode: gue\n"
	static const struct row ROWS[] = {
		{GUE "    gue_port: 65535\n    members: ['2001:db8::1']\n", "none\n"},
		{GUE "    gue_port: 0\n    members: []\n", "7 invalid services.web.gue_port\n"},
		{GUE "    gue_port: 65536\n    members: []\n", "7 invalid services.web.gue_port\n"},
		{GUE "    gue_port: gue\n    members: []\n", "7 invalid services.web.gue_port\n"},
		{GUE "    gue_port: -1\n    members: []\n", "7 invalid services.web.gue_port\n"},
		{GUE "    gue_port: [1]\n    members: []\n", "7 invalid services.web.gue_port\n"},
		{WEB "    gue_port: 6080\n    members: []\n", "7 invalid services.web.gue_port\n"},
		{WEB "    gue_port: 1\n    pools: {a: {mode: gue, members: []}}\n", "none\n"},
		{WEB "    gue_port: 1\n    pools: {a: {mode: ipip, members: []}}\n",
		 "7 invalid services.web.gue_port\n"},
		{WEB "    pools: {a: {gue_port: 1, members: []}}\n",
		 "7 invalid services.web.pools.a.gue_port\n"},
		{GUE "    pools: {a: {gue_port: 1, mode: l2, members: []}}\n",
		 "7 invalid services.web.pools.a.gue_port\n"},
		{GUE "    pools: {a: {gue_port: 70000, members: []}}\n",
		 "7 invalid services.web.pools.a.gue_port\n"},
		{HEAD "services:\n  n: {listen: tcp 203.0.113.5:443, mode: local, gue_port: 5}\n",
		 "4 invalid services.n.gue_port\n"},
	};

	(void)state;
	check_rows(ROWS, ARRAY_SIZE(ROWS));
}

static void test_members(void **state)
{
	static const struct row ROWS[] = {
		{WEB "    members: 192.0.2.21\n", "7 invalid services.web.members\n"},
		{WEB "    members: {a: b}\n", "7 invalid services.web.members\n"},
		{WEB "    members:\n", "7 invalid services.web.members\n"},
		{WEB "    members:\n    - 192.0.2.21\n    - web_1\n    - 192.0.2.300\n    - "
		     "10.0.0.0/8\n"
		     "    - ~\n    - [192.0.2.1]\n    - 192.0.2.22:8080\n",
		 "9 invalid services.web.members[1]\n10 invalid services.web.members[2]\n"
		 "11 invalid services.web.members[3]\n12 invalid services.web.members[4]\n"
		 "13 invalid services.web.members[5]\n14 invalid services.web.members[6]\n"},
		{WEB "    members:\n    - {address: 192.0.2.21, weight: 65536}\n"
		     "    - {address: 192.0.2.22, weight: -1}\n    - {weight: 5}\n"
		     "    - {address: 192.0.2.23, port: 80}\n    - {address: [192.0.2.24]}\n",
		 "8 invalid services.web.members[0].weight\n"
		 "9 invalid services.web.members[1].weight\n"
		 "10 invalid services.web.members[2].address\n"
		 "11 unknown_key services.web.members[3].port\n"
		 "12 invalid services.web.members[4].address\n"},
		{WEB "    members:\n    - 127.0.0.1\n    - 0.0.0.0\n    - 224.0.0.1\n"
		     "    - 255.255.255.255\n    - 169.254.0.1\n    - fe80::1\n    - ::1\n",
		 "8 invalid services.web.members[0]\n9 invalid services.web.members[1]\n"
		 "10 invalid services.web.members[2]\n11 invalid services.web.members[3]\n"
		 "12 invalid services.web.members[4]\n13 invalid services.web.members[5]\n"
		 "14 invalid services.web.members[6]\n"},
		{WEB "    members: [2001:db8::, 192.0.2.21]\n", "7 syntax\n"},
		{WEB "    members: [2001:db8::21]\n", "7 invalid services.web.members[0]\n"},
		{WEB "    members: [192.0.2.10]\n", "7 conflict services.web.members[0]\n"},
		{WEB "    members:\n    - 192.0.2.21\n    - 192.0.2.22\n    - 192.0.2.21\n",
		 "10 duplicate services.web.members[2]\n"},
		{WEB "    pools:\n      a: {members: [192.0.2.21]}\n      b:\n"
		     "        members: [192.0.2.22, 192.0.2.21]\n",
		 "10 duplicate services.web.pools.b.members[1]\n"},
		{WEB "    pools:\n      default: {members: [192.0.2.10]}\n",
		 "8 conflict services.web.pools.default.members[0]\n"},
		{FULL "  dns: {listen: udp 192.0.2.11:53, mode: ipip, members: [192.0.2.10]}\n",
		 "8 conflict services.dns.members[0]\n"},
		{WEB "    slots: 4096\n    members: [10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, "
		     "10.0.0.5,\n"
		     "      10.0.0.6, 10.0.0.7, 10.0.0.8, 10.0.0.9]\n",
		 "4 capacity services.web.slots\n"},
	};

	(void)state;
	check_rows(ROWS, ARRAY_SIZE(ROWS));
}

static void test_checks(void **state)
{
	static const struct row ROWS[] = {
		{FULL "    check: http\n", "none\n"},
		{FULL "    check: icmpp\n", "8 invalid services.web.check\n"},
		{FULL "    check: [tcp]\n", "8 invalid services.web.check\n"},
		{FULL "    check: {via: path}\n", "none\n"},
		{FULL "    check: {via: tunnel}\n", "8 invalid services.web.check.via\n"},
		{FULL "    check: {type: tcp, path: /x, port: 0, port: 70000}\n",
		 "8 invalid services.web.check.path\n"
		 "8 invalid services.web.check.port\n8 duplicate services.web.check.port\n"},
		{FULL "    check: {interval: 1s, timeout: 2s}\n", "8 invalid services.web.check\n"},
		{FULL "    check: {interval: 900ms}\n", "8 invalid services.web.check\n"},
		{FULL "    check: {rise: 0, fall: 101, jitter: 51}\n",
		 "8 invalid services.web.check.rise\n8 invalid services.web.check.fall\n"
		 "8 invalid services.web.check.jitter\n"},
		{HEAD
		 "services:\n  all: {listen: tcp 192.0.2.10, mode: l2, members: [192.0.2.21]}\n",
		 "4 invalid services.all\n"},
		{WEB "    pools:\n      a:\n        check: {timeout: 1h}\n        members: []\n",
		 "9 invalid services.web.pools.a.check\n"},
		{WEB "    members: [{address: 192.0.2.21, check: {interval: 100ms}}]\n",
		 "7 invalid services.web.members[0].check\n"},
	};

	(void)state;
	check_rows(ROWS, ARRAY_SIZE(ROWS));
}

static void test_flows(void **state)
{
	static const struct row ROWS[] = {
		{FULL "    affinity: track\n", "8 invalid services.web.affinity\n"},
		{FULL "    affinity: window\n", "8 invalid services.web.affinity\n"},
		{FULL "    affinity: quic\n", "8 unsupported services.web.affinity\n"},
		{FULL "    affinity: sticky\n", "8 invalid services.web.affinity\n"},
		{FULL "    learn: 1500ms\n", "8 invalid services.web.learn\n"},
		{FULL "    learn: 2s\n", "4 invalid services.web.learn\n"},
		{FULL "    learn: 99999999999999999999s\n", "8 invalid services.web.learn\n"},
		{FULL "flows: {pre: 2m}\n", "8 invalid flows.pre\n"},
		{FULL "flows: {refresh: 60s}\n", "0 invalid flows.refresh\n"},
		{FULL "capacity: {flows: 0}\n", "8 invalid capacity.flows\n"},
		{FULL "capacity: {flows: 5000}\n", "8 invalid capacity.flows\n"},
		{FULL "capacity: {pending_flows: 1G}\n", "8 invalid capacity.pending_flows\n"},
		{FULL "    slow_start: 1s\n", "8 invalid services.web.slow_start\n"},
		{FULL "    slow_start: 14s\n", "8 invalid services.web.slow_start\n"},
		{FULL "    slow_start: 3601s\n", "8 invalid services.web.slow_start\n"},
		{FULL "    slow_start: 15500ms\n", "8 invalid services.web.slow_start\n"},
		{FULL "    slow_start: 0\n", "8 invalid services.web.slow_start\n"},
		{FULL "    slow_start: yes\n", "8 invalid services.web.slow_start\n"},
		{FULL "  own: {listen: tcp 192.0.2.9:80, mode: local, slow_start: 60s}\n",
		 "8 invalid services.own.slow_start\n"},
		{FULL "  own: {listen: tcp 192.0.2.9:80, mode: local, learn: 60s}\n",
		 "8 invalid services.own.learn\n"},
	};

	(void)state;
	check_rows(ROWS, ARRAY_SIZE(ROWS));
}

static void test_services_together(void **state)
{
	static const struct row ROWS[] = {
		{FULL "  two: {listen: tcp 192.0.2.10:80, mode: ipip, members: []}\n"
		      "  three: {listen: tcp 192.0.2.10:80, mode: ipip, members: []}\n",
		 "8 duplicate services.two.listen\n9 duplicate services.three.listen\n"},
		{FULL "  two: {listen: udp 192.0.2.10:80, mode: l2, members: []}\n"
		      "  three: {listen: tcp 192.0.2.11:80, mode: l2, members: []}\n",
		 "none\n"},
		{HEAD "services:\n"
		      "  a: {listen: tcp 192.0.2.10, mode: l2, check: none, members: []}\n"
		      "  b: {listen: tcp 192.0.2.10, mode: l2, check: none, members: []}\n"
		      "  c: {listen: udp 192.0.2.10, mode: l2, members: []}\n",
		 "5 duplicate services.b.listen\n"},
		{FULL
		 "  two: {listen: tcp 192.0.2.10:81, mode: l2, members: [], unknown_port: pass}\n",
		 "8 conflict services.two.unknown_port\n"},
		{FULL "  two: {listen: tcp 192.0.2.10:81, mode: local}\n",
		 "8 conflict services.two.mode\n"},
		{HEAD "capacity: {service_cells: 64, members: 16}\nservices:\n"
		      "  a: {listen: tcp 192.0.2.1:1, mode: l2, members: [10.0.0.1, 10.0.0.2, "
		      "10.0.0.3,\n"
		      "    10.0.0.4, 10.0.0.5, 10.0.0.6, 10.0.0.7, 10.0.0.8, 10.0.0.9, 10.0.0.10,\n"
		      "    10.0.0.11, 10.0.0.12, 10.0.0.13, 10.0.0.14, 10.0.0.15, 10.0.0.16]}\n",
		 "0 capacity capacity\n"},
	};

	(void)state;
	check_rows(ROWS, ARRAY_SIZE(ROWS));
}

/* Errors of all layers in one look, in the order of the file, with the words people need. */
static void test_texts(void **state)
{
	static const char YAML[] =
		"version: 1\n"
		"interface: [eth0]\n"
		"announce: bgp\n"
		"services:\n"
		"  web:\n"
		"    listen: tcp 192.0.2.10:80\n"
		"    mode: l2\n"
		"    members: [192.0.2.21, {address: 192.0.2.22, weight: 70000}]\n"
		"    limits: [per-cleint]\n"
		"limits:\n"
		"  per-client: {count: packets, rate: 5/s, mode: off}\n";
	static const char WANT[] =
		"1 invalid interfaces: is missing (interfaces that receive the traffic of the "
		"services: a list of 1 to 16 interface names)\n"
		"2 unknown_key interface: unknown key (did you mean interfaces?)\n"
		"3 invalid announce: \"bgp\" must be one of arp, route, none ()\n"
		"5 not_found services.web.limits: there is no limit per-cleint (did you mean "
		"per-client?)\n"
		"8 invalid services.web.members[1].weight: \"70000\" must be a number, 0 to 65535 "
		"()\n"
		"11 invalid limits.per-client.mode: \"off\" must be one of enforce, shadow, "
		"disabled (did you mean disabled?)\n";
	AUTO_FREE char *errors = errors_of(YAML, strlen(YAML), true);

	(void)state;
	assert_string_equal(errors, WANT);
}

static void test_hints(void **state)
{
	static const struct row ROWS[] = {
		{HEAD "services: {{ x }}\n", "template"},
		{HEAD "services:\n  w:\n    listen: tcp {{ x }}:80\n", "template"},
		{NONE "{% if x %}\n", "template"},
		{HEAD "services:\n\tweb: 1\n", "tab"},
		{HEAD "services:\n  w: {listen: udp [2001:db8::1]:53}\n", "quotes"},
		{WEB "    members: [2001:db8::]\n", "quotes"},
		{NONE "xdp: \xff\n", "UTF-8"},
		{NONE "events_per_second: 010\n", "leading zeros"},
		{"version: 1\ninterfaces: eth0\nservices: {}\n", "[eth0]"},
		{WEB "    members: [web_1.example.net]\n",
		 "must be an IPv4 or IPv6 address, or a host name (as a name it has a character"},
		{WEB "    members: [10.0.0]\n", "as a name it ends in a number, as addresses do"},
		{WEB "    members: [b\xc3\xbc"
		     "cher.example]\n",
		 "in ASCII: xn--"},
		{WEB "    members: [a.example, A.example]\n", "once is enough"},
		{WEB "    members: [\"a.example:81\"]\n", "leave the port out"},
		{WEB "    members: [\"a.example:http\"]\n", "has no port behind the colon"},
		{NONE "hash_seed: abc\n", "openssl rand -hex 32"},
		{NONE "hash_seed: abc\n", "has 3 characters"},
		{NONE
		 "hash_seed: 0x112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n",
		 "character 2 is none"},
		{FULL "    slots: 5000\n", "4096 and 8192"},
		{FULL "    gue_port: 6080\n", "is for mode gue, which carries packets"},
		{FULL "    gue_port: 6080\n", "write mode: gue, or remove the key"},
		{NONE "metrics: {lisen: disabled}\n", "did you mean listen?"},
		{NONE "metrics: {zzzzzz: disabled}\n", "known here: listen"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ROWS); i++) {
		AUTO_FREE char *errors = errors_of(ROWS[i].yaml, strlen(ROWS[i].yaml), true);

		if (!strstr(errors, ROWS[i].errors))
			fail_msg("no \"%s\" in: %s", ROWS[i].errors, errors);
	}
}

/* The secret must not end in a log. */
static void test_seed_is_not_repeated(void **state)
{
	static const char YAML[] = NONE "hash_seed: secretsecretsecret\n";
	AUTO_FREE char *errors = errors_of(YAML, strlen(YAML), true);

	(void)state;
	assert_null(strstr(errors, "secret"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_syntax),
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_services),
		cmocka_unit_test(test_gue_ports),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_checks),
		cmocka_unit_test(test_flows),
		cmocka_unit_test(test_services_together),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_hints),
		cmocka_unit_test(test_seed_is_not_repeated),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
