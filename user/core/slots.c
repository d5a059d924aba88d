/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/slots.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/abi.h>
#include <sluice/hash.h>

#include "base/util.h"
#include "core/slots_log.h"
#include "core/slots_queue.h"

#define CAP_PERCENT 105 /* of the ideal number of slots */

/* One member in the race. */
struct racer {
	uint32_t mul[2], add[2]; /* of its permutation */
	uint32_t owned;
	uint32_t cap;
	uint32_t claims; /* when it stopped: so many were made */
	uint32_t weight;
	const struct slots_member *member;
};

/* Racers of equal weight make their r-th claims at the same time, in order of identity. */
struct lane {
	uint64_t slowness; /* heaviest weight / own weight, Q32 */
	uint32_t claims;   /* made by each */
	uint32_t first;	   /* in race.order */
	uint32_t active;   /* racers left */
};

struct race {
	unsigned int log2;
	uint32_t size;
	uint32_t weight_max;
	const uint64_t *log_table;
	struct racer *racers; /* by identity */
	uint32_t *order;      /* racer numbers: heaviest first, then by identity */
	uint32_t *stopped;    /* racer numbers, in the order in which they met their cap */
	uint32_t racer_count;
	uint32_t stopped_count;
	struct lane *lanes;
	uint32_t lane_count;
	/* By slot: owner's racer number + 1 in the low half, runner-up's in the high half, so that
	 * a claim touches one cache line. */
	uint64_t *cells;
	uint32_t owned;	  /* cells with an owner */
	uint32_t runners; /* cells with a runner-up */
	struct slots_queue queue;
};

unsigned int slots_log2_for(uint32_t member_count)
{
	unsigned int log2 = SLUICE_SLOTS_LOG2_MIN;

	while (log2 < SLUICE_SLOTS_LOG2_MAX &&
	       (1ULL << log2) < (uint64_t)member_count * SLUICE_SLOTS_PER_MEMBER)
		log2++;
	return log2;
}

static int identity_compare(const struct slots_member *a, const struct slots_member *b)
{
	int order = memcmp(a->addr.b, b->addr.b, sizeof(a->addr.b));

	return order ? order : (a->port > b->port) - (a->port < b->port);
}

static uint64_t identity_hash(const struct slots_member *member, uint64_t seed)
{
	uint64_t h = sluice_hash_mix(seed ^ 0x9e3779b97f4a7c15ULL);

	h = sluice_hash_mix(h + be64toh(member->addr.d[0]));
	h = sluice_hash_mix(h ^ be64toh(member->addr.d[1]));
	return sluice_hash_mix(h + member->port);
}

static int racer_compare(const void *a, const void *b)
{
	return identity_compare(((const struct racer *)a)->member,
				((const struct racer *)b)->member);
}

static int order_compare(const void *a, const void *b, void *arg)
{
	const struct racer *racers = arg;
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;

	if (racers[i].weight != racers[j].weight)
		return racers[i].weight > racers[j].weight ? -1 : 1;
	return (i > j) - (i < j);
}

/* The slot of a racer's claim number r: two rounds of a keyed multiply-add (odd factor) and an
 * xor with the upper half, each a bijection of log2 bits. One multiply-add alone (a stride, as
 * Maglev has it) would let two members with equal strides chase each other over all slots. */
static inline uint32_t racer_slot(const struct racer *racer, uint32_t r, unsigned int log2)
{
	const uint32_t mask = (1U << log2) - 1;
	const unsigned int half = (log2 + 1) / 2;
	uint32_t x = r;

	x = (x * racer->mul[0] + racer->add[0]) & mask;
	x ^= x >> half;
	x = (x * racer->mul[1] + racer->add[1]) & mask;
	x ^= x >> half;
	return x;
}

static void racers_init(struct race *race, const struct slots_member *members, uint32_t count,
			uint64_t seed)
{
	uint64_t total = 0;
	uint32_t i, n = 0;

	for (i = 0; i < count; i++) {
		if (members[i].weight == 0)
			continue;
		race->racers[n].member = &members[i];
		race->racers[n].weight = members[i].weight;
		total += members[i].weight;
		race->weight_max = MAX(race->weight_max, members[i].weight);
		n++;
	}
	qsort(race->racers, n, sizeof(*race->racers), racer_compare);
	for (i = 0; i < n; i++) {
		struct racer *racer = &race->racers[i];
		uint64_t h = identity_hash(racer->member, seed);
		uint64_t g = sluice_hash_mix(h ^ 0x9e3779b97f4a7c15ULL);

		racer->mul[0] = (uint32_t)h | 1;
		racer->add[0] = (uint32_t)(h >> 32);
		racer->mul[1] = (uint32_t)g | 1;
		racer->add[1] = (uint32_t)(g >> 32);
		racer->cap = (uint32_t)(((uint64_t)race->size * racer->weight * CAP_PERCENT +
					 100 * total - 1) /
					(100 * total));
		race->order[i] = i;
	}
	qsort_r(race->order, n, sizeof(*race->order), order_compare, race->racers);
	race->racer_count = n;
}

