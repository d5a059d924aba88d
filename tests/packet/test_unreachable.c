/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ICMP errors about packets to members: which ones count, and for whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <linux/bpf.h>
#include <netinet/in.h>

#include "packet/lists.h"
#include "packet/world.h"

#define SECOND (1ULL << 30) /* as the packet path counts them */
#define OURS4 "10.0.0.1"
#define OURS6 "2001:db8:9::1"
#define ROUTER4 "10.0.0.254"
#define ROUTER6 "2001:db8:9::fe"
#define MEMBER4 "10.0.0.11"
#define MEMBER6 "2001:db8:9::11"
#define NO_KIND SLUICE_UNREACHABLE_MAX

static struct world *world;
/* What was sent to each member, without its link layer: IPv4 and IPv6 in each of both. */
static struct frame sent4[2], sent6[2];

static void capture_sent(const char *dst, struct frame *ret_sent)
{
	struct packet packet = {.src = strchr(dst, ':') ? "2001:db8:c::7" : "198.51.100.7",
				.dst = dst,
				.proto = IPPROTO_TCP,
				.sport = 40000,
				.dport = 80,
				.tcp_flags = TCP_SYN,
				.payload_len = 100};
	struct world_run run;

	world_run_packet(world, &packet, &run);
	assert_int_equal(run.verdict, SLUICE_V_forwarded);
	ret_sent->len = run.out_len - 14;
	memcpy(ret_sent->data, run.out + 14, ret_sent->len);
}

static int set_up_mode(enum sluice_mode mode)
{
	struct sluice_nexthop nexthop = {
		.ifindex = WORLD_IFINDEX, .src4_be = inet_addr(OURS4), .src6 = world_addr(OURS6)};

	world_clear(world);
	lists_write(world, NULL, 0);
	*world->clock_ns += 1000 * SECOND;
	world_nexthop(world, 1, &nexthop);
	world_member(world, 1, MEMBER4, mode, 1, 1500);
	world_member(world, 2, MEMBER6, mode, 1, 1500);
	world_slots(world, 0, 1, 2);
	world_slots(world, 1, 2, 1);
	world_service(world, 1, "192.0.2.1", 80, IPPROTO_TCP, 0);
	world_service(world, 2, "2001:db8::1", 80, IPPROTO_TCP, 0);
	world_service(world, 3, "192.0.2.2", 80, IPPROTO_TCP, 1);
	world_service(world, 4, "2001:db8::2", 80, IPPROTO_TCP, 1);
	world_host(world, MEMBER4, 1);
	world_host(world, MEMBER6, 2);
	capture_sent("192.0.2.1", &sent4[0]);
	capture_sent("2001:db8::1", &sent4[1]);
	capture_sent("192.0.2.2", &sent6[0]);
	capture_sent("2001:db8::2", &sent6[1]);
	return 0;
}

static int set_up(void **state)
{
	(void)state;
	return set_up_mode(SLUICE_MODE_IPIP);
}

static int set_up_gue(void **state)
{
	(void)state;
	return set_up_mode(SLUICE_MODE_GUE);
}

/* An error about what was sent; the caller may damage it before it is built. */
struct error {
	struct packet packet;
	uint8_t body[8 + FRAME_MAX];
};

#define QUOTE(error) ((error)->body + 8)

static struct error *make_error(const struct frame *sent, uint8_t type, uint8_t code)
{
	static struct error error;
	bool is_v6 = sent->data[0] >> 4 == 6;

	error = (struct error){.packet = {.src = is_v6 ? ROUTER6 : ROUTER4,
					  .dst = is_v6 ? OURS6 : OURS4,
					  .proto = is_v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
					  .payload = error.body,
					  .payload_len = (uint16_t)(8 + sent->len)}};
	error.body[0] = type;
	error.body[1] = code;
	memcpy(QUOTE(&error), sent->data, sent->len);
	return &error;
}

/* Sends it: whatever it is, it goes to the stack. Returns what it counted as, for the host. */
static enum sluice_unreachable count_of(const struct error *error, const char *host)
{
	struct sluice_host before = world_host_of(world, host), after;
	enum sluice_unreachable kind, found = NO_KIND;
	struct world_run run;

