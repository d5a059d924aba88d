/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Slots in motion: from the table that a service has to the one that it should have. What each slot
 * does next is flow_plan.h's; here are the words, the times and the order. A slot at rest where it
 * should be has no record, so that a service without changes costs nothing.
 */
#include "core/sync_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

#define CHUNK 1024 /* slots read at a time */

_Static_assert(SLUICE_SLOTS_LOG2_MAX <= 20, "slots of records");
#define SWAPS_MAX 4

/* ---- words ---------------------------------------------------------------------------------- */

static struct sync_member *member_at(const struct sync *sync, uint32_t index)
{
	return index < sync->capacity.members ? sync->by_index[index] : NULL;
}

static bool is_dead(const struct sync *sync, uint32_t index)
{
	const struct sync_member *member = member_at(sync, index);

	return index && (!member || member->written.word & SLUICE_MEMBER_F_DEAD);
}

static void count_word(struct sync *sync, uint64_t word, int by, bool has_entries)
{
	struct sync_member *cur = member_at(sync, SLUICE_SLOT_CUR(word));
	struct sync_member *def = member_at(sync, SLUICE_SLOT_DEF(word));

	if (cur)
		cur->slots_cur += (uint32_t)by;
	if (def)
		def->slots_def += (uint32_t)by;
	/* Flows of a member without slots all have entries: the next sweep to begin counts them. */
	if (cur && has_entries)
		cur->counted_sweep = sync->sweep.number + 1;
	if (def && has_entries)
		def->counted_sweep = sync->sweep.number + 1;
}

int sync_move_swap(struct sync *sync, struct sync_service *service, uint32_t slot, uint64_t *word,
		   uint64_t new)
{
	uint64_t old = *word;
	int ret = sync_op(sync, slot_swap, service->base + slot, word, new);
	bool has_entries;

	if (ret)
		return ret;
	has_entries = service->is_tracked || flow_plan_state(old) != FLOW_STABLE ||
		      flow_plan_state(new) != FLOW_STABLE;
	count_word(sync, old, -1, has_entries);
	count_word(sync, new, 1, has_entries);
	sync->slots_moved += SLUICE_SLOT_CUR(old) != SLUICE_SLOT_CUR(new);
	*word = new;
	return 0;
}

static int set_runner(struct sync *sync, const struct sync_service *service, uint32_t slot,
		      uint32_t runner)
{
	uint32_t there;
	int ret = sync_op(sync, runners_read, service->base + slot, 1, &there);

	if (ret || there == runner)
		return ret;
	return sync_op(sync, runner_set, service->base + slot, runner);
}

/* ---- the target ------------------------------------------------------------------------------ */

void sync_move_forget(struct sync_motion *motion)
{
	free(motion->slots);
	free(motion->marks);
	*motion = (struct sync_motion){0};
}

static void append(struct sync_slot **slots, size_t *count, size_t *capacity,
		   const struct sync_slot *slot)
{
	*slots = util_grow(*slots, capacity, *count + 1, sizeof(**slots));
	(*slots)[(*count)++] = *slot;
}

/* Keeps the records' times. */
int sync_move_target(struct sync *sync, struct sync_service *service, const uint32_t *owner,
		     const uint32_t *runner)
{
	struct sync_motion *motion = &service->motion;
	uint32_t size = 1U << service->log2, chunk = MIN(size, CHUNK), slot, i;
	uint32_t runners[CHUNK];
	uint64_t words[CHUNK];
	struct sync_slot *slots = NULL;
	size_t count = 0, capacity = 0, old = 0;
	int ret = 0;

	for (slot = 0; slot < size && !ret; slot += chunk) {
		ret = sync_op(sync, slots_read, service->base + slot, chunk, words);
		if (!ret)
			ret = sync_op(sync, runners_read, service->base + slot, chunk, runners);
		for (i = 0; i < chunk && !ret; i++) {
			struct sync_slot record = {slot + i, owner[slot + i], runner[slot + i],
						   (uint32_t)sync->now_ms};

			while (old < motion->count && motion->slots[old].slot < record.slot)
				old++;
			if (old < motion->count && motion->slots[old].slot == record.slot)
				record.since_ms = motion->slots[old].since_ms;
			if (SLUICE_SLOT_CUR(words[i]) != record.target ||
			    flow_plan_state(words[i]) != FLOW_STABLE)
				append(&slots, &count, &capacity, &record);
			else if (runners[i] != record.runner)
				ret = sync_op(sync, runner_set, service->base + record.slot,
					      record.runner);
		}
	}
	if (ret) {
		free(slots);
		return ret;
	}
	free(motion->slots);
	motion->slots = util_shrink(slots, count, sizeof(*slots));
	motion->count = count;
	return sync_move_step(sync, service);
}

