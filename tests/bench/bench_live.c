/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Throughput on a real device: the product's program, loaded and attached natively to one end of a
 * veth pair, against a flood of SYNs from a million spoofed sources out of the other end; beside
 * it two plain programs and the full-tracking variant. Generator, device and program share a CPU.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <sluice/map_types.h>
#include <sluice/node_types.h>

#include "fixture.h"
#include "measure.h"
#include "track_table.h"
#include "veth.h"
#include "wrap_run.h"

#include "live.skel.h"
#include "sluice.skel.h"
#include "wrap_fulltrack.skel.h"

#define LIVE_FRAMES (1U << 20)
#define LIVE_WARM (1U << 18)
#define LIVE_WARM_FIRST (1U << 22) /* fills every table */
#define LIVE_BATCH 64
#define LIVE_SOURCES 0x0a000000 /* 10.0.0.0 and so on */
#define LIVE_SOURCES_LOG2 20
#define LIVE_EVENTS_PER_S 100
#define LIVE_OPEN 0xc0000201	/* 192.0.2.1, no limit */
#define LIVE_LIMITED 0xc0000202 /* 192.0.2.2 */
#define LIVE_BANNED 0xc0000203	/* 192.0.2.3 */
#define LIVE_SHARE_MIN 0.98	/* of the frames must have the expected verdict */
#define LIVE_DRAIN_MS 500

/* One packet an hour and source: after its first one a source is refused. */
static const struct fixture_limit limit = {
	.index = 1, .k = 32, .inc = 13411, .tau = 13411, .sets_log2 = 19};

/* Refuses nobody, but has banned all sources, sixteen at a time: as many bans as there can be. */
static const struct fixture_limit bans = {
	.index = 2, .k = 20, .inc = 100, .tau = 1U << 29, .sets_log2 = 4, .len4 = 28};

struct target {
	const char *name;
	int program_fd;
	const struct fixture *fixture; /* NULL: a plain program */
	uint32_t daddr;
	enum sluice_verdict verdict; /* what nearly all frames must get */
};

enum { PLAIN_DROP, PLAIN_TX, TARGETS_FIRST, TARGETS_MAX = 7 };

static double samples[TARGETS_MAX][MEASURE_ROUNDS_MAX];

static uint64_t frames_seen(const struct live_bpf *live, const struct target *t,
			    uint64_t verdicts[SLUICE_V_MAX])
{
	uint64_t sum = 0;
	int v;

	if (!t->fixture)
		return live->bss->live_plain;
	if (fixture_verdicts(t->fixture, verdicts))
		return 0;
	for (v = 0; v < SLUICE_V_MAX; v++)
		sum += verdicts[v];
	return sum;
}

/* Frames still in the device's ring when the generator returns are seen a moment later. */
static uint64_t frames_seen_drained(const struct live_bpf *live, const struct target *t,
				    uint64_t verdicts[SLUICE_V_MAX], uint64_t expected)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	uint64_t seen = frames_seen(live, t, verdicts);
	int ms;

	for (ms = 0; seen < expected && ms < LIVE_DRAIN_MS; ms++) {
		nanosleep(&pause, NULL);
		seen = frames_seen(live, t, verdicts);
	}
	return seen;
}

static int send_frames(struct live_bpf *live, uint32_t count, double *ret_wall_ns)
{
	static const uint8_t frame[64];
	const struct measure_run run = {
		.program_fd = bpf_program__fd(live->progs.live_generate),
		.frame = frame,
		.frame_bytes = sizeof(frame),
		.repeat = count,
		.batch = LIVE_BATCH,
	};
	struct measure_result result;
	int err = measure_program(&run, &result);

	if (err || live->bss->wrap_run.failures) {
		fprintf(stderr, "bench: the generator failed: %s\n", strerror(-err));
		return -1;
	}
	*ret_wall_ns = result.wall_ns;
	return 0;
}

/* Every frame must have been seen by the program, and nearly all must have left with the verdict
 * that the case is about: else there is no result. */
static int check_counts(const struct live_bpf *live, const struct target *t,
			const uint64_t before[SLUICE_V_MAX], uint64_t seen_before,
			uint64_t returned_before)
{
	uint64_t after[SLUICE_V_MAX], seen, returned, share = LIVE_FRAMES;
	bool is_sent = t->verdict == SLUICE_V_forwarded;

	seen = frames_seen_drained(live, t, after, seen_before + LIVE_FRAMES) - seen_before;
	returned = live->bss->live_returned - returned_before;
	if (t->fixture)
		share = after[t->verdict] - before[t->verdict];
	if (seen == LIVE_FRAMES && share >= LIVE_SHARE_MIN * LIVE_FRAMES &&
	    (!is_sent || returned == LIVE_FRAMES))
		return 0;
	fprintf(stderr,
		"bench: %s: of %u frames %llu were seen, %llu got the expected verdict, %llu came "
		"back\n",
		t->name, LIVE_FRAMES, (unsigned long long)seen, (unsigned long long)share,
		(unsigned long long)returned);
	return -1;
}

static int measure_target(struct live_bpf *live, const struct veth *veth, const struct target *t,
			  uint32_t warm, double *ret_mpps)
{
	uint64_t before[SLUICE_V_MAX] = {}, seen, returned;
	double wall_ns;

	if (veth_attach(veth->tested, t->program_fd))
		return -1;
	live->bss->live_daddr_be = htonl(t->daddr);
	seen = frames_seen(live, t, before);
	if (send_frames(live, warm, &wall_ns))
		return -1;
	seen = frames_seen_drained(live, t, before, seen + warm);
	returned = live->bss->live_returned;
	if (send_frames(live, LIVE_FRAMES, &wall_ns))
		return -1;
	if (check_counts(live, t, before, seen, returned))
		return -1;
	*ret_mpps = LIVE_FRAMES * 1e3 / wall_ns;
	return 0;
}

