/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Captured packets: as they arrived, with what became of them; only what was asked for, and only
 * while it is on. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>
#include <linux/bpf.h>
#include <netinet/in.h>

#include <sluice/capture_types.h>

#include "packet/samples.h"
#include "packet/lists.h"
#include "packet/world.h"

#define S 1000000000ULL
#define START (1000 * S)
#define HEADER offsetof(struct sluice_capture, data)
#define KEPT_MAX 8

static struct world *world;
static struct ring_buffer *ring;
static struct sluice_capture kept[KEPT_MAX];
static size_t kept_size[KEPT_MAX];
static int kept_count;
static uint32_t session;

static int on_packet(void *arg, void *data, size_t size)
{
	(void)arg;
	if (kept_count < KEPT_MAX) {
		assert_true(size >= HEADER && size <= sizeof(kept[0]));
		memset(&kept[kept_count], 0xee, sizeof(kept[0]));
		memcpy(&kept[kept_count], data, size);
		kept_size[kept_count] = size;
	}
	kept_count++;
	return 0;
}

static int read_packets(void)
{
	kept_count = 0;
	ring_buffer__consume(ring);
	return kept_count;
}

static struct sluice_capture_cpu sum_cpus(void)
{
	static struct sluice_capture_cpu cpus[256];
	struct sluice_capture_cpu sum = {0};
	uint32_t zero = 0;

	assert_int_equal(
		bpf_map_lookup_elem(bpf_map__fd(world->skel->maps.capture_scratch), &zero, cpus),
		0);
	for (int cpu = 0; cpu < libbpf_num_possible_cpus(); cpu++) {
		sum.withheld += cpus[cpu].withheld;
		sum.lost += cpus[cpu].lost;
	}
	return sum;
}

/* On for ten seconds. */
static void start(struct sluice_capture_filter filter)
{
	uint32_t zero = 0;

	filter.session = ++session;
	if (!filter.verdicts)
		filter.verdicts = ~0ULL;
	if (!filter.bytes)
		filter.bytes = SLUICE_CAPTURE_BYTES;
	if (!filter.per_s)
		filter.per_s = 1000000;
	world->control->capture = 0;
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(world->skel->maps.capture_filter), &zero,
					     &filter, BPF_ANY),
			 0);
	world->control->capture = *world->clock_ns + 10 * S;
}

/* Service 1 in a tunnel, 2 local, 3 over IPv6, 4 of nobody, 5 behind a limit that is used up, 6 to a
 * member with a small MTU. */
static int set_up(void **state)
{
	struct sluice_nexthop hop = {.ifindex = WORLD_IFINDEX, .src4_be = htonl(0x0a000002)};

	(void)state;
	world_clear(world);
	*world->clock_ns += START;
	memset(world->control, 0, sizeof(*world->control));
	hop.src6 = world_addr("2001:db8:f::2");
	world_nexthop(world, 1, &hop);
	world_member(world, 1, "10.0.0.11", SLUICE_MODE_IPIP, 1, 1500);
	world_member(world, 2, "10.0.0.12", SLUICE_MODE_IPIP, 1, 100);
	world_slots(world, 0, 1, 0);
	world_slots(world, 1, 0, 0);
	world_slots(world, 2, 2, 0);
	world_service(world, 1, "192.0.2.1", 80, IPPROTO_TCP, 0);
	world_service(world, 2, "192.0.2.2", 80, IPPROTO_TCP, 0)->word |= SLUICE_SVC_F_LOCAL;
	world_service(world, 3, "2001:db8::1", 80, IPPROTO_TCP, 0);
	world_service(world, 4, "192.0.2.4", 80, IPPROTO_TCP, 1);
	world_service(world, 5, "192.0.2.5", 80, IPPROTO_TCP, 0)->limits = 3;
	world_service(world, 6, "192.0.2.6", 80, IPPROTO_TCP, 2);
	/* Nothing passes: not even the first packet fits. */
	world->limits[3].rate = SLUICE_LIMIT_RATE(1000, 999);
	world->limits[3].word = SLUICE_LIMIT_F_USED | 32ULL << 38 |
				(uint64_t)SLUICE_COUNT_PACKETS << 44 |
				(uint64_t)SLUICE_LIMIT_ENFORCE << 48 | 31ULL << 51 | 63ULL << 56;
	read_packets();
	return 0;
}

#define FROM4 .src = "198.51.100.7", .proto = IPPROTO_TCP, .sport = 40000, .dport = 80
#define FROM6                                                                                      \
	.src = "2001:db8:c::7", .dst = "2001:db8::1", .proto = IPPROTO_TCP, .sport = 40000,        \
	.dport = 80
#define TO(addr) FROM4, .dst = addr, .payload_len = 20

