/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What time alone brings: deadlines of members that drain. */
#include "daemon/daemon.h"

#include "base/clock.h"

static void cut(struct daemon *daemon, const struct model_member *member)
{
	struct sync_member_flows flows;
	char text[96];

	sync_view_member(daemon->sync, member->id, &flows);
	snprintf(text, sizeof(text), "drain deadline passed: %u known flow%s cut%s", flows.entries,
		 flows.entries == 1 ? "" : "s",
		 flows.is_counted || !flows.silence_s ? "" : ", others were not counted yet");
	loop_observe_cut(daemon, member, text);
}

void due_tick(struct daemon *daemon)
{
	uint64_t now_s = clock_wall_s();
	size_t s, p, m;

	for (s = 0; s < model_service_count(daemon->model); s++) {
		const struct model_service *service = model_service_at(daemon->model, s);

		for (p = 0; p < service->pool_count; p++) {
			const struct model_pool *pool = &service->pools[p];

			for (m = 0; m < pool->member_count; m++) {
				const struct model_member *member = &pool->members[m];

				if (member->drain_until_s && !member->is_cut &&
				    member->drain_until_s <= now_s)
					cut(daemon, member);
			}
		}
	}
}
