/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/passive.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

#define BUCKETS (PASSIVE_WINDOW_S + 1)

/* ---- the window ---------------------------------------------------------------------------- */

void passive_clear(struct passive_window *window, uint32_t second)
{
	memset(window, 0, sizeof(*window));
	window->second = second;
}

static void move_on(struct passive_window *window, uint32_t second)
{
	uint32_t gone = second - window->second;

	if (gone >= BUCKETS) {
		passive_clear(window, second);
		return;
	}
	for (; window->second != second; window->second++)
		memset(&window->buckets[(window->second + 1) % BUCKETS], 0,
		       sizeof(window->buckets[0]));
}

void passive_count(struct passive_window *window, const struct passive_counts *counted,
		   uint32_t second)
{
	struct passive_bucket *bucket;
	uint64_t syn, repeated, followed, lost;
	unsigned int shift = 0;

	assert(second - window->second < UINT32_MAX / 2);
	move_on(window, second);
	bucket = &window->buckets[second % BUCKETS];
	syn = bucket->syn + counted->syn;
	repeated = bucket->repeated + counted->repeated;
	followed = bucket->followed + counted->followed;
	lost = bucket->lost + counted->lost;
	/* What does not fit becomes smaller altogether: it is only compared with each other. */
	while ((syn | repeated | followed | lost) >> shift > UINT16_MAX)
		shift++;
	bucket->syn = (uint16_t)(syn >> shift);
	bucket->repeated = (uint16_t)(repeated >> shift);
	bucket->followed = (uint16_t)(followed >> shift);
	bucket->lost = (uint16_t)(lost >> shift);
	bucket->unreachable = (uint16_t)MIN(bucket->unreachable + counted->unreachable, UINT16_MAX);
}

/* Flows are compared with answers of a second later: SYNs of the oldest bucket count, its answers
 * belong to what is no longer in the window; of the newest it is the other way round. */
void passive_sum(const struct passive_window *window, uint32_t second,
		 struct passive_sums *ret_sums)
{
	uint32_t gone = second - window->second, followed = 0, repeated = 0, lost = 0, i;
	struct passive_sums sums = {0};

	for (i = gone; i < BUCKETS; i++) {
		const struct passive_bucket *bucket =
			&window->buckets[(second % BUCKETS + BUCKETS - i) % BUCKETS];

		if (i > 0)
			sums.flows += bucket->syn;
		if (i == BUCKETS - 1)
			break;
		followed += bucket->followed;
		repeated += bucket->repeated;
		lost += bucket->lost;
		sums.unreachable += bucket->unreachable;
	}
	if (gone == 0)
		sums.followed = window->buckets[second % BUCKETS].followed;
	sums.flows -= MIN(lost, sums.flows);
	/* Who repeats its SYN may be answered then: it counts once. */
	sums.failed = MAX(sums.flows - MIN(followed, sums.flows), MIN(repeated, sums.flows));
	*ret_sums = sums;
}

uint32_t passive_percent(const struct passive_sums *sums)
{
	return sums->flows ? (uint32_t)((uint64_t)sums->failed * 100 / sums->flows) : 0;
}

/* ---- judgement ----------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	return *(const uint8_t *)a - *(const uint8_t *)b;
}

int passive_median(const struct passive_sums *pool, size_t count)
{
	AUTO_FREE uint8_t *percents = util_alloc_array(count + 1, sizeof(*percents));
	size_t i, n = 0;

	for (i = 0; i < count; i++)
		if (pool[i].flows >= PASSIVE_VOLUME)
			percents[n++] = (uint8_t)passive_percent(&pool[i]);
	if (n < PASSIVE_MEMBERS)
		return -1;
	qsort(percents, n, sizeof(*percents), compare);
	return percents[n / 2];
}

enum passive_sign passive_judge(const struct passive_sums *sums, int median)
{
	int percent = (int)passive_percent(sums);

	if (sums->unreachable)
		return PASSIVE_ICMP;
	if (sums->flows < PASSIVE_VOLUME || median < 0 || median >= PASSIVE_BAD_PERCENT)
		return PASSIVE_NOTHING;
	if (percent >= PASSIVE_BAD_PERCENT && percent >= median + PASSIVE_BAD_ABOVE)
		return PASSIVE_BAD;
	if (percent >= PASSIVE_DOUBT_PERCENT && percent >= median + PASSIVE_DOUBT_ABOVE)
		return PASSIVE_DOUBT;
	return PASSIVE_FINE;
}

bool passive_feed(struct passive_state *state, enum passive_sign sign)
{
	bool is_bad = sign == PASSIVE_BAD || sign == PASSIVE_ICMP;

	if (state->cause == PASSIVE_NOTHING) {
		if (is_bad)
			*state = (struct passive_state){.cause = sign};
		return is_bad;
	}
	if (is_bad || sign == PASSIVE_DOUBT) {
		state->calm_s = 0;
		return false;
	}
	if (++state->calm_s < PASSIVE_CALM_S)
		return false;
	*state = (struct passive_state){0};
	return true;
}

/* ---- words --------------------------------------------------------------------------------- */

const char *passive_error_name(unsigned int error)
{
	static const char *const names[SLUICE_UNREACHABLE_MAX] = {
		[SLUICE_UNREACHABLE_NETWORK] = "network unreachable",
		[SLUICE_UNREACHABLE_HOST] = "host unreachable",
		[SLUICE_UNREACHABLE_PROTOCOL] = "protocol unreachable",
		[SLUICE_UNREACHABLE_PORT] = "port unreachable",
		[SLUICE_UNREACHABLE_PROHIBITED] = "prohibited",
		[SLUICE_UNREACHABLE_EXPIRED] = "TTL exceeded",
	};

	return error < SLUICE_UNREACHABLE_MAX ? names[error] : "?";
}

const char *passive_text(const struct passive_view *view, char buffer[PASSIVE_TEXT_MAX])
{
	size_t used = 0;

	buffer[0] = '\0';
	if (view->unreachable)
		used = (size_t)snprintf(buffer, PASSIVE_TEXT_MAX, "%" PRIu32 " ICMP error%s (%s)",
					view->unreachable, view->unreachable == 1 ? "" : "s",
					passive_error_name(view->error));
	if (view->flows < PASSIVE_VOLUME) {
		if (!used)
			snprintf(buffer, PASSIVE_TEXT_MAX, "too few new flows to tell");
		return buffer;
	}
	used += (size_t)snprintf(buffer + used, PASSIVE_TEXT_MAX - used,
				 "%s%u %% of %" PRIu32 " new flows were not answered",
				 used ? ", and " : "", view->percent, view->flows);
	if (view->has_median)
		snprintf(buffer + used, PASSIVE_TEXT_MAX - used, " (pool %u %%)", view->median);
	return buffer;
}