static const struct row {
	struct packet packet;
	enum sluice_verdict verdict;
	uint32_t service, member, limit;
} rows[] = {
	{{TO("192.0.2.1")}, SLUICE_V_forwarded, 1, 1, 0},
	{{.tags = {{0x88a8, 7}, {0x8100, 100}}, TO("192.0.2.1")}, SLUICE_V_forwarded, 1, 1, 0},
	{{FROM6, .payload_len = 33}, SLUICE_V_forwarded, 3, 1, 0},
	{{.tags = {{0x88a8, 7}, {0x8100, 100}}, FROM6}, SLUICE_V_forwarded, 3, 1, 0},
	{{FROM6, .extensions = {EXT_HOP_BY_HOP, 60}}, SLUICE_V_forwarded, 3, 1, 0},
	{{TO("192.0.2.2")}, SLUICE_V_local, 2, 0, 0},
	{{TO("192.0.2.99")}, SLUICE_V_not_service, 0, 0, 0},
	{{.ethertype = 0x88cc, .payload_len = 28}, SLUICE_V_not_ip, 0, 0, 0},
	{{.ethertype = 0x0806, .payload_len = 28}, SLUICE_V_neighbor_passed, 0, 0, 0},
	{{.ethertype = 0x0806, .payload_len = 27}, SLUICE_V_neighbor_passed, 0, 0, 0},
	{{TO("192.0.2.1"), .fragment = 0x2000}, SLUICE_V_fragment, 0, 0, 0},
	{{FROM4, .dst = "192.0.2.1", .cut = 1}, SLUICE_V_truncated_l4, 0, 0, 0},
	{{TO("192.0.2.4")}, SLUICE_V_no_member, 4, 0, 0},
	{{TO("192.0.2.5")}, SLUICE_V_limit, 5, 0, 3},
	{{FROM4, .dst = "192.0.2.6", .payload_len = 61}, SLUICE_V_too_big, 6, 2, 0},
	{{.src = "198.51.100.7", .dst = "192.0.2.1", .proto = IPPROTO_UDP, .dport = 9},
	 SLUICE_V_unknown_port,
	 0,
	 0,
	 0},
};

/* The copy is what arrived, whatever the program has made of the packet since. */
static void check_copy(const struct frame *frame, const struct world_run *run)
{
	uint32_t bytes = frame->len > SLUICE_CAPTURE_BYTES ? SLUICE_CAPTURE_BYTES : frame->len;

	assert_int_equal(read_packets(), 1);
	assert_int_equal(kept[0].verdict, run->verdict);
	assert_int_equal(kept[0].session, session);
	assert_int_equal(kept[0].bytes, frame->len);
	assert_int_equal(kept[0].taken, bytes);
	assert_int_equal(kept_size[0], HEADER + bytes);
	assert_memory_equal(kept[0].data, frame->data, bytes);
	assert_int_equal(kept[0].ifindex, WORLD_IFINDEX);
	assert_true(kept[0].time_ns > 0);
}

static void each_verdict_is_captured(void **state)
{
	struct sluice_addr none = {0};
	struct world_run run, told;
	struct frame frame;

	(void)state;
	start((struct sluice_capture_filter){0});
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool is_ip = rows[i].packet.src;

		frame_build(&frame, &rows[i].packet);
		world_run_explain(world, &frame, &told);
		world_run(world, &frame, &run);
		if (run.verdict != rows[i].verdict)
			fail_msg("row %zu: %s", i, world_verdict_name(run.verdict));
		check_copy(&frame, &run);
		assert_int_equal(kept[0].service, rows[i].service);
		assert_int_equal(kept[0].member, rows[i].member);
		assert_int_equal(kept[0].limit, rows[i].limit);
		assert_memory_equal(&kept[0].tuple, &world->explain->tuple, sizeof(kept[0].tuple));
		if (is_ip || rows[i].verdict == SLUICE_V_neighbor_passed)
			assert_int_equal(kept[0].l3_off, frame_l3_offset(&rows[i].packet));
		else
			assert_memory_equal(&kept[0].tuple.saddr, &none, sizeof(none));
	}
}

