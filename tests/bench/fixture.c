/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include <sluice/gue.h>
#include <sluice/hash.h>
#include <sluice/node_types.h>
#include <sluice/source_types.h>

#include "wrap_run.h"

#define FIXTURE_MTU 1500
#define FIXTURE_SEED 0x9e3779b97f4a7c15ULL

static uint64_t next_random(uint64_t *state)
{
	*state += FIXTURE_SEED;
	return sluice_hash_mix(*state);
}

static uint32_t coarse_tick_ns(void)
{
	struct timespec ts;

	clock_getres(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint32_t)ts.tv_nsec;
}

void fixture_constants(struct sluice_rodata *ro, const struct bpf_object *object,
		       uint32_t events_per_s)
{
	const struct bpf_map *services = bpf_object__find_map_by_name(object, SLUICE_MAP_SERVICES);
	struct bpf_map *refusals = bpf_object__find_map_by_name(object, SLUICE_MAP_REFUSALS);
	int cpus = libbpf_num_possible_cpus();
	uint64_t state = 1;
	int i, j;

	if (refusals && cpus > 0)
		bpf_map__set_max_entries(refusals, (uint32_t)cpus * SLUICE_REFUSALS_PER_CPU);
	for (i = 0; i < 2; i++)
		for (j = 0; j < 10; j++)
			ro->key.nh[i][j] = (uint32_t)next_random(&state);
	ro->key.fin = next_random(&state);
	ro->tick_ns = coarse_tick_ns();
	ro->cells = bpf_map__max_entries(services);
	ro->events_per_s = events_per_s;
	ro->flow_sets =
		bpf_map__max_entries(bpf_object__find_map_by_name(object, SLUICE_MAP_FLOWS));
}

