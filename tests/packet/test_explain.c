/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* sluice_explain foretells what sluice does, on random packets in a random world, and leaves no
 * trace. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>
#include <linux/bpf.h>
#include <netinet/in.h>

#include <sluice/event.h>
#include <sluice/hash.h>

#include "base/addr.h"
#include "packet/lists.h"
#include "packet/samples.h"
#include "packet/world.h"

#define WORLDS 20
#define PACKETS 400 /* in each */
#define MS 1000000ULL
#define SEED 0x51c1ceULL
#define ALLOW_LIST 43

static struct world *world;
static struct ring_buffer *ring;
static struct sluice_event last;
static int reported;
static unsigned long long seed = SEED;

static unsigned int below(unsigned int n)
{
	return (unsigned int)(sluice_hash_mix(seed++) >> 20) % n;
}

static bool chance(unsigned int percent)
{
	return below(100) < percent;
}

/* ---- a world ------------------------------------------------------------------------------- */

static const char *const addresses[] = {"192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"};
static const uint16_t ports[] = {80, 53, 443, 8080};

static void make_limits(void)
{
	uint32_t i;

	for (i = 1; i < WORLD_LIMITS; i++) {
		uint64_t count = SLUICE_COUNT_PACKETS + below(3), inc = 1000;
		uint64_t mode = chance(60)   ? SLUICE_LIMIT_ENFORCE
				: chance(70) ? SLUICE_LIMIT_SHADOW
					     : SLUICE_LIMIT_DISABLED;

		/* 2^4 sets each; units of 2^20 ns, a packet is about 1000, so a burst takes seconds. */
		if (count == SLUICE_COUNT_BYTES)
			inc = 1000 << 9;
		world->limits[i].rate = SLUICE_LIMIT_RATE(inc, 1000 * (1 + below(6)));
		world->limits[i].flags = chance(30) ? SLUICE_LIMIT_F_CLOSED : 0;
		world->limits[i].word = (uint64_t)i << 4 | 4ULL << 32 | 24ULL << 38 | count << 44 |
					mode << 48 | SLUICE_LIMIT_F_USED |
					(uint64_t)(23 + below(9)) << 51 |
					(uint64_t)(47 + below(80)) << 56;
	}
}

/* Of some sources, in the lengths that their limits happen to have. */
static void make_bans(void)
{
	char source[48];
	uint32_t count = below(16), i;

	for (i = 0; i < count; i++) {
		uint32_t limit = 1 + below(WORLD_LIMITS - 1);
		uint64_t until_ns = *world->clock_ns + below(20000) * MS;
		struct sluice_addr addr;

		if (chance(50))
			snprintf(source, sizeof(source), "198.51.%u.%u", 100 + below(2),
				 1 + below(6));
		else
			snprintf(source, sizeof(source), "2001:db8:c:%x::%x", below(2),
				 1 + below(6));
		addr = world_addr(source);
		addr_mask(&addr, strchr(source, ':')
					 ? SLUICE_LIMIT_PLEN6(world->limits[limit].word)
					 : SLUICE_LIMIT_PLEN4(world->limits[limit].word));
		world_ban(world, limit, addr_format(&addr, source), until_ns,
			  chance(50) ? SLUICE_BAN_F_ALL : 0);
	}
}

static void make_ceiling(uint32_t index)
{
	world->ceilings[index].k = 24;
	world->ceilings[index].rate = SLUICE_LIMIT_RATE(1000, 1000 * below(6));
}

static void make_members(void)
{
	static const enum sluice_mode modes[] = {SLUICE_MODE_L2, SLUICE_MODE_IPIP, SLUICE_MODE_GUE,
						 SLUICE_MODE_MAX};
	uint32_t i;

	for (i = 1; i < 8; i++) {
		struct sluice_nexthop hop = {.ifindex = chance(92) ? WORLD_IFINDEX : 4711};

		if (chance(92))
			hop.src4_be = htonl(0x0a000002);
		hop.src6 = world_addr(chance(92) ? "2001:db8:f::2" : "::");
		if (chance(30)) {
			hop.flags = SLUICE_NEXTHOP_F_VLAN;
			hop.vlan_tci_be = htons(100);
		}
		world_nexthop(world, i, &hop);
	}
	for (i = 1; i < 24; i++) {
		world_member(world, i, chance(60) ? "10.0.0.11" : "2001:db8:b::11",
			     modes[below(chance(95) ? 3 : 4)],
			     chance(92) ? 1 + below(7) : SLUICE_NEXTHOP_NONE,
			     chance(85) ? 1500 : 80);
		if (chance(20))
			make_ceiling(world->members[i].ceiling = 32 + i);
		if (chance(20))
			world->members[i].word |= SLUICE_MEMBER_F_DEAD;
		else if (chance(5))
			world->members[i].word = 0;
	}
}