/* The list that decided goes with the packet: denied for all, not in the service's, or in it. */
static void lists_are_named(void **state)
{
	struct prefix_set *denied = lists_set("203.0.113.0/24");
	struct prefix_set *allowed = lists_set("198.51.100.0/24");
	const struct access_source sources[] = {{denied, ACCESS_KIND_DENY, 9},
						{allowed, ACCESS_KIND_ALLOW, 11}};
	static const struct {
		const char *source;
		enum sluice_verdict verdict;
		uint16_t list;
	} said[] = {{"203.0.113.7", SLUICE_V_list_deny, 9},
		    {"192.0.2.200", SLUICE_V_list_not_allowed, 11},
		    {"198.51.100.7", SLUICE_V_forwarded, 11}};
	struct world_run run;
	struct frame frame;

	(void)state;
	lists_write(world, sources, 2);
	world_service(world, 1, "192.0.2.1", 80, IPPROTO_TCP, 0)->allow = 11;
	start((struct sluice_capture_filter){0});
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		struct packet packet = {TO("192.0.2.1")};

		packet.src = said[i].source;
		frame_build(&frame, &packet);
		world_run(world, &frame, &run);
		assert_int_equal(run.verdict, said[i].verdict);
		check_copy(&frame, &run);
		assert_int_equal(kept[0].list, said[i].list);
		assert_int_equal(kept[0].limit, 0);
	}
	lists_write(world, NULL, 0);
	prefix_set_unref(denied);
	prefix_set_unref(allowed);
}

/* Also what nobody has foreseen: the copy is the frame, and the verdict the one that was counted. */
static void mangled_packets_are_captured(void **state)
{
	unsigned long long seed = 4711;
	struct world_run run;
	struct frame frame;

	(void)state;
	start((struct sluice_capture_filter){0});
	for (unsigned int i = 0; i < 3000; i++) {
		frame_build(&frame, &samples[i % sample_count]);
		sample_mangle(&frame, &seed);
		world_run(world, &frame, &run);
		check_copy(&frame, &run);
	}
}

static void other_hosts_and_the_end_of_a_trial(void **state)
{
	const uint8_t cell[2][8] = {{2, 0, 0, 0, 0, 9, 0, SLUICE_INTERFACE_MARK(WORLD_IFINDEX)}};
	struct world_run run;
	struct frame frame;

	(void)state;
	start((struct sluice_capture_filter){0});
	memcpy(&world->interfaces[WORLD_IFINDEX], cell, sizeof(cell));
	frame_build(&frame, &rows[0].packet);
	world_run(world, &frame, &run);
	assert_int_equal(run.verdict, SLUICE_V_other_host);
	check_copy(&frame, &run);
	assert_int_equal(kept[0].tuple.family, SLUICE_FAMILY_V4);

	world->control->deadline_ns = 1;
	world_run(world, &frame, &run);
	assert_int_equal(run.verdict, SLUICE_V_expired);
	check_copy(&frame, &run);
	assert_int_equal(kept[0].tuple.family, 0);
	assert_int_equal(kept[0].l3_off, 0);
}

static void run_row(size_t row)
{
	struct world_run run;

	world_run_packet(world, &rows[row].packet, &run);
	assert_int_equal(run.verdict, rows[row].verdict);
}

static void off_unless_on(void **state)
{
	struct world_run run;
	struct frame frame;

	(void)state;
	run_row(0);
	assert_int_equal(read_packets(), 0);
	start((struct sluice_capture_filter){0});
	run_row(0);
	assert_int_equal(read_packets(), 1);
	frame_build(&frame, &rows[0].packet);
	world_run_explain(world, &frame, &run);
	assert_int_equal(read_packets(), 0);
	world->control->capture = 0;
	run_row(0);
	assert_int_equal(read_packets(), 0);
}

/* Nobody has to switch it off. */
static void ends_by_itself(void **state)
{
	(void)state;
	start((struct sluice_capture_filter){0});
	*world->clock_ns += 10 * S - 1;
	run_row(0);
	assert_int_equal(read_packets(), 1);
	*world->clock_ns += 1;
	run_row(0);
	assert_int_equal(read_packets(), 0);
	*world->clock_ns += 1000000 * S;
	run_row(0);
	assert_int_equal(read_packets(), 0);
}

static void long_packets_are_cut(void **state)
{
	struct packet packet = {TO("192.0.2.1")};
	struct world_run run;
	struct frame frame;

	(void)state;
	start((struct sluice_capture_filter){0});
	for (uint32_t length = 254; length <= 258; length++) {
		packet.payload_len = (uint16_t)(length - 54);
		frame_build(&frame, &packet);
		assert_int_equal(frame.len, length);
		world_run(world, &frame, &run);
		check_copy(&frame, &run);
	}
	start((struct sluice_capture_filter){.bytes = 64});
	world_run(world, &frame, &run);
	assert_int_equal(read_packets(), 1);
	assert_int_equal(kept[0].taken, 64);
	assert_int_equal(kept_size[0], HEADER + 64);
	assert_int_equal(kept[0].bytes, 258);
	/* More than there is room for is no more than that. */
	start((struct sluice_capture_filter){.bytes = 100000});
	world_run(world, &frame, &run);
	check_copy(&frame, &run);
}

