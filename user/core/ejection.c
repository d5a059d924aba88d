/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/ejection.h"

#include "base/util.h"

size_t ejection_cap(size_t members)
{
	if (members < 2)
		return 0;
	return MAX(members / 3, 1);
}

enum ejection_panic ejection_panic(const struct panic_question *q, enum ejection_rank *ret_rank)
{
	size_t wanted = MAX(q->min_wanted, 1), have = q->admitted;
	enum ejection_rank rank, last = EJECTION_RANK_MAX;

	if (have >= wanted)
		return PANIC_NONE;
	if (q->fallback)
		return PANIC_FALLBACK;
	for (rank = 0; rank < EJECTION_RANK_MAX && have < wanted; rank++) {
		have += q->out[rank];
		if (q->out[rank])
			last = rank;
	}
	if (last == EJECTION_RANK_MAX)
		return PANIC_NONE; /* nobody could do better */
	if (q->is_drop)
		return PANIC_DROP;
	*ret_rank = last;
	return PANIC_READMIT;
}

const char *ejection_local_fault(const struct local_evidence *evidence)
{
	if (evidence->is_carrier_lost)
		return "carrier lost";
	if (evidence->gateway == GATEWAY_FAILED)
		return "the gateway does not answer";
	if (evidence->gateway == GATEWAY_DOUBTFUL && evidence->is_all_failing)
		return "every check fails, and the gateway does not answer for sure";
	return NULL;
}