static uint8_t usual_proto(uint16_t port)
{
	return port == 53 ? IPPROTO_UDP : IPPROTO_TCP;
}

/* Up to four, all different. */
static uint64_t some_limits(void)
{
	uint32_t count = chance(40) ? 0 : below(SLUICE_SERVICE_LIMITS_MAX + 1), index = 0, i;
	uint64_t word = 0;

	for (i = 0; i < count; i++) {
		index += 1 + below((WORLD_LIMITS - 1) / SLUICE_SERVICE_LIMITS_MAX);
		word |= (uint64_t)index << (16 * i);
	}
	return word;
}

static void make_services(void)
{
	uint32_t id = 1;
	size_t a, p, i;

	for (i = 0; i < WORLD_SLOTS; i++) {
		uint32_t owner = chance(97) ? 1 + below(23) : chance(90) ? 0 : WORLD_MEMBERS;

		world->slots[i] = SLUICE_SLOT(owner, owner);
	}
	for (i = 0; i < WORLD_SLOTS / 2; i++)
		world->runners[i] = (uint64_t)below(24) | (uint64_t)below(24) << 32;
	/* No limit is for all packets and for a service's, too. */
	world->control->host_limits = chance(30) ? 13 | 14ULL << 16 : 0;
	for (a = 0; a < sizeof(addresses) / sizeof(addresses[0]); a++) {
		for (p = 0; p < sizeof(ports) / sizeof(ports[0]); p++) {
			uint8_t proto = usual_proto(ports[p]);
			struct sluice_service *cell;

			if (chance(25))
				continue;
			cell = world_service(world, id++, addresses[a], chance(90) ? ports[p] : 0,
					     proto, below(4));
			if (chance(10))
				cell->word |= SLUICE_SVC_F_LOCAL;
			else if (chance(20))
				cell->word |= SLUICE_SVC_F_TRACK;
			if (chance(20)) {
				cell->word |= SLUICE_SVC_F_CEILING;
				make_ceiling(cell->id);
			}
			cell->limits = some_limits();
			if (chance(30))
				cell->allow = ALLOW_LIST;
		}
		world_address(world, addresses[a], chance(50) ? SLUICE_SVC_F_PASS_UNKNOWN : 0);
	}
}

/* Each kind touches some of the sources below; a source in several has the first one that fits. */
static void make_lists(void)
{
	static const struct {
		enum access_kind kind;
		uint16_t list;
		const char *prefixes;
	} kinds[] = {
		{ACCESS_KIND_MANAGEMENT, 0, "198.51.100.1\n2001:db8:c::1\n"},
		{ACCESS_KIND_EXEMPT, 41, "198.51.100.0/30\n2001:db8:c:0::/126\n"},
		{ACCESS_KIND_INFRA, 0, "198.51.101.4\n2001:db8:c:1::4\n"},
		{ACCESS_KIND_DENY, 42, "198.51.101.4/31\n2001:db8:c:1::4/127\n"},
		{ACCESS_KIND_ALLOW, ALLOW_LIST, "198.51.100.0/24\n198.51.101.5\n2001:db8:c::/64\n"},
	};
	struct access_source sources[sizeof(kinds) / sizeof(kinds[0])];
	size_t count = 0, i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (chance(70))
			sources[count++] = (struct access_source){lists_set(kinds[i].prefixes),
								  kinds[i].kind, kinds[i].list};
	lists_write(world, sources, count);
	for (i = 0; i < count; i++)
		prefix_set_unref((struct prefix_set *)sources[i].set);
}

static void make_world(void)
{
	world_clear(world);
	make_lists();
	make_limits();
	if (chance(50))
		make_bans();
	make_members();
	make_services();
}

/* ---- a packet ------------------------------------------------------------------------------ */