	world_run_packet(world, &error->packet, &run);
	assert_int_equal(run.action, XDP_PASS);
	after = world_host_of(world, host);
	assert_int_equal(after.member, before.member);
	for (kind = 0; kind < NO_KIND; kind++) {
		uint64_t grown = after.unreachable[kind] - before.unreachable[kind];

		assert_true(grown == 0 || (grown == 1 && found == NO_KIND));
		if (grown)
			found = kind;
	}
	return found;
}

struct kind {
	uint8_t type, code;
	enum sluice_unreachable kind;
};

static const struct kind kinds4[] = {
	{3, 0, SLUICE_UNREACHABLE_NETWORK},	{3, 6, SLUICE_UNREACHABLE_NETWORK},
	{3, 11, SLUICE_UNREACHABLE_NETWORK},	{3, 1, SLUICE_UNREACHABLE_HOST},
	{3, 7, SLUICE_UNREACHABLE_HOST},	{3, 12, SLUICE_UNREACHABLE_HOST},
	{3, 2, SLUICE_UNREACHABLE_PROTOCOL},	{3, 3, SLUICE_UNREACHABLE_PORT},
	{3, 9, SLUICE_UNREACHABLE_PROHIBITED},	{3, 10, SLUICE_UNREACHABLE_PROHIBITED},
	{3, 13, SLUICE_UNREACHABLE_PROHIBITED}, {11, 0, SLUICE_UNREACHABLE_EXPIRED},
};

static const struct kind kinds6[] = {
	{1, 0, SLUICE_UNREACHABLE_NETWORK},    {1, 3, SLUICE_UNREACHABLE_HOST},
	{4, 1, SLUICE_UNREACHABLE_PROTOCOL},   {1, 4, SLUICE_UNREACHABLE_PORT},
	{1, 1, SLUICE_UNREACHABLE_PROHIBITED}, {1, 5, SLUICE_UNREACHABLE_PROHIBITED},
	{1, 6, SLUICE_UNREACHABLE_PROHIBITED}, {3, 0, SLUICE_UNREACHABLE_EXPIRED},
};

/* Every type and code, whatever the packet carried. */
static void check_kinds(const struct frame *sent, const char *host, const struct kind *kinds,
			size_t count)
{
	for (unsigned int both = 0; both < 32 * 256; both++) {
		struct error *error = make_error(sent, (uint8_t)(both / 256), (uint8_t)both);
		enum sluice_unreachable expected = NO_KIND, found;

		for (size_t i = 0; i < count; i++)
			if (kinds[i].type == both / 256 && kinds[i].code == both % 256)
				expected = kinds[i].kind;
		/* Who goes on lacks a protocol: a parameter problem says which. */
		error->body[7] = 6;
		found = count_of(error, host);
		if (found != expected)
			fail_msg("%s: %u/%u counts as %d", host, both / 256, both % 256, found);
	}
}

static void test_kinds(void **state)
{
	(void)state;
	for (int family = 0; family < 2; family++) {
		check_kinds(&sent4[family], MEMBER4, kinds4, sizeof(kinds4) / sizeof(kinds4[0]));
		check_kinds(&sent6[family], MEMBER6, kinds6, sizeof(kinds6) / sizeof(kinds6[0]));
		*world->clock_ns += SECOND; /* not too many in one */
	}
	assert_int_equal(world_host_of(world, MEMBER4).in_second, 12);
}

/* One reason for an error not to be what it seems. */
struct flaw {
	const char *name;
	void (*make)(struct error *error);
};

static bool is_v6(const struct error *error)
{
	return QUOTE(error)[0] >> 4 == 6;
}

static void flaw_version(struct error *error)
{
	QUOTE(error)[0] ^= 0x20; /* 4 is 6, and 6 is 4 */
}

static void flaw_protocol(struct error *error)
{
	QUOTE(error)[is_v6(error) ? 6 : 9] = IPPROTO_TCP;
}

static void flaw_from(struct error *error)
{
	QUOTE(error)[is_v6(error) ? 23 : 15] ^= 1;
}

static void flaw_from_head(struct error *error)
{
	QUOTE(error)[is_v6(error) ? 8 : 12] ^= 1;
}

