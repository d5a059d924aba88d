/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sim/paths.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "core/sync_view.h"

#define LRU_ENTRIES 1000000
#define CHECK_TICKS 100 /* from one look at the whole picture to the next */

/* ---- worlds ---------------------------------------------------------------------------------- */

static struct world *make_world(const struct sequence *sequence, uint8_t proto,
				const struct sim_options *options)
{
	struct config *config = fake_config_web(sequence->members, options->learn_s);
	struct dp_capacity capacity = fake_dataplane_capacity();
	struct world *w;

	config->services[0].proto = proto;
	capacity.flow_sets = SLUICE_FLOW_SETS_DEFAULT / options->scale;
	capacity.pending_sets = SLUICE_PENDING_SETS_DEFAULT / options->scale;
	w = world_new_sized(options->seed, &capacity);
	w->fake->are_flows_plain = proto == IPPROTO_UDP;
	world_load(w, config);
	world_resolve_all(w);
	world_settle(w);
	return w;
}

static void set_pre(struct paths *paths)
{
	struct flows_config flows = {.pre_ms = paths->pre_ms,
				     .pending_life_s = 10,
				     .closing_life_s = 60,
				     .refresh_s = 4,
				     .overwrite_s = 120};

	sync_set_flows(paths->ours->sync, &flows);
}

struct paths *paths_new(const struct sequence *sequence, const struct sim_options *options)
{
	struct paths *paths = util_alloc(sizeof(*paths));

	paths->ours = make_world(sequence, IPPROTO_TCP, options);
	paths->plain = make_world(sequence, IPPROTO_UDP, options);
	paths->lru = lru_new(LRU_ENTRIES / options->scale);
	paths->start_ms = MAX(paths->ours->fake->now_ms, paths->plain->fake->now_ms);
	paths->pre_ms = options->pre_ms;
	set_pre(paths);
	return paths;
}

void paths_free(struct paths *paths)
{
	if (!paths)
		return;
	world_free(paths->ours);
	world_free(paths->plain);
	lru_free(paths->lru);
	free(paths);
}

/* ---- changes --------------------------------------------------------------------------------- */

static const struct model_member *find_member(struct world *w, const struct sluice_addr *addr)
{
	const struct model_pool *pool = &model_service_at(w->model, 0)->pools[0];
	size_t i;

	for (i = 0; i < pool->member_count; i++) {
		if (memcmp(&pool->members[i].addr, addr, sizeof(*addr)) == 0)
			return &pool->members[i];
	}
	fprintf(stderr, "member %u is not there\n", addr->b[15]);
	exit(1);
}

static struct sluice_addr member_addr(uint32_t number)
{
	return (struct sluice_addr){
		.b = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = (uint8_t)number}};
}

static void change_member(struct world *w, const struct sequence_step *step, uint32_t number)
{
	struct change change = {.owner = OWNER_API,
				.service = "web",
				.addr = member_addr(number),
				.weight = step->verb == SEQUENCE_WEIGHT ? step->weight : 100,
				.text = "sequence"};

	switch (step->verb) {
	case SEQUENCE_ADD:
		change.type = CHANGE_MEMBER_ADD;
		break;
	case SEQUENCE_REMOVE:
		change.type = CHANGE_MEMBER_REMOVE;
		break;
	case SEQUENCE_WEIGHT:
		change.type = CHANGE_MEMBER_WEIGHT;
		break;
	case SEQUENCE_DRAIN:
	case SEQUENCE_READY:
	case SEQUENCE_MAINT:
		change.type = CHANGE_MEMBER_ADMIN;
		change.admin = step->verb == SEQUENCE_DRAIN   ? ADMIN_DRAIN
			       : step->verb == SEQUENCE_READY ? ADMIN_READY
							      : ADMIN_MAINT;
		break;
	default:
		change.type = CHANGE_MEMBER_HEALTH;
		change.member_id = find_member(w, &change.addr)->id;
		change.health = step->verb == SEQUENCE_UP ? HEALTH_UP : HEALTH_DOWN;
		change.health_cause = step->verb == SEQUENCE_REFUSE ? HEALTH_ANSWERED
								    : HEALTH_SILENT;
		break;
	}
	world_apply(w, &change);
	if (step->verb == SEQUENCE_ADD)
		world_set_nexthop(w, find_member(w, &change.addr), NEXTHOP_RESOLVED, 0);
}

void paths_change(struct paths *paths, const struct sequence_step *step)
{
	uint32_t number;

	if (step->verb == SEQUENCE_RESTART) {
		world_restart(paths->ours);
		world_restart(paths->plain);
		set_pre(paths);
		return;
	}
	for (number = step->first; number <= step->last; number++) {
		change_member(paths->ours, step, number);
		change_member(paths->plain, step, number);
		paths->lives[number] += step->verb == SEQUENCE_DIE ||
					step->verb == SEQUENCE_MAINT ||
					step->verb == SEQUENCE_REMOVE;
		paths->is_refusing[number] = step->verb == SEQUENCE_REFUSE;
	}
}

/* ---- time ------------------------------------------------------------------------------------ */

static void turn(struct world *w, uint64_t now_ms, bool is_checked, struct dp_service *ret_cell)
{
	const struct model_service *service = model_service_at(w->model, 0);

	w->fake->now_ms = now_ms;
	world_turn(w);
	if (is_checked)
		world_assert_sound(w, false);
	*ret_cell = *fake_dataplane_service(w->fake, &service->addr, service->port, service->proto);
}