static void make_frame(struct frame *frame)
{
	static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP};
	uint16_t port = ports[below(4)];
	static const uint8_t flags[] = {TCP_SYN, TCP_ACK, TCP_SYN | TCP_ACK, TCP_FIN | TCP_ACK, 0};
	const char *dst = addresses[below(4)];
	bool is_v6 = strchr(dst, ':');
	char src[48];
	struct packet packet = {
		.dst = dst,
		.src = src,
		.proto = chance(80) ? usual_proto(port) : protos[below(3)],
		.sport = (uint16_t)(1024 + below(5000)),
		.dport = port,
		.tcp_flags = flags[below(5)],
		.payload_len = (uint16_t)(chance(80) ? below(60) : below(1400)),
		.tos = (uint8_t)below(256),
	};

	if (chance(5))
		packet.dst = is_v6 ? "2001:db8::99" : "192.0.2.99";
	if (chance(20))
		packet.tags[0] = (struct tag){0x8100, 100};
	if (chance(10) && !is_v6)
		packet.options = (uint8_t)(4 * (1 + below(10)));
	if (chance(5))
		packet.fragment = is_v6 ? 0x0001 : 0x2000;
	if (chance(5) && is_v6)
		packet.extensions[0] = IPPROTO_FRAGMENT;
	if (is_v6)
		snprintf(src, sizeof(src), "2001:db8:c:%x::%x", below(2), 1 + below(6));
	else
		snprintf(src, sizeof(src), "198.51.%u.%u", 100 + below(2), 1 + below(6));
	frame_build(frame, &packet);
	if (chance(25))
		sample_mangle(frame, &seed);
}

/* ---- traces -------------------------------------------------------------------------------- */

#define CPUS_MAX 256

static struct trace {
	uint64_t slots[WORLD_SLOTS], runners[WORLD_SLOTS / 2];
	struct sluice_service services[WORLD_CELLS];
	struct sluice_member members[WORLD_MEMBERS];
	struct sluice_nexthop nexthops[WORLD_NEXTHOPS];
	struct sluice_limit limits[WORLD_LIMITS];
	struct sluice_limit_set sets[WORLD_LIMIT_SETS];
	struct sluice_ceiling ceilings[WORLD_CEILINGS];
	struct sluice_interface interfaces[SLUICE_INTERFACES];
	uint64_t counters[1 << 16];
	size_t counted;
} before, after;

/* Per-CPU maps whole, CPU by CPU. */
static void take_counters(struct trace *trace)
{
	static uint64_t values[CPUS_MAX * 8];
	size_t cpus = (size_t)libbpf_num_possible_cpus();
	struct bpf_map *map;
	uint32_t i;

	trace->counted = 0;
	bpf_object__for_each_map(map, world->skel->obj)
	{
		size_t words = bpf_map__value_size(map) / 8;

		if (bpf_map__type(map) != BPF_MAP_TYPE_PERCPU_ARRAY || words > 8)
			continue;
		for (i = 0; i < bpf_map__max_entries(map); i++) {
			assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(map), &i, values), 0);
			assert_true(trace->counted + words * cpus <= 1 << 16);
			memcpy(trace->counters + trace->counted, values, words * cpus * 8);
			trace->counted += words * cpus;
		}
	}
}

static void take_trace(struct trace *trace)
{
	memcpy(trace->slots, world->slots, sizeof(trace->slots));
	memcpy(trace->runners, world->runners, sizeof(trace->runners));
	memcpy(trace->services, world->services, sizeof(trace->services));
	memcpy(trace->members, world->members, sizeof(trace->members));
	memcpy(trace->nexthops, world->nexthops, sizeof(trace->nexthops));
	memcpy(trace->limits, world->limits, sizeof(trace->limits));
	memcpy(trace->sets, world->limit_sets, sizeof(trace->sets));
	memcpy(trace->ceilings, world->ceilings, sizeof(trace->ceilings));
	memcpy(trace->interfaces, world->interfaces, sizeof(trace->interfaces));
	take_counters(trace);
}

static int on_event(void *arg, void *data, size_t len)
{
	(void)arg;
	assert_true(len >= sizeof(last));
	memcpy(&last, data, sizeof(last));
	reported++;
	return 0;
}

static int read_events(void)
{
	reported = 0;
	ring_buffer__consume(ring);
	return reported;
}

/* ---- the test ------------------------------------------------------------------------------ */