static void flaw_to(struct error *error)
{
	QUOTE(error)[is_v6(error) ? 39 : 19] ^= 1;
}

static void flaw_header_length(struct error *error)
{
	QUOTE(error)[0] ^= is_v6(error) ? 0x20 : 0x03; /* as if it had options: of ours none has */
}

/* About another host's tunnel: not through this one's outer source, though it fits. */
static void flaw_other_source(struct error *error)
{
	flaw_from(error);
	error->packet.dst = is_v6(error) ? "2001:db8:9::" : "10.0.0.0";
}

static void flaw_other_destination(struct error *error)
{
	error->packet.dst = is_v6(error) ? "2001:db8:9::2" : "10.0.0.2";
}

static void flaw_fragment(struct error *error)
{
	if (is_v6(error))
		error->packet.extensions[0] = IPPROTO_FRAGMENT;
	error->packet.fragment = is_v6(error) ? 1 : 0x2000;
}

static void flaw_later_fragment(struct error *error)
{
	if (is_v6(error))
		error->packet.extensions[0] = IPPROTO_FRAGMENT;
	error->packet.fragment = is_v6(error) ? 8 : 1;
}

static void flaw_family(struct error *error)
{
	error->packet.proto = is_v6(error) ? IPPROTO_ICMP : IPPROTO_ICMPV6;
}

static void flaw_udp(struct error *error)
{
	error->packet.proto = IPPROTO_UDP;
}

static void test_forged(void **state)
{
	static const struct flaw flaws[] = {
		{"version", flaw_version},
		{"protocol", flaw_protocol},
		{"header length", flaw_header_length},
		{"quoted source", flaw_from},
		{"first byte of the quoted source", flaw_from_head},
		{"quoted destination", flaw_to},
		{"another source of this host", flaw_other_source},
		{"to another address", flaw_other_destination},
		{"first fragment", flaw_fragment},
		{"later fragment", flaw_later_fragment},
		{"ICMP of the other family", flaw_family},
		{"no ICMP", flaw_udp},
	};
	struct error *error;

	(void)state;
	for (size_t i = 0; i < sizeof(flaws) / sizeof(flaws[0]); i++) {
		error = make_error(&sent4[0], 3, 1);
		flaws[i].make(error);
		if (count_of(error, MEMBER4) != NO_KIND)
			fail_msg("%s, IPv4: counts", flaws[i].name);
		error = make_error(&sent6[0], 1, 3);
		flaws[i].make(error);
		if (count_of(error, MEMBER6) != NO_KIND)
			fail_msg("%s, IPv6: counts", flaws[i].name);
	}
	/* A parameter problem about something else. */
	error = make_error(&sent6[0], 4, 1);
	error->body[7] = 40;
	assert_int_equal(count_of(error, MEMBER6), NO_KIND);
	assert_int_equal(count_of(make_error(&sent4[0], 3, 1), MEMBER4), SLUICE_UNREACHABLE_HOST);
	assert_int_equal(count_of(make_error(&sent6[0], 1, 3), MEMBER6), SLUICE_UNREACHABLE_HOST);
}

/* The quoted outer header must be whole; what lies behind the packet is not quoted. */
static void check_cut(const struct frame *sent, uint8_t type, uint8_t code, const char *host,
		      uint16_t header)
{
	for (uint16_t len = 0; len < 8 + header + 30; len++) {
		struct error *error = make_error(sent, type, code);

		error->packet.payload_len = len;
		assert_int_equal(count_of(error, host),
				 len < 8 + header ? NO_KIND : SLUICE_UNREACHABLE_HOST);
	}
	for (uint16_t cut = 1; cut <= header; cut++) {
		struct error *error = make_error(sent, type, code);

		error->packet.payload_len = 8 + header;
		error->packet.ip_len_add = -cut; /* the frame has the rest */
		assert_int_equal(count_of(error, host), NO_KIND);
	}
}

static void test_cut(void **state)
{
	(void)state;
	check_cut(&sent4[0], 3, 1, MEMBER4, 20);
	check_cut(&sent6[0], 1, 3, MEMBER6, 40);
}

