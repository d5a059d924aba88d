/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Nanoseconds a packet, for each path through the pipeline and 1 to 1 M flows, beside the floor
 * program and the full-tracking variant. Everything runs in turns on one CPU; a run whose packets
 * did not all get the verdict they should get ends the benchmark.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include <sluice/map_types.h>
#include <sluice/node_types.h>

#include "fixture.h"
#include "lists.h"
#include "measure.h"
#include "track_table.h"
#include "wrap_run.h"

#include "wrap_floor.skel.h"
#include "wrap_fulltrack.skel.h"
#include "wrap_packet.skel.h"

#define PACKET_PASSES (1U << 20)
#define PACKET_WARM (1U << 17) /* at least; else as many as there are flows */
#define PACKET_BYTES_V4 64
#define PACKET_BYTES_V6 84
#define PACKET_LO_IFINDEX 1 /* where test runs arrive unless told otherwise */

#define V4_IPIP 0xc0000201 /* 192.0.2.1 and so on */
#define V4_L2 0xc0000202
#define V4_LIMITED 0xc0000203
#define V4_NOBODY 0xc0000204
#define V4_MOVING 0xc0000205
#define V4_LIMITED_2 0xc0000206
#define V4_LIMITED_3 0xc0000207
#define V4_SAMPLED 0xc0000208
#define V4_WATCHED 0xc0000209
#define V4_GUE 0xc000020a
#define V6_IPIP 0x00030001
#define V6_GUE 0x00030002

/* As many sources as can be banned, none of which sends. */
#define BANNED 0xc8000000 /* 200.0.0.0 and so on */
#define BANS SLUICE_BANS_DEFAULT

/*
 * Limits that refuse nobody, yet every source is always in debt: a packet adds 0.1 s of it, and
 * five million are tolerated. Idle sources, whose words are free, would be cheaper to look up.
 */
#define LIMIT(number, length)                                                                      \
	{                                                                                          \
		.index = number, .k = 24, .inc = 100, .tau = 1U << 29, .sets_log2 = 17,            \
		.len4 = length, .base = (number - 1) << 17                                         \
	}
static const struct fixture_limit limits[] = {LIMIT(1, 32), LIMIT(2, 24), LIMIT(3, 16)};
#define LIMITS (sizeof(limits) / sizeof(limits[0]))

struct frame {
	uint8_t bytes[PACKET_BYTES_V6];
	uint32_t length;
};

struct path {
	const char *name;
	int program_fd;
	struct wrap_run *run;
	struct fixture *fixture; /* NULL: the program has no maps */
	struct frame frame;
	uint32_t undo_bytes;
	uint32_t action;
	enum sluice_verdict verdict;
	bool is_limited;  /* every flow has a source of its own */
	uint64_t control; /* SLUICE_CONTROL_F_*: what is asked */
	bool is_held;	  /* by an entry of its own */
};

static const uint32_t flow_counts[] = {1, 1U << 10, 1U << 16, 1U << 20};

#define FLOW_COUNTS (sizeof(flow_counts) / sizeof(flow_counts[0]))
#define PATHS_MAX 24
/* Of `flows`: two million entries, so that a million have room. */
#define PACKET_FLOW_SETS (1U << 19)

static double samples[PATHS_MAX][FLOW_COUNTS][MEASURE_ROUNDS_MAX];

static void *frame_ethernet(struct frame *f, uint16_t proto, uint32_t length)
{
	static const uint8_t client[] = {WRAP_MAC_CLIENT}, balancer[] = {WRAP_MAC_BALANCER};
	struct ethhdr *eth = (void *)f->bytes;

	memset(f, 0, sizeof(*f));
	f->length = length;
	memcpy(eth->h_dest, balancer, ETH_ALEN);
	memcpy(eth->h_source, client, ETH_ALEN);
	eth->h_proto = htons(proto);
	return eth + 1;
}

static void frame_tcp(struct tcphdr *tcp)
{
	tcp->dest = htons(WRAP_SERVICE_PORT);
	tcp->doff = 5;
	tcp->ack = 1;
	tcp->window = htons(1000);
}

