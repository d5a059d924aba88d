/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a person says of a member against its checks: out, or in, why and for how long. */
#include "core/model_internal.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"

const char *model_override_name(enum override_state override)
{
	static const char *const names[OVERRIDE_STATE_MAX] = {"none", "ejected", "forced"};

	return (unsigned int) override < OVERRIDE_STATE_MAX ? names[override] : "?";
}

static struct model_override *find(const struct model_state *state, uint64_t member_id)
{
	size_t i;

	for (i = 0; i < state->override_count; i++)
		if (state->overrides[i].member_id == member_id)
			return &state->overrides[i];
	return NULL;
}

const struct model_override *model_override_of(const struct model *model,
					       const struct model_member *member)
{
	return member->override == OVERRIDE_NONE ? NULL : find(model_state_of(model), member->id);
}

static struct model_override *add(struct model_state *state, uint64_t member_id)
{
	struct model_override *override = find(state, member_id);

	if (override)
		return override;
	state->overrides = util_grow(state->overrides, &state->override_capacity,
				     state->override_count + 1, sizeof(*state->overrides));
	override = &state->overrides[state->override_count++];
	*override = (struct model_override){.member_id = member_id};
	return override;
}

void model_override_copy(struct model_state *state, uint64_t from_id, uint64_t to_id)
{
	const struct model_override *from = find(state, from_id);
	struct model_override copy;

	if (!from)
		return;
	copy = *from;
	copy.member_id = to_id;
	*add(state, to_id) = copy;
}

static void tell(struct apply *apply, const struct model_service *service,
		 const struct model_pool *pool, const struct model_member *member,
		 const struct change *change)
{
	uint64_t now_s = clock_wall_s();
	char left[40] = "";

	if (change->override == OVERRIDE_NONE) {
		model_event(apply, EVENT_member_override, service, pool, member,
			    "%s -> restored: its check and its circuit decide again",
			    model_override_name(member->override));
		return;
	}
	if (change->override_until_s > now_s)
		snprintf(left, sizeof(left), " for %" PRIu64 " s",
			 change->override_until_s - now_s);
	model_event(apply, EVENT_member_override, service, pool, member, "%s%s%s%s%s%s",
		    model_override_name(change->override), left,
		    change->who && *change->who ? " by " : "", change->who ? change->who : "",
		    change->text && *change->text ? ": " : "", change->text ? change->text : "");
}

void model_set_override(struct apply *apply, const struct model_service *service,
			const struct model_pool *pool, struct model_member *member,
			const struct change *change)
{
	struct model_override *override;

	if ((unsigned int)change->override >= OVERRIDE_STATE_MAX) {
		errs_add(apply->errors, ERR_INVALID, "/override", "unknown override %d",
			 (int)change->override);
		return;
	}
	if (member->override == OVERRIDE_NONE && change->override == OVERRIDE_NONE)
		return;
	tell(apply, service, pool, member, change);
	member->override = change->override;
	member->override_until_s = change->override == OVERRIDE_NONE ? 0 : change->override_until_s;
	if (change->override == OVERRIDE_NONE)
		return; /* its reason is dropped with the rest: model_state_prune_overrides() */
	override = add(apply->state, member->id);
	override->since_s = change->since_s ? change->since_s : clock_wall_s();
	util_copy(override->reason, sizeof(override->reason), change->text ? change->text : "");
	util_copy(override->who, sizeof(override->who), change->who ? change->who : "");
}

void model_change_expiry(struct apply *apply, struct model_service *service,
			 struct model_pool *pool, struct model_member *member,
			 const struct change *change)
{
	/* Somebody may have said something else since. */
	if (member->override == OVERRIDE_NONE || !member->override_until_s ||
	    member->override_until_s != change->override_until_s)
		return;
	model_event(apply, EVENT_member_override, service, pool, member,
		    "%s -> restored: its time is over", model_override_name(member->override));
	member->override = OVERRIDE_NONE;
	member->override_until_s = 0;
	model_state_prune_overrides(apply->state);
	service->is_dirty = true;
	model_service_refresh(apply, service);
}

void model_state_prune_overrides(struct model_state *state)
{
	size_t s, p, m, kept = 0;

	for (s = 0; state->override_count && s < state->service_count; s++) {
		const struct model_service *service = &state->services[s];

		for (p = 0; p < service->pool_count; p++) {
			for (m = 0; m < service->pools[p].member_count; m++) {
				const struct model_member *member = &service->pools[p].members[m];
				struct model_override *at = member->override == OVERRIDE_NONE
								    ? NULL
								    : find(state, member->id);
				struct model_override moved;

				if (!at)
					continue;
				moved = state->overrides[kept];
				state->overrides[kept++] = *at;
				if (at != &state->overrides[kept - 1])
					*at = moved;
			}
		}
	}
	state->override_count = kept;
}
