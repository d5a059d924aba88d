/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The decapsulation program on packets made here, and its loader on an interface. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "base/addr.h"
#include "base/util.h"
#include "dataplane/decap.h"
#include "dataplane/space.h"
#include "decap.skel.h"

#define FRAME_MAX 256
#define PAYLOAD 12
#define UDP_BYTES 8
#define GUE_PORT 6080
#define PASS 2 /* XDP_PASS */
#define DROP 1

struct frame {
	uint8_t bytes[FRAME_MAX];
	uint32_t length;
};

/* One row: what is sent and what must come of it. */
struct row {
	const char *name;
	const char *source; /* outer */
	bool is_outer_v6, is_inner_v6;
	enum sluice_decap_result result;
	unsigned int vlans;
	uint8_t outer_ecn, inner_ecn;
	uint8_t ecn;	   /* inner, when it was taken off */
	uint8_t options;   /* bytes of outer IPv4 options */
	uint16_t frag;	   /* host byte order */
	int length_error;  /* added to the inner length field */
	uint16_t gue_port; /* of a UDP header; 0: none */
	uint16_t checksum; /* of it */
	int udp_error;	   /* added to its length field */
};

#define FROM4 .source = "10.1.0.5"
#define FROM6 .source = "fd00:1::5", .is_outer_v6 = true
#define GUE4 FROM4, .gue_port = GUE_PORT
#define GUE6 FROM6, .gue_port = GUE_PORT
#define V4_IN(outer) .result = SLUICE_DECAP_v4_in_##outer
#define V6_IN(outer) .result = SLUICE_DECAP_v6_in_##outer, .is_inner_v6 = true
#define NOT(why) .result = SLUICE_DECAP_##why

static const struct row rows[] = {
	{"v4 in v4", FROM4, V4_IN(v4)},
	{"v6 in v4", FROM4, V6_IN(v4)},
	{"v4 in v6", FROM6, V4_IN(v6)},
	{"v6 in v6", FROM6, V6_IN(v6)},
	{"one tag", FROM4, V6_IN(v4), .vlans = 1},
	{"two tags", FROM6, V4_IN(v6), .vlans = 2},
	{"options", FROM4, V4_IN(v4), .options = 40},
	{"stranger v4", .source = "10.2.0.5", NOT(other_source)},
	{"stranger v6", .source = "fd00:2::5", .is_outer_v6 = true, NOT(other_source)},
	{"fragment", FROM4, NOT(fragment), .frag = 0x2000},
	{"later fragment", FROM4, NOT(fragment), .frag = 7},
	{"inner v4 longer than outer", FROM4, NOT(malformed), .length_error = 1},
	{"inner v6 longer than outer", FROM6, NOT(malformed), .is_inner_v6 = true,
	 .length_error = 1},
	{"inner v4 shorter than its header", FROM4, NOT(malformed), .length_error = -13},
	/* RFC 6040, 4.2 */
	{"congestion kept v4", FROM4, V4_IN(v4), .outer_ecn = 3, .inner_ecn = 2, .ecn = 3},
	{"congestion kept v6", FROM6, V6_IN(v6), .outer_ecn = 3, .inner_ecn = 1, .ecn = 3},
	{"congestion that cannot be kept", FROM4, NOT(bad_ecn), .outer_ecn = 3},
	{"ect(1) outside", FROM4, V4_IN(v4), .outer_ecn = 1, .inner_ecn = 2, .ecn = 1},
	{"inner congestion stays", FROM4, V4_IN(v4), .outer_ecn = 2, .inner_ecn = 3, .ecn = 3},
	/* Mode gue */
	{"v4 in gue v4", GUE4, V4_IN(gue)},
	{"v6 in gue v4", GUE4, V6_IN(gue)},
	{"v4 in gue v6", GUE6, V4_IN(gue)},
	{"v6 in gue v6", GUE6, V6_IN(gue)},
	{"gue, one tag", GUE4, V4_IN(gue), .vlans = 1},
	{"gue, two tags", GUE6, V6_IN(gue), .vlans = 2},
	{"gue, options", GUE4, V6_IN(gue), .options = 40},
	{"gue, with a checksum", GUE4, V4_IN(gue), .checksum = 0x1234},
	{"gue, congestion kept", GUE6, V4_IN(gue), .outer_ecn = 3, .inner_ecn = 2, .ecn = 3},
	{"gue, congestion that cannot be kept", GUE4, NOT(bad_ecn), .outer_ecn = 3},
	{"gue, stranger", .source = "10.2.0.5", .gue_port = GUE_PORT, NOT(other_source)},
	{"gue, fragment", GUE4, NOT(fragment), .frag = 0x2000},
	{"gue, inner longer than outer", GUE4, NOT(malformed), .length_error = 1},
	{"gue, UDP longer than the packet", GUE6, NOT(malformed), .udp_error = 1},
	{"gue, UDP shorter than its header", GUE4, NOT(malformed), .udp_error = -40},
	{"gue, UDP shorter than the inner packet", GUE4, NOT(malformed), .udp_error = -1},
};

