/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who is refused, and what a limit knows of one source. */
#include "base/clock.h"
#include "control/find.h"
#include "control/reply.h"
#include "control/view.h"

int op_offenders(const struct request *request, struct reply *reply, struct errs *errors)
{
	const struct control_host *host = request->host;
	struct reply_list *list = reply_list_begin("limits");
	size_t i;

	(void)errors;
	for (i = 0; i < model_limit_count(host->model); i++)
		reply_list_add(list, view_offenders(host, model_limit_at(host->model, i)));
	reply_list_end(list, reply);
	return 0;
}

int op_limit_offenders(const struct request *request, struct reply *reply, struct errs *errors)
{
	const struct model_limit *limit = find_limit(request, errors);

	if (!limit)
		return -1;
	reply->json = view_offenders(request->host, limit);
	return 0;
}

/* The words of the source as the packet path reads them: null where it cannot be asked. */
static void add_tokens(const struct control_host *host, const struct model_limit *limit,
		       const struct prefix *source, json_t *object)
{
	const struct sluice_tuple tuple = {
		.saddr = source->addr,
		.family = (uint8_t)addr_family(&source->addr),
	};
	struct where_tokens tokens;
	bool is_known = !host->tokens(host->arg, limit->id, &tuple, &tokens);

	json_object_set_new(object, "left",
			    is_known ? json_integer((json_int_t)tokens.left) : json_null());
	json_object_set_new(object, "burst",
			    is_known ? json_integer((json_int_t)tokens.burst) : json_null());
}

/* The rate that the source has in place of the limit's. */
static json_t *view_exception(const struct limit_config *config, const struct prefix *source)
{
	const struct limit_exception *exception =
		limit_exceptions_find(config->exceptions, &source->addr);
	char rate[RATE_TEXT_MAX];

	if (!exception)
		return json_null();
	return json_pack("{s:s, s:I, s:i}", "rate", rate_format(&exception->rate, rate), "rate_n",
			 (json_int_t)exception->rate.n, "rate_s", (int)exception->rate.s);
}

int op_limit_source(const struct request *request, struct reply *reply, struct errs *errors)
{
	const struct control_host *host = request->host;
	uint64_t now_ms = clock_now_ms();
	const struct model_limit *limit;
	struct offender offender;
	struct prefix source;
	const struct ban *ban;
	char text[PREFIX_TEXT_MAX], exempt[80];
	const char *by;
	json_t *object;
	int r = find_source(request, &limit, &source, errors);

	if (r)
		return r;
	ban = bans_find(host->bans, limit->id, &source);
	by = bans_exempt_from(host->model, limit, &source, exempt);
	object = json_pack("{s:s, s:s, s:s, s:s, s:s?, s:o, s:o}", "limit", limit->config.name,
			   "mode", view_limit_mode(limit->config.mode), "count",
			   view_limit_count(limit->config.count), "source",
			   prefix_format(&source, text), "exempt_by", by, "refusals",
			   offenders_find(host->offenders, limit->id, &source, now_ms, &offender)
				   ? view_offender(&offender, now_ms)
				   : json_null(),
			   "ban", ban ? view_ban(ban) : json_null());
	add_tokens(host, limit, &source, object);
	json_object_set_new(object, "exception", view_exception(&limit->config, &source));
	reply->json = object;
	return 0;
}
