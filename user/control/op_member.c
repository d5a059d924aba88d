/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reading and changing members. Names are copied before a change: it may move the objects. */
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "control/audit.h"
#include "control/find.h"
#include "control/reply.h"
#include "control/view.h"

#define WEIGHT_DEFAULT 100
#define LEARN_MARGIN_S 60 /* for the slots to go, in batches, and to be counted */

/* What a change says about the member it names. */
struct subject {
	char service[NAME_MAX_LENGTH + 1];
	char pool[NAME_MAX_LENGTH + 1];
	char endpoint[ENDPOINT_TEXT_MAX];
	struct sluice_addr addr;
	bool had_anybody; /* its service, before the change */
};

/* Does a member of the service get new connections? */
static bool has_anybody(const struct model_service *service)
{
	size_t p, m;

	for (p = 0; p < service->pool_count; p++) {
		const struct model_pool *pool = &service->pools[p];

		for (m = 0; m < pool->member_count && weights_pool_share(pool); m++)
			if (pool->members[m].weight && weights_member_share(&pool->members[m]))
				return true;
	}
	return false;
}

static void name_subject(struct subject *subject, const struct model_service *service,
			 const struct model_pool *pool, const struct sluice_addr *addr)
{
	util_copy(subject->service, sizeof(subject->service), service->name);
	util_copy(subject->pool, sizeof(subject->pool), pool->name);
	addr_format_endpoint(addr, service->port, subject->endpoint);
	subject->addr = *addr;
	subject->had_anybody = has_anybody(service);
}

/* what: the change but for who and where. */
static int apply(const struct request *request, const struct subject *subject,
		 const struct change *what, struct errs *errors)
{
	const struct control_host *host = request->host;
	struct change change = *what;

	change.owner = OWNER_API;
	change.service = subject->service;
	change.pool = subject->pool;
	change.addr = subject->addr;
	if (!change.text)
		change.text = "by request";
	return host->apply(host->arg, &change, errors);
}

static void name_in_audit(const struct request *request, const struct subject *subject)
{
	audit_name_member(request, subject->pool, subject->endpoint);
}

/* Steals the warning, which may be NULL; behind what the answer warns of already. */
static void add_warning(json_t *answer, json_t *warning)
{
	const char *before = json_string_value(json_object_get(answer, "warning"));

	if (before && warning) {
		json_t *both = json_sprintf("%s; %s", before, json_string_value(warning));

		json_decref(warning);
		warning = both;
	}
	if (warning)
		json_object_set_new(answer, "warning", warning);
}

/* The change is done; was that member the last of its service? */
static void warn_of_nobody(const struct request *request, const struct subject *subject,
			   json_t *answer)
{
	const struct model_service *service =
		model_find_service(request->host->model, subject->service);

	if (service && subject->had_anybody && !has_anybody(service))
		add_warning(answer, json_sprintf("%s: nobody is left; new connections are dropped",
						 service->name));
}

int op_member_list(const struct request *request, struct reply *reply, struct errs *errors)
{
	struct model_service *service;
	const struct model_pool *pool = find_pool(request, &service, errors);
	struct reply_list *list;
	size_t m;

	if (!pool)
		return -1;
	request->host->refresh(request->host->arg);
	list = reply_list_begin("members");
	for (m = 0; m < pool->member_count; m++)
		reply_list_add(list, view_member(request->host, service, pool, &pool->members[m]));
	reply_list_end(list, reply);
	return 0;
}

int op_member_show(const struct request *request, struct reply *reply, struct errs *errors)
{
	struct model_service *service;
	struct model_pool *pool;
	const struct model_member *member = find_member(request, &service, &pool, errors);

	if (!member)
		return -1;
	request->host->refresh(request->host->arg);
	reply->json = view_member(request->host, service, pool, member);
	json_object_set_new(reply->json, "history",
			    view_history(request->host, service, pool, member));
	return 0;
}

/* The member as the change left it. */
static int show_changed(const struct request *request, const struct subject *subject,
			struct reply *reply, struct errs *errors)
{
	int r = op_member_show(request, reply, errors);

	if (!r)
		warn_of_nobody(request, subject, reply->json);
	return r;
}

static int set_weight(const struct request *request, const struct subject *subject, uint32_t old,
		      uint32_t weight, struct errs *errors)
{
	const struct change change = {.type = CHANGE_MEMBER_WEIGHT, .weight = weight};
	int r;

	if (old == weight)
		return 0;
	r = apply(request, subject, &change, errors);
	if (r)
		return r;
	name_in_audit(request, subject);
	audit_say(request, "weight %u -> %u", old, weight);
	return 0;
}