static int fill(struct fixture *f, const struct bpf_object *object, const struct sluice_rodata *ro,
		uint32_t ifindex)
{
	struct fixture_service service = {
		.addr = fixture_v4(LIVE_OPEN),
		.port = WRAP_SERVICE_PORT,
		.mode = SLUICE_MODE_IPIP,
		.family = SLUICE_FAMILY_V4,
	};
	int err = fixture_open(f, object, ro);

	if (err)
		return err;
	fixture_nexthop(f, ifindex);
	err = fixture_limit(f, &limit);
	if (!err)
		err = fixture_service(f, &service);
	service.addr = fixture_v4(LIVE_LIMITED);
	service.limit = limit.index;
	if (!err)
		err = fixture_service(f, &service);
	if (!err)
		err = fixture_limit(f, &bans);
	if (!err)
		err = fixture_bans(f, &bans, LIVE_SOURCES, (1U << LIVE_SOURCES_LOG2) >> 4);
	service.addr = fixture_v4(LIVE_BANNED);
	service.limit = bans.index;
	fixture_switch(f, SLUICE_CONTROL_F_BANS);
	return err ? err : fixture_service(f, &service);
}

static int save(const struct target targets[TARGETS_MAX], uint32_t rounds, const char *directory)
{
	json_t *list = json_array();
	double plain_drop = measure_median(samples[PLAIN_DROP], rounds);
	double plain_tx = measure_median(samples[PLAIN_TX], rounds);
	int i;

	for (i = TARGETS_FIRST; i < TARGETS_MAX; i++)
		json_array_append_new(
			list, json_pack("{s:s, s:f, s:f, s:f}", "case", targets[i].name, "mpps",
					measure_median(samples[i], rounds), "plain_drop_mpps",
					plain_drop, "plain_tx_mpps", plain_tx));
	return measure_save(list, directory, "live.json");
}

static int measure_all(struct live_bpf *live, struct sluice_bpf *product,
		       struct wrap_fulltrack_bpf *full, const struct veth *veth, uint32_t rounds,
		       const char *directory)
{
	struct fixture ours = {}, theirs = {};
	int ours_fd = bpf_program__fd(product->progs.sluice);
	int theirs_fd = bpf_program__fd(full->progs.fulltrack);
	struct target targets[TARGETS_MAX] = {
		{"plain_drop", bpf_program__fd(live->progs.live_plain_drop), NULL, LIVE_OPEN,
		 SLUICE_V_none},
		{"plain_tx", bpf_program__fd(live->progs.live_plain_tx), NULL, LIVE_OPEN,
		 SLUICE_V_forwarded},
		{"limited_flood", ours_fd, &ours, LIVE_LIMITED, SLUICE_V_limit},
		{"limited_flood_fulltrack", theirs_fd, &theirs, LIVE_LIMITED, SLUICE_V_limit},
		{"ban", ours_fd, &ours, LIVE_BANNED, SLUICE_V_ban},
		{"syn_flood_forward", ours_fd, &ours, LIVE_OPEN, SLUICE_V_forwarded},
		{"syn_flood_forward_fulltrack", theirs_fd, &theirs, LIVE_OPEN, SLUICE_V_forwarded},
	};
	uint32_t round;
	int err = -1, i;

	if (fill(&ours, product->obj, (void *)&product->rodata->ro, veth->tested) ||
	    fill(&theirs, full->obj, (void *)&full->rodata->ro, veth->tested)) {
		fprintf(stderr, "bench: cannot fill the maps\n");
		goto out;
	}
	live->bss->live_ifindex = veth->generator;
	live->bss->live_sources_log2 = LIVE_SOURCES_LOG2;
	if (veth_attach(veth->generator, bpf_program__fd(live->progs.live_sink)))
		goto out;
	for (round = 0; round < rounds; round++)
		for (i = 0; i < TARGETS_MAX; i++)
			if (measure_target(live, veth, &targets[i],
					   round ? LIVE_WARM : LIVE_WARM_FIRST, &samples[i][round]))
				goto out;
	err = save(targets, rounds, directory);
out:
	fixture_close(&ours);
	fixture_close(&theirs);
	return err;
}

int main(int argc, char **argv)
{
	struct wrap_fulltrack_bpf *full = NULL;
	struct sluice_bpf *product = NULL;
	struct live_bpf *live = NULL;
	const char *directory;
	int err = -1, cpu;
	struct veth veth;
	uint32_t rounds;

	if (measure_arguments(argc, argv, &rounds, &directory))
		return 2;
	cpu = measure_pin();
	if (cpu < 0 || veth_open(&veth))
		return 1;
	live = live_bpf__open_and_load();
	product = sluice_bpf__open();
	full = wrap_fulltrack_bpf__open();
	if (!live || !product || !full)
		goto out;
	fixture_constants((void *)&product->rodata->ro, product->obj, LIVE_EVENTS_PER_S);
	fixture_constants((void *)&full->rodata->ro, full->obj, LIVE_EVENTS_PER_S);
	if (!sluice_bpf__load(product) && !wrap_fulltrack_bpf__load(full) &&
	    !track_table_open(full->obj, cpu))
		err = measure_all(live, product, full, &veth, rounds, directory);
out:
	wrap_fulltrack_bpf__destroy(full);
	sluice_bpf__destroy(product);
	live_bpf__destroy(live);
	return err ? 1 : 0;
}
