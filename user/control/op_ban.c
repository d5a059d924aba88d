/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who is banned, and bans by command. */
#include <errno.h>
#include <string.h>

#include "control/audit.h"
#include "control/find.h"
#include "control/reply.h"
#include "control/view.h"

static void add_ban(void *arg, const struct ban *ban)
{
	reply_list_add(arg, view_ban(ban));
}

int op_ban_list(const struct request *request, struct reply *reply, struct errs *errors)
{
	struct reply_list *list = reply_list_begin("bans");

	(void)errors;
	bans_each(request->host->bans, add_ban, list);
	reply_list_end(list, reply);
	return 0;
}

static json_t *view_one(const struct request *request, const struct ban *ban)
{
	json_t *object = view_ban(ban);

	json_object_set_new(object, "also", view_ban_overlaps(request->host, ban));
	return object;
}

int op_ban_set(const struct request *request, struct reply *reply, struct errs *errors)
{
	const json_t *for_s = json_object_get(request->body, "for_s");
	const char *reason = json_string_value(json_object_get(request->body, "reason"));
	const struct control_host *host = request->host;
	struct ban_order order = {
		.for_s = for_s ? (uint32_t)json_integer_value(for_s) : BANS_FOR_S,
		.is_all = json_is_true(json_object_get(request->body, "all_packets")),
		.reason = reason ? reason : "",
	};
	char by[56], source[PREFIX_TEXT_MAX], duration[UTIL_DURATION_MAX];
	struct err e = {0};
	int r = find_source(request, &order.limit, &order.source, errors);

	if (r)
		return r;
	peer_name(&request->peer, by, sizeof(by));
	order.by = by;
	r = host->ban(host->arg, &order, &e);
	if (r) {
		util_copy(e.path, sizeof(e.path), "/source");
		errs_add_err(errors, &e);
		return r;
	}
	audit_say(request, "limit %s: %s banned for %s%s", order.limit->config.name,
		  prefix_format(&order.source, source), util_format_duration(order.for_s, duration),
		  order.is_all ? ", all packets" : "");
	reply->json = view_one(request, bans_find(host->bans, order.limit->id, &order.source));
	return 0;
}

static int refuse_lift(int ret, struct errs *errors)
{
	errs_add(errors, ret == -ESHUTDOWN ? ERR_BUSY : ERR_SYSTEM, "", "cannot lift it: %s",
		 ret == -ESHUTDOWN ? "the daemon is not ready" : strerror(-ret));
	return ret;
}

/* Who bans it then, if another limit does. */
static int not_banned(const struct request *request, const struct model_limit *limit,
		      const struct prefix *source, struct errs *errors)
{
	const struct ban asked = {.limit = limit->id, .source = *source};
	json_t *also = view_ban_overlaps(request->host, &asked), *other;
	char text[PREFIX_TEXT_MAX];
	struct err *e = errs_add(errors, ERR_NOT_FOUND, "/source", "limit %s does not ban %s",
				 limit->config.name, prefix_format(source, text));

	other = json_array_get(also, 0);
	if (other)
		err_hint(e, "limit %s bans %s", json_string_value(json_object_get(other, "limit")),
			 json_string_value(json_object_get(other, "source")));
	else
		err_hint(e, "sluicectl ban list shows who is banned");
	json_decref(also);
	return -ENOENT;
}

struct waiting {
	const struct model_limit *limit;
	const struct prefix *source;
	struct ban ban;
	bool is_found;
};

static void find_waiting(void *arg, const struct ban *ban)
{
	struct waiting *waiting = arg;

	if (strcmp(ban->limit_name, waiting->limit->config.name) != 0 ||
	    prefix_compare(&ban->source, waiting->source) != 0)
		return;
	waiting->ban = *ban;
	waiting->ban.limit = waiting->limit->id;
	waiting->is_found = true;
}

int op_ban_lift(const struct request *request, struct reply *reply, struct errs *errors)
{
	const struct control_host *host = request->host;
	const struct model_limit *limit;
	struct prefix source;
	struct waiting waiting = {.source = &source};
	const struct ban *ban;
	json_t *was;
	char by[56];
	int r = find_source(request, &limit, &source, errors);

	if (r)
		return r;
	ban = bans_find(host->bans, limit->id, &source);
	if (!ban) {
		waiting.limit = limit;
		bans_each_waiting(host->bans, find_waiting, &waiting);
		ban = waiting.is_found ? &waiting.ban : NULL;
	}
	if (!ban)
		return not_banned(request, limit, &source, errors);
	was = view_one(request, ban);
	peer_name(&request->peer, by, sizeof(by));
	r = host->lift(host->arg, limit->id, &source, by);
	if (r) {
		json_decref(was);
		return refuse_lift(r, errors);
	}
	audit_say(request, "limit %s: ban of %s lifted", limit->config.name,
		  json_string_value(json_object_get(was, "source")));
	reply->json = was;
	return 0;
}

static int lift_all(const struct request *request, const struct model_limit *limit,
		    struct reply *reply, struct errs *errors)
{
	const struct control_host *host = request->host;
	char by[56];
	size_t lifted;
	int failed;

	peer_name(&request->peer, by, sizeof(by));
	lifted = host->lift_all(host->arg, limit ? limit->id : 0, by, &failed);
	if (lifted)
		audit_say(request, "%zu ban%s lifted%s%s", lifted, lifted == 1 ? "" : "s",
			  limit ? " of limit " : "", limit ? limit->config.name : "");
	if (failed)
		return refuse_lift(failed, errors);
	reply->json = json_pack("{s:I}", "lifted", (json_int_t)lifted);
	return 0;
}

int op_ban_lift_limit(const struct request *request, struct reply *reply, struct errs *errors)
{
	const struct model_limit *limit = find_limit(request, errors);

	return limit ? lift_all(request, limit, reply, errors) : -ENOENT;
}

int op_ban_lift_all(const struct request *request, struct reply *reply, struct errs *errors)
{
	return lift_all(request, NULL, reply, errors);
}