/* Not ours: neither touched nor counted. */
static const struct row others[] = {
	{"tcp", FROM4},
	{"udp, another port", FROM4, .gue_port = GUE_PORT + 1},
	{"udp over IPv6, another port", FROM6, .gue_port = GUE_PORT + 1},
	{"udp, a later fragment", GUE4, .frag = 7},
};

static bool is_taken_off(const struct row *row)
{
	return row->result <= SLUICE_DECAP_v6_in_gue;
}

static struct decap_bpf *skel;

static uint16_t checksum(const void *data, size_t length)
{
	const uint8_t *bytes = data;
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i + 1 < length; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void push(struct frame *frame, const void *data, size_t length)
{
	assert_true(frame->length + length <= FRAME_MAX);
	memcpy(frame->bytes + frame->length, data, length);
	frame->length += (uint32_t)length;
}

static void push_l2(struct frame *frame, unsigned int vlans, bool is_v6)
{
	uint8_t macs[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
	uint16_t type = htons(is_v6 ? ETH_P_IPV6 : ETH_P_IP), tag[2];

	push(frame, macs, sizeof(macs));
	while (vlans) {
		tag[0] = htons(vlans == 2 ? ETH_P_8021AD : ETH_P_8021Q);
		tag[1] = htons((uint16_t)(100 + vlans));
		push(frame, tag, sizeof(tag));
		vlans--;
	}
	push(frame, &type, sizeof(type));
}

static void push_v4(struct frame *frame, const char *source, const char *target, uint8_t proto,
		    uint8_t ecn, uint8_t options, uint16_t frag, int length)
{
	uint8_t header[60] = {};
	struct iphdr *ip = (struct iphdr *)header;
	size_t bytes = sizeof(*ip) + options;

	ip->version = 4;
	ip->ihl = (bytes / 4) & 15;
	ip->tos = 0x28 | ecn;
	ip->tot_len = htons((uint16_t)(bytes + (size_t)length));
	ip->frag_off = htons(frag);
	ip->ttl = 64;
	ip->protocol = proto;
	inet_pton(AF_INET, source, &ip->saddr);
	inet_pton(AF_INET, target, &ip->daddr);
	memset(header + sizeof(*ip), 1, options); /* no operation */
	ip->check = checksum(header, bytes);
	push(frame, header, bytes);
}

static void push_v6(struct frame *frame, const char *source, const char *target, uint8_t proto,
		    uint8_t ecn, int length)
{
	struct ip6_hdr ip6 = {};

	ip6.ip6_flow = htonl(0x62812345 | (uint32_t)ecn << 20);
	ip6.ip6_plen = htons((uint16_t)length);
	ip6.ip6_nxt = proto;
	ip6.ip6_hlim = 64;
	inet_pton(AF_INET6, source, &ip6.ip6_src);
	inet_pton(AF_INET6, target, &ip6.ip6_dst);
	push(frame, &ip6, sizeof(ip6));
}

static void push_inner(struct frame *frame, const struct row *row, uint8_t ecn)
{
	if (row->is_inner_v6)
		push_v6(frame, "2001:db8::7", "2001:db8:10::1", IPPROTO_NONE, ecn,
			PAYLOAD + row->length_error);
	else
		push_v4(frame, "198.51.100.7", "192.0.2.10", 253, ecn, 0, 0,
			PAYLOAD + row->length_error);
	push(frame, "twelve bytes", PAYLOAD);
}

static void push_udp(struct frame *frame, const struct row *row, int length)
{
	uint16_t udp[4] = {htons(50000), htons(row->gue_port),
			   htons((uint16_t)(length + row->udp_error)), htons(row->checksum)};

	push(frame, udp, sizeof(udp));
}

static void build(const struct row *row, struct frame *frame)
{
	int inner = PAYLOAD + (row->is_inner_v6 ? 40 : 20);
	uint8_t proto = row->is_inner_v6 ? IPPROTO_IPV6 : IPPROTO_IPIP;

	if (row->gue_port) {
		proto = IPPROTO_UDP;
		inner += UDP_BYTES;
	}
	frame->length = 0;
	push_l2(frame, row->vlans, row->is_outer_v6);
	if (row->is_outer_v6)
		push_v6(frame, row->source, "fd00:1::99", proto, row->outer_ecn, inner);
	else
		push_v4(frame, row->source, "10.1.0.99", proto, row->outer_ecn, row->options,
			row->frag, inner);
	if (row->gue_port)
		push_udp(frame, row, inner);
	push_inner(frame, row, row->inner_ecn);
}

/* What must come out: the same packet without the tunnel. */
static void build_expected(const struct row *row, struct frame *frame)
{
	if (!is_taken_off(row)) {
		build(row, frame);
		return;
	}
	frame->length = 0;
	push_l2(frame, row->vlans, row->is_inner_v6);
	push_inner(frame, row, row->ecn);
}

static int run(const struct frame *in, struct frame *out)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in->bytes, .data_size_in = in->length,
		    .data_out = out->bytes, .data_size_out = FRAME_MAX, .repeat = 1);
	int ret = bpf_prog_test_run_opts(bpf_program__fd(skel->progs.sluice_decap), &opts);

	assert_int_equal(ret, 0);
	out->length = opts.data_size_out;
	return (int)opts.retval;
}

