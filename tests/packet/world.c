/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define CPUS_MAX 1024

uint64_t world_verdicts_seen[SLUICE_V_MAX];

static const char *const verdict_names[] = {
#define X(name, action, help) [SLUICE_V_##name] = #name,
	SLUICE_VERDICTS(X)
#undef X
};

const char *world_verdict_name(enum sluice_verdict verdict)
{
	return verdict < SLUICE_V_MAX ? verdict_names[verdict] : "?";
}

bool world_must_skip(void)
{
	if (geteuid() == 0)
		return false;
	printf("1..0 # SKIP loading the packet path needs root\n");
	return true;
}

static void die(const char *what, const char *name, int error)
{
	fprintf(stderr, "# world: %s %s: %s\n", what, name, strerror(error));
	exit(1);
}

static void *map_memory(struct bpf_map *map)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t len = (size_t)bpf_map__max_entries(map) * ((bpf_map__value_size(map) + 7) & ~7U);
	void *memory;

	len = (len + page - 1) / page * page;
	memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
	if (memory == MAP_FAILED)
		die("mmap", bpf_map__name(map), errno);
	return memory;
}

static void map_unmap(struct bpf_map *map, void *memory)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t len = (size_t)bpf_map__max_entries(map) * ((bpf_map__value_size(map) + 7) & ~7U);

	munmap(memory, (len + page - 1) / page * page);
}

static void set_sizes(struct sluice_bpf *skel)
{
	bpf_map__set_max_entries(skel->maps.services, WORLD_CELLS);
	bpf_map__set_max_entries(skel->maps.slots, WORLD_SLOTS);
	bpf_map__set_max_entries(skel->maps.runners, WORLD_SLOTS / 2);
	bpf_map__set_max_entries(skel->maps.members, WORLD_MEMBERS);
	bpf_map__set_max_entries(skel->maps.member_stats, WORLD_MEMBERS);
	bpf_map__set_max_entries(skel->maps.nexthops, WORLD_NEXTHOPS);
	bpf_map__set_max_entries(skel->maps.limits, WORLD_LIMITS);
	bpf_map__set_max_entries(skel->maps.limit_stats, WORLD_LIMITS);
	bpf_map__set_max_entries(skel->maps.limit_sets, WORLD_LIMIT_SETS);
	bpf_map__set_max_entries(skel->maps.bans, WORLD_BANS);
	bpf_map__set_max_entries(skel->maps.ceilings, WORLD_CEILINGS);
	bpf_map__set_max_entries(skel->maps.ceiling_stats, WORLD_CEILINGS);
	bpf_map__set_max_entries(skel->maps.flows, WORLD_FLOW_SETS);
	bpf_map__set_max_entries(skel->maps.pending, WORLD_FLOW_SETS);
	bpf_map__set_max_entries(skel->maps.tracked, WORLD_FLOW_SETS);
	bpf_map__set_max_entries(skel->maps.refusals,
				 (uint32_t)libbpf_num_possible_cpus() * SLUICE_REFUSALS_PER_CPU);
}

/* Gates and counters are a CPU's own: a test that wandered would meet those of several. */
static void stay_on_cpu(void)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(sched_getcpu(), &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		die("cannot stay on", "one CPU", errno);
}