int op_member_put(const struct request *request, struct reply *reply, struct errs *errors)
{
	const json_t *field = json_object_get(request->body, "weight");
	uint32_t weight = field ? (uint32_t)json_integer_value(field) : WEIGHT_DEFAULT;
	const struct change change = {.type = CHANGE_MEMBER_ADD, .weight = weight};
	const struct model_member *member;
	struct model_service *service;
	struct model_pool *pool = find_pool(request, &service, errors);
	struct subject subject;
	struct sluice_addr addr;
	int r;

	if (!pool || find_endpoint(request, service, &addr, errors))
		return -1;
	name_subject(&subject, service, pool, &addr);
	member = model_find_member(pool, &addr);
	if (member) {
		r = field ? set_weight(request, &subject, member->weight, weight, errors) : 0;
	} else {
		r = apply(request, &subject, &change, errors);
		name_in_audit(request, &subject);
		if (!r)
			audit_say(request, "none -> added, weight %u", weight);
	}
	return r ? r : show_changed(request, &subject, reply, errors);
}

int op_member_delete(const struct request *request, struct reply *reply, struct errs *errors)
{
	struct model_service *service;
	struct model_pool *pool;
	const struct model_member *member = find_member(request, &service, &pool, errors);
	const struct change change = {.type = CHANGE_MEMBER_REMOVE};
	struct sync_member_flows flows;
	struct subject subject;
	json_t *answer;
	uint32_t weight;
	bool is_dead;
	int r;

	if (!member)
		return -1;
	name_subject(&subject, service, pool, &member->addr);
	weight = member->weight;
	is_dead = member->is_dead; /* then they are lost already */
	sync_view_member(request->host->sync, member->id, &flows);
	answer = json_pack("{s:b, s:o}", "changed", 1, "flows",
			   view_member_flows(request->host, member));
	if (!is_dead)
		add_warning(answer, view_cut_warning(&flows));
	r = apply(request, &subject, &change, errors);
	if (r) {
		json_decref(answer);
		return r;
	}
	name_in_audit(request, &subject);
	audit_say(request, "weight %u -> removed, %u known flow%s", weight, flows.entries,
		  flows.entries == 1 ? "" : "s");
	warn_of_nobody(request, &subject, answer);
	reply->json = answer;
	return 0;
}

int op_member_weight(const struct request *request, struct reply *reply, struct errs *errors)
{
	const json_t *field = json_object_get(request->body, "weight");
	struct model_service *service;
	struct model_pool *pool;
	const struct model_member *member = find_member(request, &service, &pool, errors);
	struct subject subject;
	int r;

	if (!member)
		return -1;
	name_subject(&subject, service, pool, &member->addr);
	r = set_weight(request, &subject, member->weight, (uint32_t)json_integer_value(field),
		       errors);
	return r ? r : show_changed(request, &subject, reply, errors);
}

/* Seconds until the deadline, 0: none was asked for. -1 and an error where there can be none. */
static int read_deadline(const struct request *request, const struct change *change,
			 uint64_t *ret_for_s, struct errs *errors)
{
	const json_t *field = json_object_get(request->body, "for_s");

	*ret_for_s = (uint64_t)json_integer_value(field);
	if (!field || change->admin == ADMIN_DRAIN)
		return 0;
	err_hint(errs_add(errors, ERR_INVALID, "/for_s", "for_s is for drain, %s has no deadline",
			  model_admin_name(change->admin)),
		 "leave for_s out");
	return -1;
}

/* Flows are all known when a learn window has passed since the last slot went. */
static json_t *deadline_warning(const struct request *request, const struct model_member *member,
				uint64_t for_s)
{
	struct sync_member_flows flows;
	uint32_t known_after_s;

	sync_view_member(request->host->sync, member->id, &flows);
	known_after_s = flows.silence_s + LEARN_MARGIN_S;
	if (!for_s || !flows.silence_s || for_s >= known_after_s)
		return NULL;
	return json_sprintf("flows may be cut: the deadline of %u s is shorter than the %u s after "
			    "which it is known who has one",
			    (uint32_t)for_s, known_after_s);
}

static int set_admin(const struct request *request, const struct subject *subject,
		     const struct model_member *member, const struct change *change,
		     struct errs *errors)
{
	char old[ADMIN_TEXT_MAX], new[ADMIN_TEXT_MAX];
	int r;

	if (member->admin == change->admin && member->drain_until_s == change->drain_until_s)
		return 0;
	model_admin_text(member->admin, member->drain_until_s, old);
	model_admin_text(change->admin, change->drain_until_s, new);
	r = apply(request, subject, change, errors);
	if (r)
		return r;
	name_in_audit(request, subject);
	audit_say(request, "%s -> %s", old, new);
	return 0;
}