static struct frame frame_v4(uint32_t daddr)
{
	struct frame f;
	struct iphdr *ip = frame_ethernet(&f, ETH_P_IP, PACKET_BYTES_V4);

	ip->version = 4;
	ip->ihl = 5;
	ip->tot_len = htons(PACKET_BYTES_V4 - ETH_HLEN);
	ip->ttl = 64;
	ip->protocol = IPPROTO_TCP;
	ip->daddr = htonl(daddr);
	frame_tcp((struct tcphdr *)(ip + 1));
	return f;
}

/* The same, but it opens a connection. */
static struct frame frame_syn(uint32_t daddr)
{
	struct frame f = frame_v4(daddr);
	struct tcphdr *tcp = (void *)(f.bytes + ETH_HLEN + sizeof(struct iphdr));

	tcp->syn = 1;
	tcp->ack = 0;
	return f;
}

static struct frame frame_v6(uint32_t daddr)
{
	struct sluice_addr from = fixture_v6(0), to = fixture_v6(daddr);
	struct frame f;
	struct ipv6hdr *ip = frame_ethernet(&f, ETH_P_IPV6, PACKET_BYTES_V6);

	ip->version = 6;
	ip->payload_len = htons(PACKET_BYTES_V6 - ETH_HLEN - sizeof(*ip));
	ip->nexthdr = IPPROTO_TCP;
	ip->hop_limit = 64;
	memcpy(&ip->saddr, &from, sizeof(from));
	memcpy(&ip->daddr, &to, sizeof(to));
	frame_tcp((struct tcphdr *)(ip + 1));
	return f;
}

/* The last pass must have left the frame as the first one found it, but for the flow: else the
 * passes did not all see the same packet. */
static bool is_restored(const struct path *p, const struct measure_result *result)
{
	struct frame left = {.length = result->frame_bytes};
	bool is_v6 = p->run->is_v6;
	size_t saddr = ETH_HLEN + (is_v6 ? offsetof(struct ipv6hdr, saddr) + 12
					 : offsetof(struct iphdr, saddr));
	size_t sport = ETH_HLEN + (is_v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));

	if (left.length != p->frame.length)
		return false;
	memcpy(left.bytes, result->frame, left.length);
	memcpy(left.bytes + saddr, p->frame.bytes + saddr, 4);
	memcpy(left.bytes + sport, p->frame.bytes + sport, 2);
	return !memcmp(left.bytes, p->frame.bytes, left.length);
}

/* A few that found no room may be learned again and again. */
static bool are_held(const struct path *p, uint64_t hits, uint32_t passes)
{
	if (hits + passes / 1000 >= passes)
		return true;
	fprintf(stderr, "bench: %s: of %u passes only %llu found their entry\n", p->name, passes,
		(unsigned long long)hits);
	return false;
}

static int run_passes(struct path *p, uint32_t passes, double *ret_ns)
{
	uint64_t before[SLUICE_V_MAX], after[SLUICE_V_MAX], counted = passes;
	const struct measure_run run = {
		.program_fd = p->program_fd,
		.frame = p->frame.bytes,
		.frame_bytes = p->frame.length,
		.repeat = passes,
	};
	struct measure_result result;
	int err;

	if (p->fixture && fixture_verdicts(p->fixture, before))
		return -EIO;
	err = measure_program(&run, &result);
	if (err) {
		fprintf(stderr, "bench: %s: test run: %s\n", p->name, strerror(-err));
		return err;
	}
	if (p->fixture) {
		if (fixture_verdicts(p->fixture, after))
			return -EIO;
		counted = after[p->verdict] - before[p->verdict];
	}
	if (counted != passes || result.action != p->action || p->run->failures ||
	    !is_restored(p, &result)) {
		fprintf(stderr,
			"bench: %s: of %u passes %llu got the expected verdict, last action %u, "
			"%u frames not as expected, last frame %s\n",
			p->name, passes, (unsigned long long)counted, result.action,
			p->run->failures, is_restored(p, &result) ? "restored" : "changed");
		return -EBADMSG;
	}
	*ret_ns = result.cpu_ns / passes;
	return 0;
}