void world_other_cpu(void)
{
	long count = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET((size_t)(sched_getcpu() + 1) % (size_t)count, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		die("cannot go to", "another CPU", errno);
}

struct world *world_new(const struct world_options *options)
{
	struct world *world = calloc(1, sizeof(*world));
	uint64_t seed = 1;
	int error;

	stay_on_cpu();
	if (!world || !(world->skel = sluice_bpf__open()))
		die("cannot open", "the object", errno);
	/* A fixed key: a failure can be repeated. */
	for (int i = 0; i < 20; i++)
		world->key.nh[i / 10][i % 10] = (uint32_t)sluice_hash_mix(seed++);
	world->key.fin = sluice_hash_mix(seed);
	memcpy((void *)&world->skel->rodata->ro.key, &world->key, sizeof(world->key));
	world->skel->rodata->ro.cells = WORLD_CELLS;
	world->skel->rodata->ro.flow_sets = WORLD_FLOW_SETS;
	world->skel->rodata->ro.pending_sets = WORLD_FLOW_SETS;
	world->skel->rodata->ro.tracked_sets = WORLD_FLOW_SETS;
	world->skel->rodata->ro.events_per_s = options->events_per_s;
	world->skel->rodata->ro.test_clock = !options->is_real_clock;
	if (options->tick_ns)
		world->skel->rodata->ro.tick_ns = options->tick_ns;
	set_sizes(world->skel);
	if (options->prepare)
		options->prepare(world->skel);
	error = sluice_bpf__load(world->skel);
	if (error)
		die("cannot load", "the object", -error);
	world->services = map_memory(world->skel->maps.services);
	world->slots = map_memory(world->skel->maps.slots);
	world->runners = map_memory(world->skel->maps.runners);
	world->members = map_memory(world->skel->maps.members);
	world->nexthops = map_memory(world->skel->maps.nexthops);
	world->limits = map_memory(world->skel->maps.limits);
	world->limit_sets = map_memory(world->skel->maps.limit_sets);
	world->flows = map_memory(world->skel->maps.flows);
	world->pending = map_memory(world->skel->maps.pending);
	world->tracked = map_memory(world->skel->maps.tracked);
	world->flow_settings = map_memory(world->skel->maps.flow_settings);
	world->interfaces = map_memory(world->skel->maps.interfaces);
	world->control = map_memory(world->skel->maps.control);
	world->access_bits = map_memory(world->skel->maps.access_bits);
	world->ceilings = map_memory(world->skel->maps.ceilings);
	world->measure_filter = map_memory(world->skel->maps.measure_filter);
	world->measures = map_memory(world->skel->maps.measures);
	world->refusals = map_memory(world->skel->maps.refusals);
	world->explain = map_memory(world->skel->maps.explain);
	world->clock_ns = map_memory(world->skel->maps.test_clock_ns);
	world->passive = map_memory(world->skel->maps.passive);
	return world;
}

void world_free(struct world *world)
{
	if (!world)
		return;
	map_unmap(world->skel->maps.services, world->services);
	map_unmap(world->skel->maps.slots, world->slots);
	map_unmap(world->skel->maps.runners, world->runners);
	map_unmap(world->skel->maps.members, world->members);
	map_unmap(world->skel->maps.nexthops, world->nexthops);
	map_unmap(world->skel->maps.limits, world->limits);
	map_unmap(world->skel->maps.limit_sets, world->limit_sets);
	map_unmap(world->skel->maps.flows, world->flows);
	map_unmap(world->skel->maps.pending, world->pending);
	map_unmap(world->skel->maps.tracked, world->tracked);
	map_unmap(world->skel->maps.flow_settings, world->flow_settings);
	map_unmap(world->skel->maps.interfaces, world->interfaces);
	map_unmap(world->skel->maps.control, world->control);
	map_unmap(world->skel->maps.access_bits, world->access_bits);
	map_unmap(world->skel->maps.explain, world->explain);
	map_unmap(world->skel->maps.ceilings, world->ceilings);
	map_unmap(world->skel->maps.measure_filter, world->measure_filter);
	map_unmap(world->skel->maps.measures, world->measures);
	map_unmap(world->skel->maps.refusals, world->refusals);
	map_unmap(world->skel->maps.test_clock_ns, world->clock_ns);
	map_unmap(world->skel->maps.passive, world->passive);
	sluice_bpf__destroy(world->skel);
	free(world);
}

static void clear_hash(struct bpf_map *map)
{
	union {
		struct sluice_ban_key ban;
		struct sluice_addr host;
	} key;
	int fd = bpf_map__fd(map);

	while (!bpf_map_get_next_key(fd, NULL, &key))
		bpf_map_delete_elem(fd, &key);
}

void world_clear(struct world *world)
{
	clear_hash(world->skel->maps.bans);
	clear_hash(world->skel->maps.hosts);
	memset(world->passive, 0, SLUICE_PASSIVE_CELLS * sizeof(*world->passive));
	memset(world->ceilings, 0, WORLD_CEILINGS * sizeof(*world->ceilings));
	memset(world->services, 0, WORLD_CELLS * sizeof(*world->services));
	memset(world->slots, 0, WORLD_SLOTS * sizeof(*world->slots));
	memset(world->runners, 0, WORLD_SLOTS / 2 * sizeof(*world->runners));
	memset(world->members, 0, WORLD_MEMBERS * sizeof(*world->members));
	memset(world->interfaces, 0, SLUICE_INTERFACES * sizeof(*world->interfaces));
	memset(world->control, 0, sizeof(*world->control));
	memset(world->nexthops, 0, WORLD_NEXTHOPS * sizeof(*world->nexthops));
	memset(world->limits, 0, WORLD_LIMITS * sizeof(*world->limits));
	memset(world->limit_sets, 0, WORLD_LIMIT_SETS * sizeof(*world->limit_sets));
	memset(world->flows, 0, WORLD_FLOW_SETS * sizeof(*world->flows));
	memset(world->pending, 0, WORLD_FLOW_SETS * sizeof(*world->pending));
	memset(world->tracked, 0, WORLD_FLOW_SETS * sizeof(*world->tracked));
}

struct sluice_addr world_addr(const char *text)
{
	struct sluice_addr addr = {0};

	if (strchr(text, ':')) {
		if (inet_pton(AF_INET6, text, addr.b) != 1)
			die("bad address", text, EINVAL);
		return addr;
	}
	addr.b[10] = addr.b[11] = 0xff;
	if (inet_pton(AF_INET, text, addr.b + 12) != 1)
		die("bad address", text, EINVAL);
	return addr;
}

/* The first free candidate cell, or the one that holds the key already. */
static struct sluice_service *find_cell(struct world *world, const struct sluice_addr *addr,
					uint16_t port_be, uint8_t proto)
{
	uint64_t hash = sluice_hash_service(addr, port_be, proto, &world->key);
	struct sluice_service *free_cell = NULL;

	for (int choice = 0; choice < 2; choice++) {
		uint32_t index = sluice_service_cell(hash, choice, WORLD_CELLS);
		struct sluice_service *cell = &world->services[index];

		if (!cell->word)
			free_cell = free_cell ? free_cell : cell;
		else if (!memcmp(&cell->addr, addr, sizeof(*addr)) && cell->port_be == port_be &&
			 cell->proto == proto)
			return cell;
	}
	if (!free_cell)
		die("no free cell for", "a service", ENOSPC);
	free_cell->addr = *addr;
	free_cell->port_be = port_be;
	free_cell->proto = proto;
	return free_cell;
}

struct sluice_service *world_address(struct world *world, const char *text, uint64_t flags)
{
	struct sluice_addr addr = world_addr(text);
	struct sluice_service *cell = find_cell(world, &addr, 0, 0);

	cell->word = SLUICE_SVC_F_USED | SLUICE_SVC_F_ADDRESS | flags;
	return cell;
}

struct sluice_service *world_service(struct world *world, uint32_t id, const char *text,
				     uint16_t port, uint8_t proto, uint32_t region)
{
	struct sluice_addr addr = world_addr(text);
	struct sluice_service *cell;

	world_address(world, text, 0);
	cell = find_cell(world, &addr, htons(port), proto);
	cell->id = id;
	cell->limits = 0;
	cell->word = (uint64_t)region << 12 | 12ULL << 32 | SLUICE_SVC_F_USED;
	return cell;
}

void world_slots(struct world *world, uint32_t region, uint32_t owner, uint32_t runner)
{
	for (uint32_t i = region << 12; i < (region + 1) << 12; i++) {
		world->slots[i] = SLUICE_SLOT(owner, owner);
		world->runners[i / 2] = (uint64_t)runner | (uint64_t)runner << 32;
	}
}

void world_member(struct world *world, uint32_t index, const char *addr, enum sluice_mode mode,
		  uint32_t nexthop, uint16_t mtu)
{
	struct sluice_member *member = &world->members[index];

	member->addr = world_addr(addr);
	member->family = strchr(addr, ':') ? SLUICE_FAMILY_V6 : SLUICE_FAMILY_V4;
	member->gue_port_be = htons(WORLD_GUE_PORT);
	member->word = SLUICE_MEMBER(nexthop, mode, 0, mtu);
}

void world_one_member(struct world *world)
{
	world_nexthop(world, 1, &(struct sluice_nexthop){.ifindex = WORLD_IFINDEX});
	world_member(world, 1, "10.0.0.11", SLUICE_MODE_L2, 1, 1500);
	world_slots(world, 0, 1, 0);
}

void world_host(struct world *world, const char *text, uint32_t member)
{
	struct sluice_addr addr = world_addr(text);
	struct sluice_host host = {.member = member};

	if (bpf_map_update_elem(bpf_map__fd(world->skel->maps.hosts), &addr, &host, BPF_ANY))
		die("cannot add host", text, errno);
}

struct sluice_host world_host_of(struct world *world, const char *text)
{
	struct sluice_addr addr = world_addr(text);
	struct sluice_host host;

	if (bpf_map_lookup_elem(bpf_map__fd(world->skel->maps.hosts), &addr, &host))
		die("no host", text, errno);
	return host;
}

void world_nexthop(struct world *world, uint32_t index, const struct sluice_nexthop *nexthop)
{
	world->nexthops[index] = *nexthop;
	world->nexthops[index].flags |= SLUICE_NEXTHOP_F_USED;
}

static struct sluice_ban_key ban_key(uint32_t limit, const char *source)
{
	return (struct sluice_ban_key){.limit = limit,
				       .family = strchr(source, ':') ? SLUICE_FAMILY_V6
								     : SLUICE_FAMILY_V4,
				       .addr = world_addr(source)};
}

void world_ban(struct world *world, uint32_t limit, const char *source, uint64_t until_ns,
	       uint32_t flags)
{
	struct sluice_ban_key key = ban_key(limit, source);
	struct sluice_ban ban = {.until_ns = until_ns, .flags = flags};

	if (bpf_map_update_elem(bpf_map__fd(world->skel->maps.bans), &key, &ban, BPF_ANY))
		die("cannot ban", source, errno);
	world->limits[limit].flags |= SLUICE_LIMIT_F_BANS;
	if (flags & SLUICE_BAN_F_ALL) {
		world->limits[limit].flags |= SLUICE_LIMIT_F_BANS_ALL;
		world->control->flags |= SLUICE_CONTROL_F_BANS_ALL;
	}
	world->control->flags |= SLUICE_CONTROL_F_BANS;
}

struct sluice_ban world_ban_of(struct world *world, uint32_t limit, const char *source)
{
	struct sluice_ban_key key = ban_key(limit, source);
	struct sluice_ban ban;

	if (bpf_map_lookup_elem(bpf_map__fd(world->skel->maps.bans), &key, &ban))
		die("no ban of", source, errno);
	return ban;
}

/* Sums a per-CPU value, which consists of 64-bit counters. */
static void sum_counters(struct bpf_map *map, uint32_t index, uint64_t *ret_sums)
{
	static uint64_t values[CPUS_MAX * 8];
	uint32_t words = bpf_map__value_size(map) / 8;
	int cpus = libbpf_num_possible_cpus();

	memset(ret_sums, 0, words * 8);
	if (bpf_map_lookup_elem(bpf_map__fd(map), &index, values))
		die("lookup", bpf_map__name(map), errno);
	for (int cpu = 0; cpu < cpus; cpu++)
		for (uint32_t i = 0; i < words; i++)
			ret_sums[i] += values[cpu * words + i];
}

struct sluice_verdict_stats world_verdict_stats(struct world *world, enum sluice_verdict verdict)
{
	struct sluice_verdict_stats stats;

	sum_counters(world->skel->maps.verdict_stats, verdict, (uint64_t *)&stats);
	return stats;
}

struct sluice_member_stats world_member_stats(struct world *world, uint32_t index)
{
	struct sluice_member_stats stats;

	sum_counters(world->skel->maps.member_stats, index, (uint64_t *)&stats);
	return stats;
}

struct sluice_limit_stats world_limit_stats(struct world *world, uint32_t index)
{
	struct sluice_limit_stats stats;

	sum_counters(world->skel->maps.limit_stats, index, (uint64_t *)&stats);
	return stats;
}

struct sluice_ceiling_stats world_ceiling_stats(struct world *world, uint32_t index)
{
	struct sluice_ceiling_stats stats;

	sum_counters(world->skel->maps.ceiling_stats, index, (uint64_t *)&stats);
	return stats;
}

/* metadata bytes precede the packet in data. */
static bool test_run(int fd, const uint8_t *data, uint32_t len, uint32_t metadata,
		     struct world_run *run)
{
	struct xdp_md in = {.data = metadata, .data_end = len, .ingress_ifindex = WORLD_IFINDEX};
	static uint8_t out[FRAME_MAX + 512];
	struct xdp_md ctx_out = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = data, .data_size_in = len, .data_out = out,
		    .data_size_out = sizeof(out), .ctx_in = &in, .ctx_size_in = sizeof(in),
		    .ctx_out = &ctx_out, .ctx_size_out = sizeof(ctx_out), .repeat = 1);

	if (bpf_prog_test_run_opts(fd, &opts)) {
		if (errno == EINVAL && metadata > 32)
			return false;
		die("test run of", "a packet", errno);
	}
	run->action = (int)opts.retval;
	run->out_len = opts.data_size_out - ctx_out.data;
	memcpy(run->out, out + ctx_out.data, run->out_len);
	return true;
}

