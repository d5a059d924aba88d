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

bool ejection_gateway_is_silent(const struct gateway_evidence *evidence)
{
	return evidence->unanswered_ms >= GATEWAY_SILENT_MS;
}

bool ejection_gateway_is_waited_for(const struct gateway_evidence *evidence)
{
	return evidence->has_failed && evidence->is_passable &&
	       evidence->unanswered_ms < GATEWAY_GIVEN_UP_MS;
}

enum gateway_state ejection_gateway(const struct gateway_evidence *evidence)
{
	if (evidence->has_failed && !ejection_gateway_is_waited_for(evidence))
		return GATEWAY_FAILED;
	if (ejection_gateway_is_silent(evidence) && !evidence->is_passable)
		return GATEWAY_FAILED;
	return evidence->has_failed || evidence->unanswered_ms >= GATEWAY_LATE_MS ? GATEWAY_DOUBTFUL
										  : GATEWAY_FINE;
}

enum gateway_state ejection_gateways(const size_t count[static GATEWAY_STATE_MAX], bool is_only_way)
{
	if (count[GATEWAY_FINE] || (!count[GATEWAY_DOUBTFUL] && !count[GATEWAY_FAILED]))
		return GATEWAY_FINE;
	if (count[GATEWAY_DOUBTFUL] || !is_only_way)
		return GATEWAY_DOUBTFUL;
	return GATEWAY_FAILED;
}

enum local_fault ejection_local_fault(const struct local_evidence *evidence)
{
	if (evidence->is_carrier_lost)
		return LOCAL_FAULT_CARRIER;
	if (evidence->gateway == GATEWAY_FAILED)
		return LOCAL_FAULT_GATEWAY;
	if (evidence->is_gateway_silent && evidence->is_all_failing)
		return LOCAL_FAULT_ALL;
	return LOCAL_FAULT_NONE;
}

bool ejection_is_in_doubt(uint64_t doubt_ms, uint64_t passed_ms, uint64_t now_ms)
{
	return doubt_ms && passed_ms <= doubt_ms && now_ms - doubt_ms < DOUBT_MAX_MS;
}