int sync_move_adopt(struct sync *sync, struct sync_service *service)
{
	struct sync_motion *motion = &service->motion;
	uint32_t size = 1U << service->log2, chunk = MIN(size, CHUNK), slot, i;
	uint32_t runners[CHUNK];
	uint64_t words[CHUNK];
	size_t capacity = 0;
	int ret;

	for (slot = 0; slot < size; slot += chunk) {
		ret = sync_op(sync, slots_read, service->base + slot, chunk, words);
		if (!ret)
			ret = sync_op(sync, runners_read, service->base + slot, chunk, runners);
		if (ret)
			return ret;
		for (i = 0; i < chunk; i++) {
			struct sync_slot record = {slot + i, SLUICE_SLOT_CUR(words[i]), runners[i],
						   (uint32_t)sync->now_ms};

			count_word(sync, words[i], 1, false);
			if (flow_plan_state(words[i]) != FLOW_STABLE)
				append(&motion->slots, &motion->count, &capacity, &record);
		}
	}
	return 0;
}

/* ---- steps ----------------------------------------------------------------------------------- */

uint32_t sync_move_clear_ms(const struct sync *sync)
{
	/* A second of the packet path is 2^30 ns. */
	return (sync->flows.pending_life_s + 1) * 1074 + 1000;
}

/* Did a whole sweep that began late enough find no entry for the slot? */
static bool is_clear(const struct sync *sync, const struct sync_motion *motion,
		     const struct sync_slot *slot)
{
	uint32_t begin_ms = (uint32_t)sync->sweep.begin_ms;

	if (!motion->marks || sync->sweep.is_running || motion->marks_sweep != sync->sweep.number)
		return false;
	if ((int32_t)(begin_ms - slot->since_ms - sync_move_clear_ms(sync)) < 0)
		return false;
	return !(motion->marks[slot->slot / 64] >> slot->slot % 64 & 1);
}

static struct flow_times move_times(const struct sync *sync, const struct sync_service *service)
{
	return (struct flow_times){.pre_ms = sync->flows.pre_ms,
				   .learn_ms = service->silence_s * 1000,
				   .postpone_ms = sync_move_clear_ms(sync)};
}

static void ask(const struct sync *sync, const struct sync_service *service,
		const struct sync_slot *slot, uint64_t word, struct flow_question *q)
{
	uint32_t cur = SLUICE_SLOT_CUR(word);
	const struct sync_member *owner = member_at(sync, cur);

	*q = (struct flow_question){
		.word = word,
		/* Where its owner is to be has just died: the next table knows better. */
		.wanted = is_dead(sync, slot->target) ? cur : slot->target,
		.kind = service->kind,
		.is_urgent = cur && (!owner || owner->is_urgent || owner->is_leaving),
		.is_cur_dead = is_dead(sync, cur),
		.is_def_dead = is_dead(sync, SLUICE_SLOT_DEF(word)),
		.is_quiet = service->motion.is_quiet,
		.is_clear = is_clear(sync, &service->motion, slot),
		.since_ms = slot->since_ms,
		.now_ms = (uint32_t)sync->now_ms,
	};
}

/* Its runner-up in the new table, or until then the owner that it waits for. */
static int follow_runner(struct sync *sync, struct sync_service *service,
			 const struct sync_slot *slot, uint64_t word)
{
	uint32_t cur = SLUICE_SLOT_CUR(word);

	if (cur == slot->target)
		return set_runner(sync, service, slot->slot, slot->runner);
	return set_runner(sync, service, slot->slot, slot->target);
}