void paths_turn(struct paths *paths, uint32_t tick)
{
	uint64_t now_ms = paths->start_ms + (uint64_t)tick * SEQUENCE_TICK_MS;
	struct sync_flow_totals totals;

	turn(paths->ours, now_ms, tick % CHECK_TICKS == 0, &paths->ours_cell);
	turn(paths->plain, now_ms, tick % CHECK_TICKS == 0, &paths->plain_cell);
	sync_view_totals(paths->ours->sync, &totals);
	paths->peak_ours = MAX(paths->peak_ours, totals.flows_used + totals.pending_used);
}

/* ---- packets --------------------------------------------------------------------------------- */

static uint8_t number_of(const struct world *w, uint32_t index)
{
	return index == SLUICE_MEMBER_NONE ? 0 : w->fake->members[index].addr.b[15];
}

/* SYNs are not looked up: they go by the table, and overwrite. */
static uint8_t send_full(struct paths *paths, uint64_t hash, enum fake_packet packet,
			 uint32_t *lru_hint, uint8_t owner)
{
	uint32_t at = lru_find(paths->lru, hash, *lru_hint);
	struct lru_member member = {owner, paths->lives[owner]};

	if (packet != FAKE_SYN) {
		paths->lookups_full++;
		if (at != LRU_NONE &&
		    lru_get(paths->lru, at).life == paths->lives[lru_get(paths->lru, at).number]) {
			lru_use(paths->lru, at);
			*lru_hint = at;
			return lru_get(paths->lru, at).number;
		}
	}
	if (owner && !paths->is_last_call)
		*lru_hint = lru_store(paths->lru, hash, at, member);
	return owner;
}

static uint64_t word_of(const struct paths *paths, uint64_t hash)
{
	const struct dp_service *cell = &paths->ours_cell;

	return paths->ours->fake
		->slots[cell->slots_base + sluice_flow_slot(hash, cell->slots_log2)];
}

static uint8_t send_ours(struct paths *paths, uint64_t hash, enum fake_packet packet)
{
	struct fake_dataplane *fake = paths->ours->fake;
	uint64_t word = word_of(paths, hash);
	bool is_announced = word & SLUICE_SLOT_F_PRE && packet == FAKE_SYN;
	uint32_t member = fake_path_send(fake, &paths->ours_cell, hash, packet);

	if (is_announced && !(word & (SLUICE_SLOT_F_EXC | SLUICE_SLOT_F_LEARN)))
		paths->announced_syns++;
	return number_of(paths->ours, member);
}

void paths_send(struct paths *paths, uint64_t hash, enum fake_packet packet, uint32_t *lru_hint,
		uint8_t ret_numbers[SIM_VARIANTS])
{
	struct world *plain = paths->plain;
	uint8_t owner;

	paths->packets++;
	owner = number_of(plain, fake_path_send(plain->fake, &paths->plain_cell, hash, packet));
	ret_numbers[SIM_SLOTS] = owner;
	ret_numbers[SIM_FULL] = send_full(paths, hash, packet, lru_hint, owner);
	ret_numbers[SIM_OURS] = send_ours(paths, hash, packet);
}

static void expect_slot(const struct world *w, const struct dp_service *cell, uint64_t hash)
{
	__builtin_prefetch(
		&w->fake->slots[cell->slots_base + sluice_flow_slot(hash, cell->slots_log2)]);
}

void paths_expect(const struct paths *paths, uint64_t hash, uint32_t lru_hint)
{
	expect_slot(paths->ours, &paths->ours_cell, hash);
	expect_slot(paths->plain, &paths->plain_cell, hash);
	lru_expect(paths->lru, lru_hint);
}

/* ---- what became of it ----------------------------------------------------------------------- */

uint64_t paths_lookups_ours(const struct paths *paths)
{
	const struct sluice_flow_stats *stats = &paths->ours->fake->flow_stats;

	/* Who is not in `flows` is looked for in `pending`; announced slots have that one only. */
	return stats->hits + stats->taken_over + 2 * (stats->misses + stats->pending_hits) +
	       paths->announced_syns;
}

uint32_t paths_late_slots(const struct paths *paths, uint32_t *ret_slots)
{
	const struct dp_service *a = &paths->ours_cell, *b = &paths->plain_cell;
	uint32_t i, late = 0;

	*ret_slots = 1U << a->slots_log2;
	if (a->slots_log2 != b->slots_log2)
		return *ret_slots;
	for (i = 0; i < *ret_slots; i++) {
		uint64_t word = paths->ours->fake->slots[a->slots_base + i];
		uint64_t wanted = paths->plain->fake->slots[b->slots_base + i];
		uint32_t cur = SLUICE_SLOT_CUR(word);

		late += number_of(paths->ours, cur) !=
				number_of(paths->plain, SLUICE_SLOT_CUR(wanted)) ||
			cur != SLUICE_SLOT_DEF(word);
	}
	return late;
}

void paths_describe(struct paths *paths, uint64_t hash, char *text, size_t size)
{
	uint64_t word = word_of(paths, hash);
	uint32_t entry = 0;
	bool has_entry = fake_path_find(paths->ours->fake, hash, &entry);

	snprintf(text, size, "slot with cur %u, def %u, flags %x; its entry names %u",
		 number_of(paths->ours, SLUICE_SLOT_CUR(word)),
		 number_of(paths->ours, SLUICE_SLOT_DEF(word)), (unsigned int)(word >> 48),
		 has_entry ? (uint32_t)number_of(paths->ours, entry) : 0);
}