static uint64_t counted(uint32_t result)
{
	int cpus = libbpf_num_possible_cpus(), cpu;
	struct sluice_decap_stats stats[cpus];
	uint64_t packets = 0;

	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(skel->maps.decap_stats), &result, stats),
			 0);
	for (cpu = 0; cpu < cpus; cpu++)
		packets += stats[cpu].packets;
	return packets;
}

static void add_prefix(int fd, const char *text, uint32_t length)
{
	struct sluice_decap_prefix key = {.length = length};
	struct sluice_addr addr;
	uint8_t one = 1;

	assert_int_equal(addr_parse(text, &addr), 0);
	memcpy(key.addr, addr.b, sizeof(key.addr));
	assert_int_equal(bpf_map_update_elem(fd, &key, &one, BPF_ANY), 0);
}

static void load(bool has_targets)
{
	skel = decap_bpf__open();
	assert_non_null(skel);
	skel->rodata->has_targets = has_targets;
	skel->rodata->gue_port_be = htons(GUE_PORT);
	assert_int_equal(decap_bpf__load(skel), 0);
	add_prefix(bpf_map__fd(skel->maps.decap_sources), "10.1.0.0", 96 + 24);
	add_prefix(bpf_map__fd(skel->maps.decap_sources), "fd00:1::", 64);
}

static void unload(void)
{
	decap_bpf__destroy(skel);
	skel = NULL;
}

static void test_rows(void **state)
{
	struct frame in, out, expected;
	uint64_t before;
	size_t i;
	int action;

	(void)state;
	load(false);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		build(&rows[i], &in);
		build_expected(&rows[i], &expected);
		before = counted(rows[i].result);
		action = run(&in, &out);
		if (action != (rows[i].result == SLUICE_DECAP_bad_ecn ? DROP : PASS))
			fail_msg("%s: action %d", rows[i].name, action);
		if (counted(rows[i].result) != before + 1)
			fail_msg("%s: not counted as expected", rows[i].name);
		if (out.length != expected.length)
			fail_msg("%s: %u bytes instead of %u", rows[i].name, out.length,
				 expected.length);
		if (memcmp(out.bytes, expected.bytes, out.length))
			fail_msg("%s: the packet differs", rows[i].name);
	}
	unload();
}

