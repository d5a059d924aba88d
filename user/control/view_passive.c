/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What clients' packets say of a member, as JSON. */
#include "control/view.h"

#include <netinet/in.h>

static const char *const mode_names[PASSIVE_MODE_MAX] = {"observe", "suspect", "disabled"};

const char *view_passive_mode(enum passive_mode mode)
{
	return mode < PASSIVE_MODE_MAX ? mode_names[mode] : "?";
}

static const char *watched(const struct model_service *service, const struct model_pool *pool,
			   const struct model_member *member)
{
	if (service->proto != IPPROTO_TCP || pool->circuit.passive == PASSIVE_MODE_DISABLED)
		return "none";
	return member->is_watched_wholly ? "all" : "sample";
}

static json_t *view_total(const struct passive_counts *total)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "flows", (json_int_t)total->syn, "repeated",
			 (json_int_t)total->repeated, "followed", (json_int_t)total->followed,
			 "lost", (json_int_t)total->lost, "icmp_errors",
			 (json_int_t)total->unreachable);
}

json_t *view_passive(const struct control_host *host, const struct model_service *service,
		     const struct model_pool *pool, const struct model_member *member)
{
	struct suspects_view view;
	const struct passive_view *now = &view.now;
	bool is_known;

	suspects_view(host->suspects, member->id, &view);
	is_known = now->flows >= PASSIVE_VOLUME;
	return json_pack("{s:s, s:b, s:s, s:i, s:o, s:o, s:i, s:s, s:o}", "mode",
			 view_passive_mode(pool->circuit.passive), "is_suspect",
			 member->suspicion.cause != PASSIVE_NOTHING, "watched",
			 watched(service, pool, member), "flows", (int)now->flows,
			 "unanswered_percent", is_known ? json_integer(now->percent) : json_null(),
			 "pool_percent", now->has_median ? json_integer(now->median) : json_null(),
			 "icmp_errors", (int)now->unreachable, "icmp_error",
			 now->unreachable ? passive_error_name(now->error) : "", "total",
			 view_total(&view.total));
}