static int measure_path(struct path *p, uint32_t flows, double *ret_ns)
{
	uint32_t warm = flows > PACKET_WARM ? flows : PACKET_WARM;
	uint64_t before = 0, after = 0;
	int err;

	p->run->next = 0;
	p->run->mask = flows - 1;
	p->run->flows_per_source_log2 = p->is_limited || flows == 1 ? 0 : 6;
	p->run->undo_bytes = p->undo_bytes;
	p->run->is_v6 = p->frame.length == PACKET_BYTES_V6;
	p->run->failures = 0;
	if (p->fixture)
		fixture_switch(p->fixture, p->control);
	for (uint32_t i = 0; p->is_limited && p->fixture && i < LIMITS; i++)
		fixture_limit_clear(p->fixture, &limits[i]);
	err = run_passes(p, warm, ret_ns);
	if (!err && p->is_held)
		err = fixture_flow_hits(p->fixture, &before);
	if (!err)
		err = run_passes(p, PACKET_PASSES, ret_ns);
	if (err || !p->is_held)
		return err;
	err = fixture_flow_hits(p->fixture, &after);
	return err ? err : are_held(p, after - before, PACKET_PASSES) ? 0 : -EBADMSG;
}

static int fill(struct fixture *f, const struct bpf_object *object, const struct sluice_rodata *ro)
{
	const struct fixture_service services[] = {
		{fixture_v4(V4_IPIP), WRAP_SERVICE_PORT, SLUICE_MODE_IPIP,
		 .family = SLUICE_FAMILY_V4},
		{fixture_v4(V4_L2), WRAP_SERVICE_PORT, SLUICE_MODE_L2, .family = SLUICE_FAMILY_V4},
		{fixture_v4(V4_LIMITED), WRAP_SERVICE_PORT, SLUICE_MODE_IPIP,
		 .family = SLUICE_FAMILY_V4, .limit = 1},
		{fixture_v4(V4_LIMITED_2), WRAP_SERVICE_PORT, SLUICE_MODE_IPIP,
		 .family = SLUICE_FAMILY_V4, .limit = 1 | 2ULL << 16},
		{fixture_v4(V4_LIMITED_3), WRAP_SERVICE_PORT, SLUICE_MODE_IPIP,
		 .family = SLUICE_FAMILY_V4, .limit = 1 | 2ULL << 16 | 3ULL << 32},
		{fixture_v6(V6_IPIP), WRAP_SERVICE_PORT, SLUICE_MODE_IPIP,
		 .family = SLUICE_FAMILY_V6},
		{fixture_v4(V4_GUE), WRAP_SERVICE_PORT, SLUICE_MODE_GUE,
		 .family = SLUICE_FAMILY_V4},
		{fixture_v6(V6_GUE), WRAP_SERVICE_PORT, SLUICE_MODE_GUE,
		 .family = SLUICE_FAMILY_V6},
		{fixture_v4(V4_MOVING), WRAP_SERVICE_PORT, SLUICE_MODE_IPIP,
		 .family = SLUICE_FAMILY_V4, .is_moving = true},
		{fixture_v4(V4_SAMPLED), WRAP_SERVICE_PORT, SLUICE_MODE_IPIP,
		 .family = SLUICE_FAMILY_V4, .watch = SLUICE_MEMBER_F_SAMPLE},
		{fixture_v4(V4_WATCHED), WRAP_SERVICE_PORT, SLUICE_MODE_IPIP,
		 .family = SLUICE_FAMILY_V4, .watch = SLUICE_MEMBER_F_SAMPLE_ALL},
	};
	int err = fixture_open(f, object, ro);
	size_t i;

	if (err)
		return err;
	fixture_nexthop(f, PACKET_LO_IFINDEX);
	for (i = 0; !err && i < LIMITS; i++)
		err = fixture_limit(f, &limits[i]);
	for (i = 0; !err && i < sizeof(services) / sizeof(services[0]); i++)
		err = fixture_service(f, &services[i]);
	return err;
}