/* With the ports, which everybody quotes (RFC 792). */
static void test_cut_gue(void **state)
{
	(void)state;
	check_cut(&sent4[0], 3, 1, MEMBER4, 24);
	check_cut(&sent6[0], 1, 3, MEMBER6, 44);
}

static void set_port(struct error *error, int which, uint16_t port)
{
	uint8_t *at = QUOTE(error) + (is_v6(error) ? 40 : 20) + 2 * which;

	at[0] = port >> 8;
	at[1] = port & 0xff;
}

/* This host may have sent datagrams of its own: those are not told of as the tunnel's. */
static void check_ports(const struct frame *sent, uint8_t type, uint8_t code, const char *host)
{
	static const struct {
		int which;
		uint16_t port;
		bool counts;
	} ports[] = {
		{0, 49151, false}, {0, 53, false},
		{0, 0, false},	   {0, 49152, true},
		{0, 65535, true},  {1, WORLD_GUE_PORT + 1, false},
		{1, 0, false},	   {1, WORLD_GUE_PORT, true},
	};
	struct error *error;

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		error = make_error(sent, type, code);
		set_port(error, ports[i].which, ports[i].port);
		assert_int_equal(count_of(error, host),
				 ports[i].counts ? SLUICE_UNREACHABLE_PORT : NO_KIND);
	}
	/* The other mode's. */
	error = make_error(sent, type, code);
	QUOTE(error)[is_v6(error) ? 6 : 9] = IPPROTO_IPIP;
	assert_int_equal(count_of(error, host), NO_KIND);
	/* The port changes, what comes late tells of the one before. */
	world->members[1].gue_port_be = world->members[2].gue_port_be = htons(7000);
	assert_int_equal(count_of(make_error(sent, type, code), host), NO_KIND);
	error = make_error(sent, type, code);
	set_port(error, 1, 7000);
	assert_int_equal(count_of(error, host), SLUICE_UNREACHABLE_PORT);
	world->members[1].gue_port_be = world->members[2].gue_port_be = htons(WORLD_GUE_PORT);
}

static void test_ports(void **state)
{
	(void)state;
	check_ports(&sent4[0], 3, 3, MEMBER4);
	check_ports(&sent4[1], 3, 3, MEMBER4);
	check_ports(&sent6[0], 1, 4, MEMBER6);
	check_ports(&sent6[1], 1, 4, MEMBER6);
	/* Mode ipip has none, whatever its cell says. */
	world_member(world, 1, MEMBER4, SLUICE_MODE_IPIP, 1, 1500);
	assert_int_equal(count_of(make_error(&sent4[0], 3, 3), MEMBER4), NO_KIND);
}

/* As they may come. */
static void test_carried(void **state)
{
	struct error *error;

	(void)state;
	for (uint8_t options = 4; options <= 40; options += 4) {
		error = make_error(&sent4[0], 3, 1);
		error->packet.options = options;
		assert_int_equal(count_of(error, MEMBER4), SLUICE_UNREACHABLE_HOST);
	}
	error = make_error(&sent4[0], 3, 1);
	error->packet.tags[0] = (struct tag){0x88a8, 7};
	error->packet.tags[1] = (struct tag){0x8100, 8};
	assert_int_equal(count_of(error, MEMBER4), SLUICE_UNREACHABLE_HOST);
	error = make_error(&sent6[0], 1, 3);
	error->packet.tags[0] = (struct tag){0x8100, 8};
	assert_int_equal(count_of(error, MEMBER6), SLUICE_UNREACHABLE_HOST);
	/* Nobody sends these behind extension headers. */
	error = make_error(&sent6[0], 1, 3);
	error->packet.extensions[0] = IPPROTO_DSTOPTS;
	assert_int_equal(count_of(error, MEMBER6), NO_KIND);
	/* A service on the outer source leaves errors to the stack as well. */
	world_service(world, 9, OURS4, 22, IPPROTO_TCP, 0)->word |= SLUICE_SVC_F_LOCAL;
	world_address(world, OURS4, SLUICE_SVC_F_PASS_UNKNOWN | SLUICE_SVC_F_LOCAL);
	assert_int_equal(count_of(make_error(&sent4[0], 3, 1), MEMBER4), SLUICE_UNREACHABLE_HOST);
}