/* Every length that the kernel's test run accepts: never anything but the packet untouched. */
static void test_cut_at_every_length(void **state)
{
	struct frame whole, cut, out;
	uint64_t taken_off = 0;
	size_t i;

	(void)state;
	load(false);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!is_taken_off(&rows[i]))
			continue;
		build(&rows[i], &whole);
		for (cut = whole, cut.length = ETH_HLEN; cut.length < whole.length; cut.length++) {
			assert_int_equal(run(&cut, &out), PASS);
			assert_int_equal(out.length, cut.length);
			assert_memory_equal(out.bytes, cut.bytes, cut.length);
		}
	}
	for (i = SLUICE_DECAP_v4_in_v4; i <= SLUICE_DECAP_v6_in_gue; i++)
		taken_off += counted((uint32_t)i);
	assert_int_equal(taken_off, 0);
	unload();
}

static void test_targets_restrict(void **state)
{
	struct frame in, out;

	(void)state;
	load(true);
	add_prefix(bpf_map__fd(skel->maps.decap_targets), "192.0.2.10", 128);
	build(&rows[0], &in);
	assert_int_equal(run(&in, &out), PASS);
	assert_int_equal(out.length, in.length - 20);
	build(&rows[1], &in);
	assert_int_equal(run(&in, &out), PASS);
	assert_memory_equal(out.bytes, in.bytes, in.length);
	assert_int_equal(counted(SLUICE_DECAP_other_target), 1);
	unload();
}

/* Tunnel protocol and inner version must agree. */
static void test_inner_version_must_match(void **state)
{
	struct row row = rows[0];
	struct frame in, out;

	(void)state;
	load(false);
	build(&row, &in);
	in.bytes[ETH_HLEN + 20] = 0x65; /* inner version 6 behind protocol 4 */
	assert_int_equal(run(&in, &out), PASS);
	assert_memory_equal(out.bytes, in.bytes, in.length);
	assert_int_equal(counted(SLUICE_DECAP_malformed), 1);
	unload();
}

static void test_others_are_not_counted(void **state)
{
	struct frame in, out;
	uint32_t result;
	size_t i;

	(void)state;
	load(false);
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		build(&others[i], &in);
		if (!others[i].gue_port)
			in.bytes[ETH_HLEN + 9] = IPPROTO_TCP;
		assert_int_equal(run(&in, &out), PASS);
		assert_int_equal(out.length, in.length);
		assert_memory_equal(out.bytes, in.bytes, in.length);
		for (result = 0; result < SLUICE_DECAP_MAX; result++)
			if (counted(result))
				fail_msg("%s: counted as result %u", others[i].name, result);
	}
	unload();
}

/* GUE's variant 0, and anything else that is no IP packet. */
static void test_gue_of_another_kind(void **state)
{
	static const struct row row = {"", GUE4, V4_IN(gue)};
	static const uint8_t first[] = {0x00, 0x04, 0x55, 0x74, 0x80, 0xff};
	struct frame in, out;
	size_t i;

	(void)state;
	load(false);
	for (i = 0; i < ARRAY_SIZE(first); i++) {
		build(&row, &in);
		in.bytes[ETH_HLEN + 20 + UDP_BYTES] = first[i];
		assert_int_equal(run(&in, &out), PASS);
		assert_memory_equal(out.bytes, in.bytes, in.length);
		assert_int_equal(counted(SLUICE_DECAP_malformed), i + 1);
	}
	unload();
}

static void test_loader(void **state)
{
	struct decap_prefix from[2] = {{.length = 24}, {.length = 64}};
	struct decap_options options = {.interface = "de0", .from = from, .from_count = 2};
	static struct decap_state shown;
	struct err e = {};
	bool is_replaced;

	(void)state;
	assert_int_equal(addr_parse("10.1.0.0", &from[0].addr), 0);
	assert_int_equal(addr_parse("fd00:1::", &from[1].addr), 0);
	assert_int_not_equal(decap_read("de0", &shown, &e), 0);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	if (decap_attach(&options, &is_replaced, &e))
		fail_msg("%s", e.text);
	assert_false(is_replaced);
	assert_int_equal(decap_read("de0", &shown, &e), 0);
	assert_int_equal(shown.from_count, 2);
	assert_int_equal(shown.to_count, 0);
	options.to = from;
	options.to_count = 1;
	assert_int_equal(decap_attach(&options, &is_replaced, &e), 0);
	assert_true(is_replaced);
	assert_int_equal(decap_read("de0", &shown, &e), 0);
	assert_int_equal(shown.to_count, 1);
	assert_int_equal(shown.to[0].length, 24);
	assert_true(addr_equal(&shown.to[0].addr, &from[0].addr));
	assert_int_equal(decap_detach("de0", &e), 0);
	assert_int_not_equal(decap_detach("de0", &e), 0);
	space_run("ip link set dev de0 xdpdrv obj build/bpf/xdp_pass.bpf.o sec xdp");
	assert_int_not_equal(decap_attach(&options, &is_replaced, &e), 0);
	assert_int_equal(e.code, ERR_CONFLICT);
	assert_non_null(strstr(e.text, "xdp_pass"));
	assert_int_not_equal(decap_detach("de0", &e), 0);
	assert_true(space_try("ip link show de0 | grep -q xdp"));
}