static void take_members(uint64_t packets[WORLD_MEMBERS])
{
	for (uint32_t i = 0; i < WORLD_MEMBERS; i++)
		packets[i] = world_member_stats(world, i).packets;
}

/* Which member the real path has counted the packet for; 0 for none. */
static uint32_t member_counted(const uint64_t packets[WORLD_MEMBERS])
{
	for (uint32_t i = 0; i < WORLD_MEMBERS; i++)
		if (world_member_stats(world, i).packets != packets[i])
			return i;
	return 0;
}

static void check_packet(const struct frame *frame)
{
	uint64_t packets[WORLD_MEMBERS];
	struct world_run told, done;
	struct sluice_explain found;

	take_trace(&before);
	world_run_explain(world, frame, &told);
	found = *world->explain;
	take_trace(&after);
	if (memcmp(&before, &after, sizeof(before)))
		fail_msg("explaining changed a map");
	assert_int_equal(read_events(), 0);

	take_members(packets);
	world_run(world, frame, &done);
	if (done.verdict != told.verdict || done.action != told.action) {
		frame_print("packet", frame->data, frame->len);
		fail_msg("explained as %s (XDP action %d), but %s (%d)",
			 world_verdict_name(told.verdict), told.action,
			 world_verdict_name(done.verdict), done.action);
	}
	assert_int_equal(told.out_len, done.out_len);
	assert_memory_equal(told.out, done.out, done.out_len);
	if (done.verdict == SLUICE_V_forwarded)
		assert_int_equal(found.member, member_counted(packets));
	if (done.action != XDP_DROP && done.verdict != SLUICE_V_too_big) {
		assert_int_equal(read_events(), 0);
		return;
	}
	/* Of a drop, answered or not, the path reports what it had found. */
	assert_int_equal(read_events(), 1);
	assert_int_equal(last.verdict, found.verdict);
	assert_int_equal(last.service, found.service);
	assert_int_equal(last.member, found.member);
	assert_int_equal(last.limit, found.limit);
	assert_int_equal(last.list, found.list);
	assert_memory_equal(&last.tuple, &found.tuple, sizeof(found.tuple));
}

static void explained_as_it_happens(void **state)
{
	static struct frame frame;
	int w, i;

	(void)state;
	for (w = 0; w < WORLDS; w++) {
		make_world();
		for (i = 0; i < PACKETS; i++) {
			*world->clock_ns += chance(3) ? below(2000) * MS : 0;
			make_frame(&frame);
			check_packet(&frame);
		}
	}
}

/* The comparison is worth what its packets reach. */
static void random_packets_reach_far(void **state)
{
	static const enum sluice_verdict wanted[] = {
		SLUICE_V_forwarded,	SLUICE_V_not_ip,	  SLUICE_V_not_service,
		SLUICE_V_local,		SLUICE_V_unknown_port,	  SLUICE_V_unknown_port_passed,
		SLUICE_V_bad_ip_header, SLUICE_V_bad_ip_length,	  SLUICE_V_fragment,
		SLUICE_V_truncated_l4,	SLUICE_V_limit,		  SLUICE_V_ban,
		SLUICE_V_host_limit,	SLUICE_V_service_ceiling, SLUICE_V_member_ceiling,
		SLUICE_V_no_member,	SLUICE_V_no_nexthop,	  SLUICE_V_too_big,
		SLUICE_V_bad_table,	SLUICE_V_list_deny,	  SLUICE_V_list_not_allowed,
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!world_verdicts_seen[wanted[i]])
			fail_msg("no packet got the verdict %s", world_verdict_name(wanted[i]));
	assert_true(world_verdicts_seen[SLUICE_V_forwarded] > WORLDS * PACKETS / 5);
	assert_true(world_verdicts_seen[SLUICE_V_limit] > WORLDS * PACKETS / 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(explained_as_it_happens),
		cmocka_unit_test(random_packets_reach_far),
	};
	int failed;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (world_must_skip())
		return 0;
	world = world_new(&(struct world_options){.events_per_s = 1U << 30});
	*world->clock_ns = 1000000 * MS;
	ring = ring_buffer__new(bpf_map__fd(world->skel->maps.events), on_event, NULL, NULL);
	failed = cmocka_run_group_tests_name("explain", tests, NULL, NULL);
	ring_buffer__free(ring);
	world_free(world);
	return failed;
}