static void tally(const struct sync *sync, struct sync_service *service,
		  const struct sync_slot *slot, const struct flow_question *q)
{
	const struct flow_times times = move_times(sync, service);
	uint32_t learn_ms = flow_plan_learn_ms(&times, q), pre_ms = times.pre_ms;
	uint32_t passed_ms = q->now_ms - slot->since_ms, left_ms = 0;
	struct sync_motion *motion = &service->motion;

	switch (flow_plan_state(q->word)) {
	case FLOW_PRE:
		motion->pre++;
		left_ms = learn_ms + (pre_ms > passed_ms ? pre_ms - passed_ms : 0);
		break;
	case FLOW_MOVING:
		motion->moving++;
		/* Marked, or with PRE, when that has been seen: it postpones. */
		motion->dirty += !!(q->word & (SLUICE_SLOT_F_DIRTY | SLUICE_SLOT_F_PRE));
		left_ms = learn_ms > passed_ms ? learn_ms - passed_ms : 1;
		break;
	case FLOW_EXCEPTIONAL:
		motion->exceptional++;
		break;
	default:
		break;
	}
	if (flow_plan_is_waiting(q)) {
		motion->waiting++;
		left_ms = learn_ms + pre_ms;
	}
	if (left_ms)
		motion->settles_ms = MAX(motion->settles_ms, sync->now_ms + left_ms);
}

/* One slot's step. True: its record is still needed. */
static bool step_slot(struct sync *sync, struct sync_service *service, struct sync_slot *slot,
		      uint32_t *may_start, int *ret_err)
{
	const struct flow_times times = move_times(sync, service);
	struct sync_motion *motion = &service->motion;
	struct flow_question q;
	struct flow_answer a;
	uint64_t word;
	int ret, tries;

	ret = sync_op(sync, slots_read, service->base + slot->slot, 1, &word);
	for (tries = 0; !ret && tries < SWAPS_MAX; tries++) {
		ask(sync, service, slot, word, &q);
		q.may_start = *may_start > 0 && flow_plan_is_waiting(&q);
		flow_plan_next(&times, &q, &a);
		if (a.word == word)
			break;
		ret = sync_move_swap(sync, service, slot->slot, &word, a.word);
		if (ret == -EAGAIN) { /* a packet has set DIRTY */
			ret = 0;
			continue;
		}
		if (ret)
			break;
		*may_start -= q.may_start;
		break;
	}
	if (!ret)
		ret = follow_runner(sync, service, slot, word);
	if (ret) {
		*ret_err = ret;
		motion->next_ms = MIN(motion->next_ms, sync->now_ms + 1000);
		return true;
	}
	if (a.is_step && word == a.word)
		slot->since_ms = (uint32_t)sync->now_ms;
	if (a.wait_ms != UINT32_MAX)
		motion->next_ms = MIN(motion->next_ms, sync->now_ms + a.wait_ms);
	q.word = word;
	tally(sync, service, slot, &q);
	return flow_plan_state(word) != FLOW_STABLE || SLUICE_SLOT_CUR(word) != slot->target;
}

static int count_waiting(struct sync *sync, struct sync_service *service, uint32_t *ret_waiting)
{
	uint32_t waiting = 0;
	size_t i;

	for (i = 0; i < service->motion.count; i++) {
		const struct sync_slot *slot = &service->motion.slots[i];
		struct flow_question q;
		uint64_t word;
		int ret = sync_op(sync, slots_read, service->base + slot->slot, 1, &word);

		if (ret)
			return ret;
		ask(sync, service, slot, word, &q);
		waiting += flow_plan_is_waiting(&q);
	}
	*ret_waiting = waiting;
	return 0;
}

/* Memory that a large change needed goes back after it. */
static void shrink(struct sync_motion *motion, size_t before)
{
	if (motion->count == 0) {
		free(motion->slots);
		motion->slots = NULL;
		motion->granted = 0;
		motion->granted_ms = motion->promised = 0;
		motion->is_measured = false;
		motion->entries = 0;
	} else if (motion->count < before) {
		void *smaller = realloc(motion->slots, motion->count * sizeof(*motion->slots));

		if (smaller)
			motion->slots = smaller;
	}
}