static void count_verdicts(struct world *world, uint64_t packets[SLUICE_V_MAX])
{
	for (int v = 0; v < SLUICE_V_MAX; v++)
		packets[v] = world_verdict_stats(world, (enum sluice_verdict)v).packets;
}

bool world_run_crowded(struct world *world, const struct frame *frame, uint32_t metadata,
		       struct world_run *run)
{
	uint64_t before[SLUICE_V_MAX], after[SLUICE_V_MAX];
	static uint8_t data[FRAME_MAX + 512];
	int counted = 0;

	memset(data, 0, metadata);
	memcpy(data + metadata, frame->data, frame->len);
	count_verdicts(world, before);
	if (!test_run(bpf_program__fd(world->skel->progs.sluice), data, frame->len + metadata,
		      metadata, run))
		return false;
	count_verdicts(world, after);
	run->verdict = SLUICE_V_none;
	for (int v = 0; v < SLUICE_V_MAX; v++) {
		if (before[v] == after[v])
			continue;
		counted += (int)(after[v] - before[v]);
		run->verdict = (enum sluice_verdict)v;
	}
	if (counted != 1) {
		fprintf(stderr, "# world: one packet was counted %d times\n", counted);
		exit(1);
	}
	world_verdicts_seen[run->verdict]++;
	return true;
}

void world_run(struct world *world, const struct frame *frame, struct world_run *run)
{
	world_run_crowded(world, frame, 0, run);
}

void world_run_packet(struct world *world, const struct packet *packet, struct world_run *run)
{
	struct frame frame;

	frame_build(&frame, packet);
	world_run(world, &frame, run);
}

void world_run_explain(struct world *world, const struct frame *frame, struct world_run *run)
{
	test_run(bpf_program__fd(world->skel->progs.sluice_explain), frame->data, frame->len, 0,
		 run);
	run->verdict = (enum sluice_verdict)world->explain->verdict;
}