static int save(const struct path *paths, size_t count, uint32_t rounds, const char *directory)
{
	json_t *list = json_array();
	double floor_ns[FLOW_COUNTS], ns;
	size_t i, j;

	for (j = 0; j < FLOW_COUNTS; j++)
		floor_ns[j] = measure_median(samples[0][j], rounds);
	for (i = 0; i < count; i++) {
		for (j = 0; j < FLOW_COUNTS; j++) {
			uint32_t flows = flow_counts[j];
			uint32_t sources = paths[i].is_limited || flows == 1 ? flows : flows >> 6;

			ns = measure_median(samples[i][j], rounds);
			json_array_append_new(list, json_pack("{s:s, s:i, s:i, s:f, s:f, s:f}",
							      "case", paths[i].name, "flows",
							      (int)flows, "sources", (int)sources,
							      "ns", ns, "floor_ns", floor_ns[j],
							      "ratio", ns / floor_ns[j]));
		}
	}
	return measure_save(list, directory, "packet.json");
}

static int measure_all(struct wrap_floor_bpf *floor, struct wrap_packet_bpf *ours,
		       struct wrap_packet_bpf *untracked, struct wrap_fulltrack_bpf *full,
		       uint32_t rounds, const char *directory)
{
	struct fixture f = {}, untracked_f = {}, full_f = {};
	int floor_fd = bpf_program__fd(floor->progs.wrap_floor);
	int ours_fd = bpf_program__fd(ours->progs.wrap_packet);
	int full_fd = bpf_program__fd(full->progs.wrap_fulltrack);
	struct wrap_run *floor_run = &floor->bss->wrap_run, *run = &ours->bss->wrap_run;
	struct wrap_run *full_run = &full->bss->wrap_run;
	struct path paths[] = {
		{"floor", floor_fd, floor_run, NULL, frame_v4(V4_IPIP), 20, XDP_TX,
		 .verdict = SLUICE_V_forwarded},
		{"floor_source", bpf_program__fd(floor->progs.wrap_floor_source), floor_run, NULL,
		 frame_v4(V4_IPIP), 20, XDP_TX, .verdict = SLUICE_V_forwarded, .is_limited = true},
		{"pass", ours_fd, run, &f, frame_v4(V4_NOBODY), 0, XDP_PASS,
		 .verdict = SLUICE_V_not_service},
		{"l2_v4", ours_fd, run, &f, frame_v4(V4_L2), 0, XDP_TX,
		 .verdict = SLUICE_V_forwarded},
		{"ipip_v4", ours_fd, run, &f, frame_v4(V4_IPIP), 20, XDP_TX,
		 .verdict = SLUICE_V_forwarded},
		{"ipip_v6", ours_fd, run, &f, frame_v6(V6_IPIP), 40, XDP_TX,
		 .verdict = SLUICE_V_forwarded},
		{"gue_v4", ours_fd, run, &f, frame_v4(V4_GUE), 28, XDP_TX,
		 .verdict = SLUICE_V_forwarded},
		{"gue_v6", ours_fd, run, &f, frame_v6(V6_GUE), 48, XDP_TX,
		 .verdict = SLUICE_V_forwarded},
		{"ipip_v4_limit", ours_fd, run, &f, frame_v4(V4_LIMITED), 20, XDP_TX,
		 .verdict = SLUICE_V_forwarded, .is_limited = true},
		{"ipip_v4_limit_2", ours_fd, run, &f, frame_v4(V4_LIMITED_2), 20, XDP_TX,
		 .verdict = SLUICE_V_forwarded, .is_limited = true},
		{"ipip_v4_limit_3", ours_fd, run, &f, frame_v4(V4_LIMITED_3), 20, XDP_TX,
		 .verdict = SLUICE_V_forwarded, .is_limited = true},
		{"list_off", ours_fd, run, &f, frame_v4(V4_IPIP), 20, XDP_TX,
		 .verdict = SLUICE_V_forwarded, .is_limited = true},
		{"list_100k", ours_fd, run, &f, frame_v4(V4_IPIP), 20, XDP_TX,
		 .verdict = SLUICE_V_forwarded, .is_limited = true,
		 .control = SLUICE_CONTROL_F_LISTS},
		{"ban_others", ours_fd, run, &f, frame_v4(V4_LIMITED), 20, XDP_TX,
		 .verdict = SLUICE_V_forwarded, .is_limited = true,
		 .control = SLUICE_CONTROL_F_BANS},
		{"ban_others_syn", ours_fd, run, &f, frame_syn(V4_LIMITED), 20, XDP_TX,
		 .verdict = SLUICE_V_forwarded, .is_limited = true,
		 .control = SLUICE_CONTROL_F_BANS},
		{"ipip_v4_untracked", bpf_program__fd(untracked->progs.wrap_packet),
		 &untracked->bss->wrap_run, &untracked_f, frame_v4(V4_IPIP), 20, XDP_TX,
		 .verdict = SLUICE_V_forwarded},
		{"ipip_v4_exceptional", ours_fd, run, &f, frame_v4(V4_MOVING), 20, XDP_TX,
		 .verdict = SLUICE_V_forwarded, .is_held = true},
		{"ipip_v4_sampled", ours_fd, run, &f, frame_v4(V4_SAMPLED), 20, XDP_TX,
		 .verdict = SLUICE_V_forwarded},
		{"ipip_v4_watched", ours_fd, run, &f, frame_v4(V4_WATCHED), 20, XDP_TX,
		 .verdict = SLUICE_V_forwarded},
		{"ipip_v4_watched_syn", ours_fd, run, &f, frame_syn(V4_WATCHED), 20, XDP_TX,
		 .verdict = SLUICE_V_forwarded},
		{"ipip_v4_fulltrack", full_fd, full_run, &full_f, frame_v4(V4_IPIP), 20, XDP_TX,
		 .verdict = SLUICE_V_forwarded},
	};
	size_t count = sizeof(paths) / sizeof(paths[0]), i, j;
	uint32_t round;
	int err;

	err = fill(&f, ours->obj, (void *)&ours->rodata->ro);
	if (!err)
		err = fixture_bans(&f, &limits[0], BANNED, BANS);
	if (!err)
		err = lists_fill(ours->obj);
	if (!err)
		err = fill(&untracked_f, untracked->obj, (void *)&untracked->rodata->ro);
	if (!err)
		err = fill(&full_f, full->obj, (void *)&full->rodata->ro);
	if (err)
		fprintf(stderr, "bench: cannot fill the maps: %s\n", strerror(-err));
	for (round = 0; !err && round < rounds; round++)
		for (j = 0; !err && j < FLOW_COUNTS; j++)
			for (i = 0; !err && i < count; i++)
				err = measure_path(&paths[i], flow_counts[j],
						   &samples[i][j][round]);
	if (!err)
		err = save(paths, count, rounds, directory);
	fixture_close(&f);
	fixture_close(&untracked_f);
	fixture_close(&full_f);
	return err;
}