int sync_move_step(struct sync *sync, struct sync_service *service)
{
	struct sync_motion *motion = &service->motion;
	size_t i, kept = 0, before = motion->count;
	uint32_t waiting, may_start;
	int ret;

	motion->next_ms = UINT64_MAX;
	motion->settles_ms = 0;
	motion->is_quiet = service->kind == FLOW_KIND_TRACKED && motion->count &&
			   sync_pace_is_quiet(sync, service);
	ret = count_waiting(sync, service, &waiting);
	if (ret)
		return ret;
	may_start = waiting ? sync_pace(sync, service, waiting) : 0;
	motion->pre = motion->waiting = motion->moving = motion->exceptional = motion->dirty = 0;
	for (i = 0; i < before; i++) {
		if (step_slot(sync, service, &motion->slots[i], &may_start, &ret))
			motion->slots[kept++] = motion->slots[i];
	}
	motion->count = kept;
	shrink(motion, before);
	return ret;
}

/* ---- deaths ---------------------------------------------------------------------------------- */

static int slot_compare(const void *a, const void *b)
{
	uint32_t i = ((const struct sync_slot *)a)->slot, j = ((const struct sync_slot *)b)->slot;

	return (i > j) - (i < j);
}

static struct sync_slot *find_record(const struct sync_motion *motion, uint32_t slot)
{
	const struct sync_slot key = {.slot = slot};

	if (!motion->count)
		return NULL;
	return bsearch(&key, motion->slots, motion->count, sizeof(key), slot_compare);
}

/* Packets of a slot whose owner is dead go to its runner-up: now it is the owner. A slot without a
 * living one stays as it is until the next table. */
static int bury(struct sync *sync, struct sync_service *service, uint32_t slot, uint64_t word,
		uint32_t runner)
{
	const struct flow_times times = move_times(sync, service);
	uint32_t cur = SLUICE_SLOT_CUR(word);
	bool is_cur_dead = is_dead(sync, cur);
	bool is_def_dead = is_dead(sync, SLUICE_SLOT_DEF(word));
	struct flow_question q = {.word = word,
				  .kind = service->kind,
				  .is_urgent = true,
				  .is_cur_dead = is_cur_dead,
				  .is_def_dead = is_def_dead,
				  .now_ms = (uint32_t)sync->now_ms};
	struct sync_slot *record;
	struct flow_answer a;
	int ret;

	if ((!is_cur_dead && !is_def_dead) ||
	    (is_cur_dead && (!runner || is_dead(sync, runner) || runner == cur)))
		return 0;
	do {
		q.word = word;
		q.wanted = is_cur_dead ? runner : cur;
		flow_plan_next(&times, &q, &a);
		if (a.word == word)
			return 0;
		ret = sync_move_swap(sync, service, slot, &word, a.word);
	} while (ret == -EAGAIN);
	record = find_record(&service->motion, slot);
	if (record && !ret)
		record->since_ms = q.now_ms;
	if (ret || !is_cur_dead)
		return ret;
	/* Even the table of before would have to be built again: who died may be back by then. */
	service->has_table = false;
	return sync_op(sync, runner_set, service->base + slot, SLUICE_MEMBER_NONE);
}

int sync_move_dead(struct sync *sync, struct sync_service *service)
{
	uint32_t size = 1U << service->log2, chunk = MIN(size, CHUNK), slot, i;
	uint32_t runners[CHUNK];
	uint64_t words[CHUNK];
	int ret = 0;

	for (slot = 0; slot < size && !ret; slot += chunk) {
		ret = sync_op(sync, slots_read, service->base + slot, chunk, words);
		if (!ret)
			ret = sync_op(sync, runners_read, service->base + slot, chunk, runners);
		for (i = 0; i < chunk && !ret; i++)
			ret = bury(sync, service, slot + i, words[i], runners[i]);
	}
	/* Slots in motion have new words: their records follow. */
	if (!ret && service->motion.count)
		ret = sync_move_step(sync, service);
	return ret;
}