/* Each racer gets its first free preference, in order of identity: nobody with weight is empty. */
static void reserve(struct race *race)
{
	uint32_t i, r, slot;

	for (i = 0; i < race->racer_count && race->owned < race->size; i++) {
		r = 0;
		do
			slot = racer_slot(&race->racers[i], r++, race->log2);
		while (race->cells[slot]);
		race->cells[slot] = i + 1;
		race->racers[i].owned = 1;
		race->owned++;
	}
}

static void stop(struct race *race, uint32_t number, uint32_t claims)
{
	race->racers[number].claims = claims;
	race->stopped[race->stopped_count++] = number;
}

static void lane_add(struct race *race, uint32_t first, uint32_t active, uint32_t claims)
{
	const struct racer *racer = &race->racers[race->order[first]];
	struct lane *lane = &race->lanes[race->lane_count++];

	lane->slowness = ((uint64_t)race->weight_max << 32) / racer->weight;
	lane->first = first;
	lane->active = active;
	lane->claims = claims;
}

/* One lane for each weight; racers whose reserved slot is all they may have do not start. */
static void lanes_init(struct race *race)
{
	uint32_t i, first = 0, kept = 0;

	for (i = 0; i < race->racer_count; i++) {
		struct racer *racer = &race->racers[race->order[i]];

		if (kept > first && race->racers[race->order[first]].weight != racer->weight) {
			lane_add(race, first, kept - first, 0);
			first = kept;
		}
		if (racer->owned >= racer->cap)
			stop(race, race->order[i], 0);
		else
			race->order[kept++] = race->order[i];
	}
	if (kept > first)
		lane_add(race, first, kept - first, 0);
}

/* When the lane's next claims happen, in units in which the heaviest member's time is its Q44
 * logarithm. Saturates: who is lighter by more than 2^16 comes after everybody else. */
static void lane_push(struct race *race, uint32_t number)
{
	const struct lane *lane = &race->lanes[number];
	unsigned __int128 time;

	if (lane->active == 0 || lane->claims >= race->size)
		return;
	time = (unsigned __int128)race->log_table[lane->claims] * lane->slowness >> 32;
	race->queue.time[number] = time > UINT64_MAX ? UINT64_MAX : (uint64_t)time;
	slots_queue_push(&race->queue, number);
}

static void queue_fill(struct race *race)
{
	uint64_t rate = 0; /* of claims of all lanes, 1: the heaviest lane's; Q16 */
	uint64_t events;
	uint32_t i;

	for (i = 0; i < race->lane_count; i++)
		rate += (1ULL << 48) / race->lanes[i].slowness;
	events = rate * race->size >> 16;
	slots_queue_init(&race->queue, race->lane_count, events ? events : 1);
	for (i = 0; i < race->lane_count; i++)
		lane_push(race, i);
}

/* Drops the racers that met their cap from the lane. */
static void lane_compact(struct race *race, struct lane *lane)
{
	uint32_t *order = race->order + lane->first;
	uint32_t i, kept = 0;

	for (i = 0; i < lane->active; i++) {
		const struct racer *racer = &race->racers[order[i]];

		if (racer->owned >= racer->cap)
			stop(race, order[i], lane->claims);
		else
			order[kept++] = order[i];
	}
	lane->active = kept;
}

/* Every racer of the lane makes its next claim: on a free slot it becomes the owner, on somebody
 * else's the runner-up if that is still open. Returns whether a racer met its cap. */
static bool lane_claim(struct race *race, struct lane *lane)
{
	const uint32_t *order = race->order + lane->first;
	uint32_t i, r = lane->claims++;
	bool is_capped = false;

	for (i = 0; i < lane->active; i++) {
		uint32_t number = order[i];
		struct racer *racer = &race->racers[number];
		uint64_t *cell = &race->cells[racer_slot(racer, r, race->log2)];

		if (*cell >> 32)
			continue;
		if (*cell == 0) {
			*cell = number + 1;
			race->owned++;
			if (++racer->owned == racer->cap)
				is_capped = true;
		} else if (*cell != number + 1) {
			*cell |= (uint64_t)(number + 1) << 32;
			race->runners++;
		}
	}
	return is_capped;
}

/* Caps sum to more than all slots, so somebody is always left to claim the last one. */
static void race_owners(struct race *race)
{
	queue_fill(race);
	while (race->owned < race->size) {
		uint32_t number = slots_queue_pop(&race->queue);

		assert(number != SLOTS_QUEUE_NONE);
		if (lane_claim(race, &race->lanes[number]))
			lane_compact(race, &race->lanes[number]);
		lane_push(race, number);
	}
}

