/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is in the pinned maps that new ones would not have. */
#include "dataplane/pinned.h"

#include "base/util.h"

struct count {
	const struct dp_pinned *pinned;
	const struct sluice_service **services; /* by member index */
	struct dp_pinned_loss loss;
};

/* NULL where no member is, or its service has no slots. */
static void find_services(struct count *count)
{
	const struct dp_pinned *pinned = count->pinned;

	count->services = util_alloc_array(pinned->members.count, sizeof(*count->services));
	for (uint32_t index = 0; index < pinned->members.count; index++) {
		const struct sluice_member *member = dp_pinned_member(pinned, index);

		if (!member)
			continue;
		count->loss.offline += (member->word & SLUICE_MEMBER_F_OFFLINE) != 0;
		for (uint32_t cell = 0; cell < pinned->services.count; cell++) {
			const struct sluice_service *service = dp_pinned_service(pinned, cell);

			if (service && service->id == member->service) {
				count->services[index] = service;
				break;
			}
		}
	}
}

static bool is_table(const struct dp_pinned *pinned, const struct sluice_service *service)
{
	uint64_t slots = 1ULL << SLUICE_SVC_LOG2(service->word);

	return !(service->word & SLUICE_SVC_F_LOCAL) &&
	       SLUICE_SVC_BASE(service->word) + slots <= pinned->slots.count;
}

static void count_moving(struct count *count)
{
	const struct dp_pinned *pinned = count->pinned;
	const __u64 *slots = pinned->slots.data;

	for (uint32_t cell = 0; cell < pinned->services.count; cell++) {
		const struct sluice_service *service = dp_pinned_service(pinned, cell);

		if (!service || !is_table(pinned, service))
			continue;
		for (uint64_t i = 0; i < 1ULL << SLUICE_SVC_LOG2(service->word); i++) {
			__u64 word = slots[SLUICE_SVC_BASE(service->word) + i];

			count->loss.moving += SLUICE_SLOT_CUR(word) != SLUICE_SLOT_DEF(word);
		}
	}
}

static void count_entry(struct count *count, const struct sluice_flow_entry *entry)
{
	const struct dp_pinned *pinned = count->pinned;
	const struct sluice_member *member =
		dp_pinned_member(pinned, SLUICE_FLOW_MEMBER(entry->value));
	const struct sluice_service *service;
	const __u64 *slots = pinned->slots.data;
	uint64_t slot;

	if (entry->fingerprint == SLUICE_FLOW_FREE || entry->fingerprint == SLUICE_FLOW_BUSY ||
	    !member || SLUICE_FLOW_EPOCH(entry->value) != SLUICE_MEMBER_EPOCH(member->word))
		return;
	service = count->services[SLUICE_FLOW_MEMBER(entry->value)];
	if (!service || !is_table(pinned, service) || !SLUICE_SVC_LOG2(service->word))
		return;
	slot = SLUICE_SVC_BASE(service->word) +
	       (entry->fingerprint >> (64 - SLUICE_SVC_LOG2(service->word)));
	count->loss.flows += SLUICE_SLOT_CUR(slots[slot]) != SLUICE_FLOW_MEMBER(entry->value);
}

static int count_flows(struct count *count, const char *name, struct err *e)
{
	struct dp_pinned_array array = {0};
	const struct sluice_flow_set *sets;
	int ret = dp_pinned_map(count->pinned, name, sizeof(*sets), &array, e);

	sets = array.data;
	for (uint32_t i = 0; i < array.count; i++)
		for (int way = 0; way < SLUICE_FLOW_WAYS; way++)
			count_entry(count, &sets[i].entry[way]);
	dp_pinned_unmap(&array);
	return ret;
}

static int count_limits(struct count *count, struct err *e)
{
	struct dp_pinned_array array = {0};
	const struct sluice_limit *limits;
	int ret = dp_pinned_map(count->pinned, SLUICE_MAP_LIMITS, sizeof(*limits), &array, e);

	limits = array.data;
	for (uint32_t i = 0; i < array.count; i++)
		count->loss.limits += (limits[i].word & SLUICE_LIMIT_F_USED) != 0;
	dp_pinned_unmap(&array);
	return ret;
}

int dp_pinned_count_loss(const struct dp_pinned *pinned, struct dp_pinned_loss *ret_loss,
			 struct err *e)
{
	struct count count = {.pinned = pinned};
	int ret;

	find_services(&count);
	count_moving(&count);
	ret = count_limits(&count, e);
	if (!ret)
		ret = count_flows(&count, SLUICE_MAP_FLOWS, e);
	if (!ret)
		ret = count_flows(&count, SLUICE_MAP_TRACKED, e);
	free(count.services);
	if (!ret)
		*ret_loss = count.loss;
	return ret;
}