int main(int argc, char **argv)
{
	struct wrap_fulltrack_bpf *full = NULL;
	struct wrap_packet_bpf *ours = NULL, *untracked = NULL;
	struct wrap_floor_bpf *floor = NULL;
	const char *directory;
	int err = -1, cpu;
	uint32_t rounds;

	if (measure_arguments(argc, argv, &rounds, &directory))
		return 2;
	cpu = measure_pin();
	if (cpu < 0)
		return 1;
	floor = wrap_floor_bpf__open_and_load();
	ours = wrap_packet_bpf__open();
	untracked = wrap_packet_bpf__open();
	full = wrap_fulltrack_bpf__open();
	if (!floor || !ours || !untracked || !full)
		goto out;
	bpf_map__set_max_entries(ours->maps.flows, PACKET_FLOW_SETS);
	fixture_constants((void *)&ours->rodata->ro, ours->obj, 0);
	fixture_constants((void *)&untracked->rodata->ro, untracked->obj, 0);
	untracked->rodata->ro.no_tracking = true;
	fixture_constants((void *)&full->rodata->ro, full->obj, 0);
	if (!wrap_packet_bpf__load(ours) && !wrap_packet_bpf__load(untracked) &&
	    !wrap_fulltrack_bpf__load(full) && !track_table_open(full->obj, cpu))
		err = measure_all(floor, ours, untracked, full, rounds, directory);
out:
	wrap_fulltrack_bpf__destroy(full);
	wrap_packet_bpf__destroy(untracked);
	wrap_packet_bpf__destroy(ours);
	wrap_floor_bpf__destroy(floor);
	return err ? 1 : 0;
}
