/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Access lists as JSON. */
#include "control/view.h"

static json_t *services_of(const struct control_host *host, uint32_t list)
{
	json_t *names = json_array();
	size_t s, i;

	for (s = 0; s < model_service_count(host->model); s++) {
		const struct model_service *service = model_service_at(host->model, s);

		for (i = 0; i < SLUICE_SERVICE_ALLOW_MAX; i++)
			if (service->allow[i] == list)
				json_array_append_new(names, json_string(service->name));
	}
	return names;
}

json_t *view_list(const struct control_host *host, const struct model_list *list)
{
	uint64_t key = STATS_KEY(STATS_LIST, list->id);
	size_t entries = list->configured->count + list->runtime->count;
	uint64_t total[STATS_COUNTERS];
	double rate[STATS_COUNTERS];

	stats_total(host->stats, key, total);
	stats_rate(host->stats, key, rate);
	return json_pack("{s:s, s:s, s:s?, s:I, s:I, s:o, s:o, s:I, s:I, s:I, s:{s:o, s:o, s:o}}",
			 "name", list->name, "action", list_action_name(list->action), "file",
			 *list->file ? list->file : NULL, "entries", (json_int_t)entries,
			 "entries_runtime", (json_int_t)list->runtime->count, "next_expiry_s",
			 list->runtime->soonest_s ? json_integer(list->runtime->soonest_s)
						  : json_null(),
			 "services", services_of(host, list->id), "matched", (json_int_t)total[0],
			 "refused", (json_int_t)total[1], "would_refuse", (json_int_t)total[2],
			 "rates", "matched", view_number(rate[0]), "refused", view_number(rate[1]),
			 "would_refuse", view_number(rate[2]));
}

json_t *view_list_entry(const struct prefix_set *set, const struct prefix_entry *entry,
			enum owner owner)
{
	char text[PREFIX_TEXT_MAX];

	return json_pack("{s:s, s:s, s:o, s:s}", "prefix", prefix_format(&entry->prefix, text),
			 "owner", owner == OWNER_FILE ? "file" : "api", "expires_s",
			 entry->expires_s ? json_integer(entry->expires_s) : json_null(), "comment",
			 prefix_set_comment(set, entry));
}