/* What the tables say must fit together: members come and go between two looks at them. */
static void test_members(void **state)
{
	struct error *error = make_error(&sent4[0], 3, 3);
	struct sluice_member was = world->members[1];

	(void)state;
	assert_int_equal(count_of(error, MEMBER4), SLUICE_UNREACHABLE_PORT);
	world->members[1].word |= SLUICE_MEMBER_F_DEAD; /* it may have answered before */
	assert_int_equal(count_of(error, MEMBER4), SLUICE_UNREACHABLE_PORT);
	world_member(world, 1, MEMBER4, SLUICE_MODE_L2, 1, 1500);
	assert_int_equal(count_of(error, MEMBER4), NO_KIND);
	world_member(world, 1, "10.0.0.12", SLUICE_MODE_IPIP, 1, 1500);
	assert_int_equal(count_of(error, MEMBER4), NO_KIND);
	world_member(world, 1, MEMBER4, SLUICE_MODE_IPIP, 2, 1500); /* has no source */
	assert_int_equal(count_of(error, MEMBER4), NO_KIND);
	world_member(world, 1, MEMBER4, SLUICE_MODE_IPIP, WORLD_NEXTHOPS, 1500);
	assert_int_equal(count_of(error, MEMBER4), NO_KIND);
	world->members[1] = was;
	world->members[1].word = 0;
	assert_int_equal(count_of(error, MEMBER4), NO_KIND);
	world->members[1] = was;
	assert_int_equal(count_of(error, MEMBER4), SLUICE_UNREACHABLE_PORT);
	world_host(world, MEMBER4, WORLD_MEMBERS);
	assert_int_equal(count_of(error, MEMBER4), NO_KIND);
}

/* Nobody makes them look like more than there can be, nor at the cost of another host. */
static void test_bounded(void **state)
{
	uint64_t counted;

	(void)state;
	for (int i = 0; i < 3 * SLUICE_UNREACHABLE_PER_S; i++)
		count_of(make_error(&sent4[0], 3, 1), MEMBER4);
	counted = world_host_of(world, MEMBER4).unreachable[SLUICE_UNREACHABLE_HOST];
	assert_int_equal(counted, SLUICE_UNREACHABLE_PER_S);
	assert_int_equal(count_of(make_error(&sent4[0], 3, 2), MEMBER4), NO_KIND);
	assert_int_equal(count_of(make_error(&sent6[0], 1, 3), MEMBER6), SLUICE_UNREACHABLE_HOST);
	*world->clock_ns += SECOND;
	assert_int_equal(count_of(make_error(&sent4[0], 3, 2), MEMBER4),
			 SLUICE_UNREACHABLE_PROTOCOL);
}

static void test_explained(void **state)
{
	struct error *error = make_error(&sent4[0], 3, 1);
	struct world_run run;
	struct frame frame;

	(void)state;
	frame_build(&frame, &error->packet);
	world_run_explain(world, &frame, &run);
	assert_int_equal(run.verdict, SLUICE_V_not_service);
	assert_int_equal(world_host_of(world, MEMBER4).unreachable[SLUICE_UNREACHABLE_HOST], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_kinds, set_up),
		cmocka_unit_test_setup(test_forged, set_up),
		cmocka_unit_test_setup(test_cut, set_up),
		cmocka_unit_test_setup(test_carried, set_up),
		cmocka_unit_test_setup(test_members, set_up),
		cmocka_unit_test_setup(test_bounded, set_up),
		cmocka_unit_test_setup(test_explained, set_up),
		cmocka_unit_test_setup(test_kinds, set_up_gue),
		cmocka_unit_test_setup(test_forged, set_up_gue),
		cmocka_unit_test_setup(test_cut_gue, set_up_gue),
		cmocka_unit_test_setup(test_carried, set_up_gue),
		cmocka_unit_test_setup(test_ports, set_up_gue),
	};
	int failed;

	if (world_must_skip())
		return 0;
	world = world_new(&(struct world_options){0});
	failed = cmocka_run_group_tests_name("unreachable", tests, NULL, NULL);
	world_free(world);
	return failed;
}