/* How many of all rows the filter lets through. */
static int count_matches(struct sluice_capture_filter filter)
{
	start(filter);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		run_row(i);
	return read_packets();
}

static int count_source(const char *text, unsigned int length)
{
	struct sluice_capture_filter filter = {.source = world_addr(text)};
	unsigned int bits = strchr(text, ':') ? length : 96 + length;

	for (unsigned int i = 0; i < bits; i++)
		filter.mask.b[i / 8] |= (uint8_t)(0x80 >> i % 8);
	return count_matches(filter);
}

static void filters(void **state)
{
	const int all = sizeof(rows) / sizeof(rows[0]), v6 = 3, without = 1, arp = 2;

	(void)state;
	assert_int_equal(count_matches((struct sluice_capture_filter){0}), all);
	assert_int_equal(count_matches((struct sluice_capture_filter){.service = 1}), 2);
	assert_int_equal(count_matches((struct sluice_capture_filter){.service = 3}), 3);
	assert_int_equal(count_matches((struct sluice_capture_filter){.service = 77}), 0);
	assert_int_equal(count_matches((struct sluice_capture_filter){
				 .verdicts = 1ULL << SLUICE_V_limit | 1ULL << SLUICE_V_not_ip}),
			 2);
	assert_int_equal(count_matches((struct sluice_capture_filter){
				 .service = 1, .verdicts = 1ULL << SLUICE_V_limit}),
			 0);
	assert_int_equal(count_source("198.51.100.7", 32), all - v6 - without - arp);
	assert_int_equal(count_source("198.51.100.0", 24), all - v6 - without - arp);
	assert_int_equal(count_source("198.51.100.6", 31), all - v6 - without - arp);
	assert_int_equal(count_source("198.51.100.8", 32), 0);
	assert_int_equal(count_source("198.51.101.0", 24), 0);
	/* All of IPv4, and no IPv6. */
	assert_int_equal(count_source("0.0.0.0", 0), all - v6 - without);
	assert_int_equal(count_source("2001:db8:c::", 48), v6);
	assert_int_equal(count_source("2001:db8:c::7", 128), v6);
	assert_int_equal(count_source("2001:db8:d::", 48), 0);
	assert_int_equal(count_source("2000::", 3), v6);
}

/* Test runs stay on this CPU as long as nobody moves us; a gate is a CPU's own. */
static void gate(void **state)
{
	struct sluice_capture_cpu before = sum_cpus(), after;
	int i, passed;

	(void)state;
	/* A second of 2^30 ns begins. */
	*world->clock_ns = ((*world->clock_ns >> 30) + 1) << 30;
	start((struct sluice_capture_filter){.per_s = 3});
	for (i = 0; i < 5000; i++)
		run_row(0);
	passed = read_packets();
	after = sum_cpus();
	assert_in_range(passed, 3, 3 * libbpf_num_possible_cpus());
	assert_int_equal(after.withheld - before.withheld, 5000 - passed);
	*world->clock_ns += 1 << 30;
	run_row(0);
	assert_int_equal(read_packets(), 1);
}

static void full_ring(void **state)
{
	const int count = 2 * SLUICE_CAPTURES_BYTES / (int)(HEADER + 8 + 94);
	struct sluice_capture_cpu before = sum_cpus(), after;
	int passed;

	(void)state;
	start((struct sluice_capture_filter){0});
	for (int i = 0; i < count; i++)
		run_row(0);
	passed = read_packets();
	after = sum_cpus();
	assert_in_range(passed, 1, count - 1);
	assert_int_equal(after.lost - before.lost, count - passed);
	run_row(0);
	assert_int_equal(read_packets(), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_verdict_is_captured, set_up),
		cmocka_unit_test_setup(lists_are_named, set_up),
		cmocka_unit_test_setup(mangled_packets_are_captured, set_up),
		cmocka_unit_test_setup(other_hosts_and_the_end_of_a_trial, set_up),
		cmocka_unit_test_setup(off_unless_on, set_up),
		cmocka_unit_test_setup(ends_by_itself, set_up),
		cmocka_unit_test_setup(long_packets_are_cut, set_up),
		cmocka_unit_test_setup(filters, set_up),
		cmocka_unit_test_setup(gate, set_up),
		cmocka_unit_test_setup(full_ring, set_up),
	};
	int failed;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (world_must_skip())
		return 0;
	world = world_new(&(struct world_options){0});
	ring = ring_buffer__new(bpf_map__fd(world->skel->maps.captures), on_packet, NULL, NULL);
	failed = cmocka_run_group_tests_name("capture", tests, NULL, NULL);
	ring_buffer__free(ring);
	world_free(world);
	return failed;
}