/* The race goes on, without caps, for slots that have no runner-up yet. Whoever stopped takes up
 * its walk where it left it, so in the end every racer has claimed every slot. */
static void race_runners(struct race *race)
{
	uint32_t i, lane, used = 0;

	/* Lanes keep their part of the order; stopped racers get the room behind it. */
	for (lane = 0; lane < race->lane_count; lane++) {
		struct lane *l = &race->lanes[lane];

		memmove(race->order + used, race->order + l->first,
			l->active * sizeof(*race->order));
		l->first = used;
		used += l->active;
	}
	for (i = 0; i < race->stopped_count; i++) {
		race->order[used] = race->stopped[i];
		lane_add(race, used++, 1, race->racers[race->stopped[i]].claims);
	}
	queue_fill(race);
	while (race->runners < race->size) {
		uint32_t number = slots_queue_pop(&race->queue);

		assert(number != SLOTS_QUEUE_NONE);
		lane_claim(race, &race->lanes[number]);
		lane_push(race, number);
	}
}

static void race_done(struct race *race)
{
	free(race->racers);
	free(race->order);
	free(race->stopped);
	free(race->lanes);
	free(race->cells);
	free(race->queue.time);
	free(race->queue.next);
	free(race->queue.head);
}

static int race_init(struct race *race, const struct slots_member *members, uint32_t count,
		     uint64_t seed, unsigned int log2)
{
	size_t lanes = 2 * (size_t)count + 1;

	*race = (struct race){.log2 = log2, .size = 1U << log2};
	race->log_table = slots_log_table(log2);
	race->racers = calloc(count + 1, sizeof(*race->racers));
	race->order = calloc(count + 1, sizeof(*race->order));
	race->stopped = calloc(count + 1, sizeof(*race->stopped));
	race->lanes = calloc(lanes, sizeof(*race->lanes));
	race->cells = calloc(race->size, sizeof(*race->cells));
	race->queue.time = calloc(lanes, sizeof(*race->queue.time));
	race->queue.next = calloc(lanes, sizeof(*race->queue.next));
	race->queue.head = calloc(slots_queue_buckets((uint32_t)lanes), sizeof(*race->queue.head));
	if (!race->log_table || !race->racers || !race->order || !race->stopped || !race->lanes ||
	    !race->cells || !race->queue.time || !race->queue.next || !race->queue.head) {
		race_done(race);
		return -ENOMEM;
	}
	racers_init(race, members, count, seed);
	return 0;
}

static uint32_t racer_index(const struct race *race, uint32_t number_plus_1)
{
	return number_plus_1 ? race->racers[number_plus_1 - 1].member->index : SLUICE_MEMBER_NONE;
}

int slots_build(const struct slots_member *members, uint32_t count, uint64_t seed,
		unsigned int log2, uint32_t *owner, uint32_t *runner)
{
	struct race race;
	uint32_t slot;
	int err;

	if (log2 < SLUICE_SLOTS_LOG2_MIN || log2 > SLUICE_SLOTS_LOG2_MAX)
		return -EINVAL;
	err = race_init(&race, members, count, seed, log2);
	if (err)
		return err;
	if (race.racer_count > 0) {
		reserve(&race);
		lanes_init(&race);
		if (race.owned < race.size)
			race_owners(&race);
		if (runner && race.racer_count > 1)
			race_runners(&race);
	}
	for (slot = 0; slot < race.size; slot++) {
		owner[slot] = racer_index(&race, (uint32_t)race.cells[slot]);
		if (runner)
			runner[slot] = racer_index(&race, (uint32_t)(race.cells[slot] >> 32));
	}
	race_done(&race);
	return 0;
}

uint32_t slots_fingerprint(const struct slots_member *members, uint32_t count,
			   const uint32_t *owner, unsigned int log2)
{
	AUTO_FREE uint64_t *hashes = NULL; /* of identities, by member index; 0: nobody's */
	uint64_t sum = log2;
	uint32_t i, slot, last = 0;

	for (i = 0; i < count; i++)
		last = MAX(last, members[i].index);
	hashes = util_alloc_array((size_t)last + 1, sizeof(*hashes));
	for (i = 0; i < count; i++)
		hashes[members[i].index] = identity_hash(&members[i], 0);
	for (slot = 0; slot < 1U << log2; slot++) {
		if (owner[slot] <= last && hashes[owner[slot]])
			sum += sluice_hash_mix(hashes[owner[slot]] + slot);
	}
	return (uint32_t)(sluice_hash_mix(sum) >> 32);
}
