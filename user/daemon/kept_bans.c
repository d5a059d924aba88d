/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Bans as JSON: {"bans":[{"limit","number","source","until_s","since_s","all","manual","by",
 * "reason"}], "waiting":[as bans], "attacks":[{"limit","since_s","seen_s"}]}. Who is banned is in
 * the maps; this says why, and has them made again where the maps are new. Those that wait are not in the
 * maps and are to be made again: a trial has ended them, or they could not be written. Attacks are the limits
 * that are under attack, and when that was last seen.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/daemon.h"
#include "daemon/kept.h"

struct saving {
	json_t *list;
	uint64_t now_ms, now_s;
};

static void save_ban(void *arg, const struct ban *ban)
{
	const struct saving *saving = arg;
	uint64_t left_ms = ban->until_ms > saving->now_ms ? ban->until_ms - saving->now_ms : 0;
	json_int_t until_s = (json_int_t)saving->now_s + (json_int_t)(left_ms + 999) / 1000;
	char source[PREFIX_TEXT_MAX];

	json_array_append_new(saving->list,
			      json_pack("{s:s, s:I, s:s, s:I, s:I, s:b, s:b, s:s, s:s}", "limit",
					ban->limit_name, "number", (json_int_t)ban->limit, "source",
					prefix_format(&ban->source, source), "until_s", until_s,
					"since_s", (json_int_t)ban->since_s, "all", ban->is_all,
					"manual", ban->is_manual, "by", ban->by, "reason",
					ban->reason));
}

static json_t *save_attacks(const struct daemon *daemon)
{
	uint64_t now_ms = clock_now_ms(), now_s = clock_wall_s();
	json_t *list = json_array();

	for (size_t i = 0; i < model_limit_count(daemon->model); i++) {
		const struct model_limit *limit = model_limit_at(daemon->model, i);
		struct offenders_view view;

		offenders_get(daemon->refusals.offenders, limit->id, now_ms, &view);
		if (view.is_attacked)
			json_array_append_new(
				list,
				json_pack("{s:s, s:I, s:I}", "limit", limit->config.name, "since_s",
					  (json_int_t)(now_s - (now_ms - view.since_ms) / 1000),
					  "seen_s", (json_int_t)(now_s - view.calm_s)));
	}
	return list;
}

json_t *kept_save_bans(struct daemon *daemon)
{
	struct refusals *refusals = &daemon->refusals;
	struct saving bans = {json_array(), clock_now_ms(), clock_wall_s()}, waiting = bans;
	json_t *attacks = save_attacks(daemon);
	size_t i;

	waiting.list = json_array();
	bans_each(refusals->bans, save_ban, &bans);
	bans_each_waiting(refusals->bans, save_ban, &waiting);
	for (i = 0; i < refusals->kept.count; i++) /* they could not be adopted yet */
		save_ban(&bans, &refusals->kept.list[i]);
	for (i = 0; i < refusals->waiting.count; i++)
		save_ban(&waiting, &refusals->waiting.list[i]);
	refusals->has_attacks = json_array_size(attacks) > 0;
	return json_pack("{s:o, s:o, s:o}", "bans", bans.list, "waiting", waiting.list, "attacks",
			 attacks);
}

/* Of a limit that is gone nothing is left; an earlier version noted none. How it was while nobody watched
 * nobody knows: that counts as calm. */
static int load_attacks(struct daemon *daemon, const json_t *list, struct err *e)
{
	uint64_t now_s = clock_wall_s(), now_ms = clock_now_ms();
	const json_t *attack;
	int result = 0;
	size_t i;

	json_array_foreach (list, i, attack) {
		const struct model_limit *limit;
		json_int_t since_s, seen_s = 0;
		const char *name;
		uint64_t age_ms;

		if (json_unpack((json_t *)attack, "{s:s, s:I, s?I}", "limit", &name, "since_s",
				&since_s, "seen_s", &seen_s) ||
		    since_s < 0 || seen_s < 0) {
			result = err_set(e, ERR_INVALID, "attacks", "attack %zu makes no sense",
					 i + 1);
			continue;
		}
		age_ms = (uint64_t)since_s < now_s ? (now_s - (uint64_t)since_s) * 1000 : 0;
		limit = model_find_limit(daemon->model, name);
		if (!limit || !dp_bpf_is_adopted(daemon->dp))
			continue;
		if (!offenders_resume(daemon->refusals.offenders, limit->id,
				      now_ms > age_ms ? now_ms - age_ms : 1,
				      now_s > (uint64_t)seen_s ? now_s - (uint64_t)seen_s : 0))
			continue;
		daemon->refusals.has_attacks = true;
		log_warning("limit", "limit %s: the attack from before the restart goes on", name);
	}
	return result;
}

static int load_ban(const json_t *json, struct ban *ret_ban)
{
	const char *limit, *source, *by, *reason;
	json_int_t number, until_s, since_s;
	uint64_t now_s = clock_wall_s();
	int is_all, is_manual;

	if (json_unpack((json_t *)json, "{s:s, s:I, s:s, s:I, s:I, s:b, s:b, s:s, s:s}", "limit",
			&limit, "number", &number, "source", &source, "until_s", &until_s,
			"since_s", &since_s, "all", &is_all, "manual", &is_manual, "by", &by,
			"reason", &reason) ||
	    prefix_parse(source, strlen(source), &ret_ban->source, NULL) || number < 1 ||
	    number > UINT32_MAX || until_s < 0 || since_s < 0)
		return -EINVAL;
	ret_ban->limit = (uint32_t)number;
	ret_ban->until_ms = clock_now_ms();
	if ((uint64_t)until_s > now_s) /* a wall clock that went back prolongs nothing for ever */
		ret_ban->until_ms += MIN((uint64_t)until_s - now_s, BANS_FOR_MAX_S) * 1000;
	ret_ban->since_s = (uint64_t)since_s;
	ret_ban->is_all = is_all;
	ret_ban->is_manual = is_manual;
	util_copy(ret_ban->limit_name, sizeof(ret_ban->limit_name), limit);
	util_copy(ret_ban->by, sizeof(ret_ban->by), by);
	util_copy(ret_ban->reason, sizeof(ret_ban->reason), reason);
	return 0;
}

static int load_list(const json_t *json, const char *name, struct refusals_kept *kept,
		     struct err *e)
{
	const json_t *ban;
	int result = 0;
	size_t i;

	kept->list = util_alloc_array(json_array_size(json) + 1, sizeof(*kept->list));
	json_array_foreach (json, i, ban) {
		if (load_ban(ban, &kept->list[kept->count]))
			result = err_set(e, ERR_INVALID, name, "ban %zu makes no sense", i + 1);
		else
			kept->count++;
	}
	return result;
}

int kept_load_bans(struct daemon *daemon, const json_t *content, struct err *e)
{
	const json_t *list = json_object_get(content, "bans");
	struct refusals *refusals = &daemon->refusals;
	int result;

	if (!json_is_array(list))
		return err_set(e, ERR_INVALID, "bans", "it has no bans");
	result = load_list(list, "bans", &refusals->kept, e);
	/* An earlier version had none that wait. */
	if (load_list(json_object_get(content, "waiting"), "waiting", &refusals->waiting, e) ||
	    load_attacks(daemon, json_object_get(content, "attacks"), e))
		result = -EINVAL;
	return result;
}