static int array_open(const struct bpf_object *object, const char *name, struct fixture_array *a)
{
	const struct bpf_map *map = bpf_object__find_map_by_name(object, name);
	long page = sysconf(_SC_PAGESIZE);
	void *data;

	if (!map) {
		fprintf(stderr, "bench: the object has no map %s\n", name);
		return -ENOENT;
	}
	a->entries = bpf_map__max_entries(map);
	a->bytes = ((size_t)a->entries * bpf_map__value_size(map) + page - 1) / page * page;
	data = mmap(NULL, a->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
	if (data == MAP_FAILED) {
		fprintf(stderr, "bench: map %s: mmap: %m\n", name);
		return -errno;
	}
	a->data = data;
	return 0;
}

int fixture_open(struct fixture *f, const struct bpf_object *object, const struct sluice_rodata *ro)
{
	const struct {
		const char *name;
		struct fixture_array *array;
	} arrays[] = {
		{SLUICE_MAP_SERVICES, &f->services},
		{SLUICE_MAP_SLOTS, &f->slots},
		{SLUICE_MAP_RUNNERS, &f->runners},
		{SLUICE_MAP_MEMBERS, &f->members},
		{SLUICE_MAP_NEXTHOPS, &f->nexthops},
		{SLUICE_MAP_LIMITS, &f->limits},
		{SLUICE_MAP_LIMIT_SETS, &f->limit_sets},
		{SLUICE_MAP_FLOW_SETTINGS, &f->flow_settings},
		{SLUICE_MAP_CONTROL, &f->control},
	};
	size_t i;
	int err;

	memset(f, 0, sizeof(*f));
	f->key = ro->key;
	for (i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++) {
		err = array_open(object, arrays[i].name, arrays[i].array);
		if (err) {
			fixture_close(f);
			return err;
		}
	}
	f->bans_fd = bpf_object__find_map_fd_by_name(object, SLUICE_MAP_BANS);
	f->verdict_stats_fd = bpf_object__find_map_fd_by_name(object, SLUICE_MAP_VERDICT_STATS);
	f->limit_stats_fd = bpf_object__find_map_fd_by_name(object, SLUICE_MAP_LIMIT_STATS);
	f->flow_stats_fd = bpf_object__find_map_fd_by_name(object, SLUICE_MAP_FLOW_STATS);
	*(struct sluice_flow_settings *)f->flow_settings.data =
		(struct sluice_flow_settings){.pending_life_s = 10,
					      .closing_life_s = 60,
					      .refresh_s = 4,
					      .overwrite_s = 120,
					      .pending_per_s = 10000};
	return f->verdict_stats_fd < 0 || f->flow_stats_fd < 0 ? -ENOENT : 0;
}

void fixture_close(struct fixture *f)
{
	struct fixture_array *arrays[] = {&f->services,	  &f->slots,	     &f->runners,
					  &f->members,	  &f->nexthops,	     &f->limits,
					  &f->limit_sets, &f->flow_settings, &f->control};
	size_t i;

	for (i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++)
		if (arrays[i]->data)
			munmap(arrays[i]->data, arrays[i]->bytes);
	memset(f, 0, sizeof(*f));
}

struct sluice_addr fixture_v4(uint32_t host_order)
{
	struct sluice_addr a = {};

	a.w_be[2] = htonl(0xffff);
	a.w_be[3] = htonl(host_order);
	return a;
}

struct sluice_addr fixture_v6(uint32_t last)
{
	struct sluice_addr a = {};

	a.w_be[0] = htonl(0xfd000000);
	a.w_be[3] = htonl(last);
	return a;
}

void fixture_nexthop(struct fixture *f, uint32_t ifindex)
{
	static const uint8_t dmac[] = {WRAP_MAC_GATEWAY}, smac[] = {WRAP_MAC_BALANCER};
	struct sluice_nexthop *n = (struct sluice_nexthop *)f->nexthops.data + 1;

	n->ifindex = ifindex;
	memcpy(n->dmac, dmac, sizeof(n->dmac));
	memcpy(n->smac, smac, sizeof(n->smac));
	n->src4_be = htonl(0x0a640001); /* 10.100.0.1 */
	n->src6 = fixture_v6(0x00010001);
	n->flags = SLUICE_NEXTHOP_F_USED;
}

static struct sluice_service *free_cell(struct fixture *f, const struct sluice_addr *addr,
					__be16 port_be, uint8_t proto)
{
	uint64_t h = sluice_hash_service(addr, port_be, proto, &f->key);
	struct sluice_service *cells = f->services.data;
	int choice;

	for (choice = 0; choice < 2; choice++) {
		uint32_t cell = sluice_service_cell(h, choice, f->services.entries);

		if (!cells[cell].word) {
			cells[cell].addr = *addr;
			cells[cell].port_be = port_be;
			cells[cell].proto = proto;
			return &cells[cell];
		}
	}
	return NULL;
}

static void member_write(struct fixture *f, uint32_t index, uint32_t id,
			 const struct fixture_service *s)
{
	struct sluice_member *m = (struct sluice_member *)f->members.data + index;

	m->addr = s->family == SLUICE_FAMILY_V4 ? fixture_v4(0x0a640100 + index)
						: fixture_v6(0x00020000 + index);
	m->service = id;
	m->port_be = htons(s->port);
	m->family = (uint8_t)s->family;
	m->gue_port_be = htons(SLUICE_GUE_PORT);
	m->word = SLUICE_MEMBER(1, s->mode, 0, FIXTURE_MTU) | s->watch;
}

int fixture_service(struct fixture *f, const struct fixture_service *s)
{
	uint32_t id = ++f->service_count, slots = 1U << FIXTURE_SLOTS_LOG2, i;
	uint32_t base = (id - 1) * slots, first = 1 + (id - 1) * FIXTURE_MEMBERS;
	uint64_t state = id, *slot = (uint64_t *)f->slots.data + base;
	uint64_t *runner = (uint64_t *)f->runners.data + base / 2;
	struct sluice_service *address, *cell;

	if (base + slots > f->slots.entries || first + FIXTURE_MEMBERS > f->members.entries)
		return -ENOSPC;
	for (i = 0; i < FIXTURE_MEMBERS; i++)
		member_write(f, first + i, id, s);
	for (i = 0; i < slots; i++) {
		uint32_t owner = (uint32_t)(next_random(&state) % FIXTURE_MEMBERS);
		uint32_t next = first + (owner + 1) % FIXTURE_MEMBERS;

		slot[i] = s->is_moving ? SLUICE_SLOT(next, first + owner) | SLUICE_SLOT_F_EXC |
						 SLUICE_SLOT_F_LEARN
				       : SLUICE_SLOT(first + owner, first + owner);
		runner[i / 2] |= (uint64_t)next << (i & 1) * 32;
	}
	address = free_cell(f, &s->addr, 0, 0);
	if (!address)
		return -ENOSPC;
	address->word = SLUICE_SVC_F_USED | SLUICE_SVC_F_ADDRESS;
	cell = free_cell(f, &s->addr, htons(s->port), IPPROTO_TCP);
	if (!cell)
		return -ENOSPC;
	cell->id = id;
	cell->limits = s->limit;
	cell->word = SLUICE_SVC_F_USED | base | (uint64_t)FIXTURE_SLOTS_LOG2 << 32;
	return 0;
}

int fixture_limit(struct fixture *f, const struct fixture_limit *limit)
{
	struct sluice_limit *l = (struct sluice_limit *)f->limits.data + limit->index;

	if (limit->index >= f->limits.entries ||
	    limit->base + (1U << limit->sets_log2) > f->limit_sets.entries)
		return -ENOSPC;
	l->id = limit->index;
	l->rate = SLUICE_LIMIT_RATE(limit->inc, limit->tau);
	l->word = limit->base | (uint64_t)limit->sets_log2 << 32 | (uint64_t)limit->k << 38 |
		  (uint64_t)SLUICE_COUNT_PACKETS << 44 | (uint64_t)SLUICE_LIMIT_ENFORCE << 48 |
		  SLUICE_LIMIT_F_USED | (limit->len4 ? limit->len4 - 1ULL : 31ULL) << 51 |
		  63ULL << 56;
	return 0;
}

void fixture_switch(struct fixture *f, uint64_t flags)
{
	((struct sluice_control *)f->control.data)->flags = flags;
}

int fixture_bans(struct fixture *f, const struct fixture_limit *limit, uint32_t first,
		 uint32_t count)
{
	struct sluice_limit *l = (struct sluice_limit *)f->limits.data + limit->index;
	const struct sluice_ban ban = {.until_ns = UINT64_MAX};
	uint32_t step = 1U << (32 - (limit->len4 ? limit->len4 : 32)), i;

	for (i = 0; i < count; i++) {
		struct sluice_ban_key key = {.limit = limit->index,
					     .family = SLUICE_FAMILY_V4,
					     .addr = fixture_v4(first + i * step)};

		if (bpf_map_update_elem(f->bans_fd, &key, &ban, BPF_ANY))
			return -errno;
	}
	l->flags |= SLUICE_LIMIT_F_BANS;
	return 0;
}

void fixture_limit_clear(struct fixture *f, const struct fixture_limit *limit)
{
	memset((struct sluice_limit_set *)f->limit_sets.data + limit->base, 0,
	       sizeof(struct sluice_limit_set) << limit->sets_log2);
}

int fixture_verdicts(const struct fixture *f, uint64_t ret_packets[SLUICE_V_MAX])
{
	int cpus = libbpf_num_possible_cpus(), cpu;
	struct sluice_verdict_stats *stats;
	uint32_t v;

	if (cpus < 0)
		return cpus;
	stats = calloc(cpus, sizeof(*stats));
	if (!stats)
		return -ENOMEM;
	for (v = 0; v < SLUICE_V_MAX; v++) {
		ret_packets[v] = 0;
		if (bpf_map_lookup_elem(f->verdict_stats_fd, &v, stats)) {
			free(stats);
			return -errno;
		}
		for (cpu = 0; cpu < cpus; cpu++)
			ret_packets[v] += stats[cpu].packets;
	}
	free(stats);
	return 0;
}

int fixture_flow_hits(const struct fixture *f, uint64_t *ret_hits)
{
	int cpus = libbpf_num_possible_cpus(), cpu;
	struct sluice_flow_stats *stats;
	uint32_t zero = 0;
	int err = 0;

	if (cpus < 0)
		return cpus;
	stats = calloc(cpus, sizeof(*stats));
	if (!stats)
		return -ENOMEM;
	*ret_hits = 0;
	if (bpf_map_lookup_elem(f->flow_stats_fd, &zero, stats))
		err = -errno;
	for (cpu = 0; !err && cpu < cpus; cpu++)
		*ret_hits += stats[cpu].hits;
	free(stats);
	return err;
}