/* A raw socket in the peer's namespace; the kernel puts the outer header on. */
static int open_tunnel_socket(void)
{
	char path[64];
	int own, other, fd;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", space_peer());
	own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	other = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(setns(other, CLONE_NEWNET), 0);
	fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_IPIP);
	assert_int_equal(setns(own, CLONE_NEWNET), 0);
	assert_true(fd >= 0);
	close(own);
	close(other);
	return fd;
}

static void send_tunnelled(int fd, uint16_t port, const char *text)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	uint16_t udp[4] = {htons(4444), htons(port), htons((uint16_t)(8 + strlen(text))), 0};
	struct frame inner = {};

	inet_pton(AF_INET, "10.3.0.1", &to.sin_addr);
	push_v4(&inner, "10.4.0.2", "10.4.0.1", IPPROTO_UDP, 0, 0, 0, (int)(8 + strlen(text)));
	push(&inner, udp, sizeof(udp));
	push(&inner, text, strlen(text));
	assert_int_equal(
		sendto(fd, inner.bytes, inner.length, 0, (struct sockaddr *)&to, sizeof(to)),
		inner.length);
}

/* Real packets on a real interface: a socket of this host receives what came inside the tunnel,
 * and counters go on when the prefixes are replaced. */
static void test_stack_gets_inner_packet(void **state)
{
	struct decap_prefix from = {.length = 24};
	struct decap_options options = {.interface = "de1", .from = &from, .from_count = 1};
	struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(5555)};
	struct timeval timeout = {.tv_sec = 2};
	static struct decap_state shown;
	int tunnel, receiver;
	struct err e = {};
	bool is_replaced;
	char text[16];

	(void)state;
	space_veth("de1");
	assert_int_equal(addr_parse("10.3.0.0", &from.addr), 0);
	space_run("ip addr add 10.3.0.1/24 dev de1");
	space_run_peer("ip addr add 10.3.0.2/24 dev de1");
	space_run("ip addr add 10.4.0.1/32 dev lo");
	space_run("ip route add 10.4.0.2/32 via 10.3.0.2");
	receiver = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	inet_pton(AF_INET, "10.4.0.1", &own.sin_addr);
	assert_int_equal(bind(receiver, (struct sockaddr *)&own, sizeof(own)), 0);
	setsockopt(receiver, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	tunnel = open_tunnel_socket();
	assert_int_equal(decap_attach(&options, &is_replaced, &e), 0);
	send_tunnelled(tunnel, 5555, "first");
	assert_int_equal(recv(receiver, text, sizeof(text), 0), 5);
	assert_memory_equal(text, "first", 5);
	assert_int_equal(decap_attach(&options, &is_replaced, &e), 0);
	assert_true(is_replaced);
	send_tunnelled(tunnel, 5555, "again");
	assert_int_equal(recv(receiver, text, sizeof(text), 0), 5);
	assert_int_equal(decap_read("de1", &shown, &e), 0);
	assert_int_equal(shown.stats[SLUICE_DECAP_v4_in_v4].packets, 2);
	assert_int_equal(decap_detach("de1", &e), 0);
	close(tunnel);
	close(receiver);
}

static int set_up(void **state)
{
	(void)state;
	space_enter();
	space_veth("de0");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_cut_at_every_length),
		cmocka_unit_test(test_targets_restrict),
		cmocka_unit_test(test_inner_version_must_match),
		cmocka_unit_test(test_others_are_not_counted),
		cmocka_unit_test(test_gue_of_another_kind),
		cmocka_unit_test(test_loader),
		cmocka_unit_test(test_stack_gets_inner_packet),
	};

	space_require_root();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, NULL);
}