int op_member_admin(const struct request *request, struct reply *reply, struct errs *errors)
{
	const char *word = json_string_value(json_object_get(request->body, "admin"));
	struct change change = {.type = CHANGE_MEMBER_ADMIN,
				.admin = strcmp(word, "maint") == 0   ? ADMIN_MAINT
					 : strcmp(word, "drain") == 0 ? ADMIN_DRAIN
								      : ADMIN_READY};
	struct model_service *service;
	struct model_pool *pool;
	const struct model_member *member = find_member(request, &service, &pool, errors);
	struct subject subject;
	json_t *warning;
	uint64_t for_s;
	int r;

	if (!member || read_deadline(request, &change, &for_s, errors))
		return -1;
	if (for_s)
		change.drain_until_s = clock_wall_s() + for_s;
	name_subject(&subject, service, pool, &member->addr);
	warning = deadline_warning(request, member, for_s);
	r = set_admin(request, &subject, member, &change, errors);
	if (!r)
		r = show_changed(request, &subject, reply, errors);
	if (r)
		json_decref(warning);
	else
		add_warning(reply->json, warning);
	return r;
}

static enum discovery_state read_discovery(const struct request *request)
{
	const char *word = json_string_value(json_object_get(request->body, "discovery"));
	enum discovery_state discovery = DISCOVERY_READY;

	while (strcmp(word, model_discovery_name(discovery)) != 0)
		discovery++; /* one of them it is: see words_discovery */
	return discovery;
}

int op_member_discovery(const struct request *request, struct reply *reply, struct errs *errors)
{
	const struct change change = {.type = CHANGE_MEMBER_DISCOVERY,
				      .discovery = read_discovery(request)};
	struct model_service *service;
	struct model_pool *pool;
	const struct model_member *member = find_member(request, &service, &pool, errors);
	struct subject subject;
	int r;

	if (!member)
		return -1;
	if (member->discovery == change.discovery)
		return op_member_show(request, reply, errors);
	if (member->name) {
		err_hint(errs_add(errors, ERR_CONFLICT, "/discovery",
				  "the answers of %.100s decide that",
				  name_set_at(pool->names, member->name)),
			 "sluicectl member drain or eject takes it out");
		return -1;
	}
	name_subject(&subject, service, pool, &member->addr);
	audit_say(request, "discovery %s -> %s", model_discovery_name(member->discovery),
		  model_discovery_name(change.discovery));
	r = apply(request, &subject, &change, errors);
	if (r)
		return r;
	name_in_audit(request, &subject);
	return show_changed(request, &subject, reply, errors);
}

static enum override_state read_override(const struct request *request)
{
	const char *word = json_string_value(json_object_get(request->body, "override"));
	enum override_state override = OVERRIDE_NONE;

	while (strcmp(word, model_override_name(override)) != 0)
		override++; /* one of them it is: see words_override */
	return override;
}

/* Said already, and for the same time? */
static bool is_overridden_so(const struct request *request, const struct model_member *member,
			     const struct change *change)
{
	const struct model_override *now = model_override_of(request->host->model, member);

	if (member->override != change->override)
		return false;
	return !now || (member->override_until_s == change->override_until_s &&
			strcmp(now->reason, change->text) == 0);
}

int op_member_override(const struct request *request, struct reply *reply, struct errs *errors)
{
	const char *reason = json_string_value(json_object_get(request->body, "reason"));
	const json_t *for_s = json_object_get(request->body, "for_s");
	char who[OVERRIDE_WHO_MAX + 1];
	struct change change = {.type = CHANGE_MEMBER_OVERRIDE,
				.override = read_override(request),
				.text = reason ? reason : "",
				.who = who};
	struct model_service *service;
	struct model_pool *pool;
	const struct model_member *member = find_member(request, &service, &pool, errors);
	struct subject subject;
	int r;

	if (!member)
		return -1;
	if (for_s && change.override == OVERRIDE_NONE) {
		err_hint(
			errs_add(errors, ERR_INVALID, "/for_s", "nothing is overridden for a time"),
			"leave for_s out");
		return -1;
	}
	if (for_s)
		change.override_until_s = clock_wall_s() + (uint64_t)json_integer_value(for_s);
	if (is_overridden_so(request, member, &change))
		return op_member_show(request, reply, errors);
	audit_user(&request->peer, who, sizeof(who));
	name_subject(&subject, service, pool, &member->addr);
	audit_say(request, "%s -> %s%s%s", model_override_name(member->override),
		  model_override_name(change.override), *change.text ? ": " : "", change.text);
	r = apply(request, &subject, &change, errors);
	if (r)
		return r;
	name_in_audit(request, &subject);
	return show_changed(request, &subject, reply, errors);
}
