/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rules that any state keeps, whoever changed it: unique names and addresses, families that fit
 * the mode, weights in range, everything within the capacity of the maps. */
#include "core/model_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"

#define WEIGHT_MAX 65535U
#define PATH_MAX_LENGTH 160

/* A member or a service by address, for sorting. */
struct located {
	struct sluice_addr addr;
	const struct model_service *service;
	const struct model_pool *pool;
	const struct model_member *member;
};

static int located_compare(const void *a, const void *b)
{
	return addr_compare(&((const struct located *)a)->addr, &((const struct located *)b)->addr);
}

static const struct service_config *config_service(const struct apply *apply, const char *name)
{
	size_t i;

	for (i = 0; apply->config && i < apply->config->service_count; i++) {
		if (strcmp(apply->config->services[i].name, name) == 0)
			return &apply->config->services[i];
	}
	return NULL;
}

static int member_line(const struct apply *apply, const struct located *at)
{
	const struct service_config *service = config_service(apply, at->service->name);
	size_t p, m;

	for (p = 0; service && p < service->pool_count; p++) {
		const struct pool_config *pool = &service->pools[p];

		for (m = 0; strcmp(pool->name, at->pool->name) == 0 && m < pool->member_count; m++)
			if (addr_equal(&pool->members[m].addr, &at->addr))
				return pool->members[m].line;
	}
	return 0;
}

static struct err *member_error(struct apply *apply, enum err_code code, const struct located *at,
				const char *text)
{
	char path[PATH_MAX_LENGTH], endpoint[ENDPOINT_TEXT_MAX];
	struct err *e;

	snprintf(path, sizeof(path), "services.%s.pools.%s.members[%zu]", at->service->name,
		 at->pool->name, (size_t)(at->member - at->pool->members));
	addr_format_endpoint(&at->member->addr, at->member->port, endpoint);
	e = errs_add(apply->errors, code, path, "member %s of %s/%s: %s", endpoint,
		     at->service->name, at->pool->name, text);
	e->line = member_line(apply, at);
	return e;
}

static struct err *service_error(struct apply *apply, enum err_code code,
				 const struct model_service *service, const char *key,
				 const char *text)
{
	const struct service_config *config = config_service(apply, service->name);
	char path[PATH_MAX_LENGTH];
	struct err *e;

	snprintf(path, sizeof(path), "services.%s%s%s", service->name, *key ? "." : "", key);
	e = errs_add(apply->errors, code, path, "service %s: %s", service->name, text);
	e->line = config ? config->line : 0;
	return e;
}

static void check_member(struct apply *apply, const struct located *at,
			 const struct located *services)
{
	const struct model_member *member = at->member;
	size_t count = apply->state->service_count;
	struct err *e;

	if (member->weight > WEIGHT_MAX) {
		e = member_error(apply, ERR_INVALID, at, "weight out of range");
		err_hint(e, "a weight is 0 to %u, not %" PRIu32, WEIGHT_MAX, member->weight);
	}
	if (member->port != at->service->port) {
		e = member_error(apply, ERR_INVALID, at, "port is not the service's");
		err_hint(e, "members keep the service's port; leave it out");
	}
	if (at->pool->mode == SLUICE_MODE_L2 &&
	    addr_family(&member->addr) != addr_family(&at->service->addr)) {
		e = member_error(apply, ERR_INVALID, at,
				 "mode l2 needs a member of the service's address family");
		err_hint(e, "use mode ipip or gue, which carry either family in either");
	}
	if (!addr_is_routable_unicast(&member->addr))
		member_error(apply, ERR_INVALID, at, "not an address a packet can be sent to");
	if (bsearch(at, services, count, sizeof(*services), located_compare)) {
		e = member_error(apply, ERR_INVALID, at, "a service has this address");
		err_hint(e, "name the member's own address; traffic to a service would come back");
	}
}

static void check_pool_names(struct apply *apply, const struct model_service *service)
{
	size_t p, q;

	for (p = 0; p < service->pool_count; p++) {
		const struct model_pool *pool = &service->pools[p];

		if (pool->mode != SLUICE_MODE_L2 && !SLUICE_MODE_IS_TUNNEL(pool->mode))
			service_error(apply, ERR_INVALID, service, "pools",
				      "a pool's mode is l2, ipip or gue");
		if ((pool->mode == SLUICE_MODE_GUE) != (pool->gue_port != 0))
			service_error(apply, ERR_INVALID, service, "pools",
				      "a pool has a gue_port in mode gue, and only there");
		for (q = 0; q < p; q++) {
			if (strcmp(service->pools[p].name, service->pools[q].name) == 0)
				service_error(apply, ERR_DUPLICATE, service, "pools",
					      "two pools have the same name");
		}
	}
}

static void check_service(struct apply *apply, const struct model_service *service,
			  const struct located *services)
{
	size_t p, m, n = 0, i, count = model_service_member_count(service);
	AUTO_FREE struct located *members = util_alloc_array(count + 1, sizeof(*members));
	uint32_t slots = service->slots;
	struct err *e;

	if (service->mode == SLUICE_MODE_LOCAL && count)
		service_error(apply, ERR_INVALID, service, "members",
			      "mode local hands packets to this host and has no members");
	if (service->mode <= SLUICE_MODE_NONE || service->mode >= SLUICE_MODE_MAX)
		service_error(apply, ERR_INVALID, service, "mode", "unknown mode");
	if (slots && (slots & (slots - 1) || slots < 1U << SLUICE_SLOTS_LOG2_MIN ||
		      slots > 1U << SLUICE_SLOTS_LOG2_MAX)) {
		e = service_error(apply, ERR_INVALID, service, "slots",
				  "not a possible table size");
		err_hint(e, "a power of two from %u to %u", 1U << SLUICE_SLOTS_LOG2_MIN,
			 1U << SLUICE_SLOTS_LOG2_MAX);
	}
	if (service->mode != SLUICE_MODE_LOCAL)
		check_pool_names(apply, service);
	for (p = 0; p < service->pool_count; p++) {
		const struct model_pool *pool = &service->pools[p];

		for (m = 0; m < pool->member_count; m++) {
			members[n] = (struct located){pool->members[m].addr, service, pool,
						      &pool->members[m]};
			check_member(apply, &members[n++], services);
		}
	}
	qsort(members, n, sizeof(*members), located_compare);
	for (i = 1; i < n; i++) {
		if (located_compare(&members[i - 1], &members[i]) == 0) {
			e = member_error(apply, ERR_DUPLICATE, &members[i],
					 "already in this service");
			err_hint(e, "an address can be once in a service, in one pool");
		}
	}
}

static int listen_compare(const void *a, const void *b)
{
	const struct model_service *s = ((const struct located *)a)->service;
	const struct model_service *t = ((const struct located *)b)->service;
	int order = addr_compare(&s->addr, &t->addr);

	if (order)
		return order;
	if (s->proto != t->proto)
		return s->proto < t->proto ? -1 : 1;
	return (s->port > t->port) - (s->port < t->port);
}

/* services is sorted by address, protocol, port. */
static void check_listens(struct apply *apply, const struct located *services)
{
	char text[160];
	size_t i;

	for (i = 1; i < apply->state->service_count; i++) {
		const struct model_service *a = services[i - 1].service, *b = services[i].service;

		if (listen_compare(&services[i - 1], &services[i]) == 0) {
			snprintf(text, sizeof(text), "listens where service %s listens", a->name);
			service_error(apply, ERR_DUPLICATE, b, "listen", text);
		}
		if (addr_equal(&a->addr, &b->addr) &&
		    a->is_unknown_port_passed != b->is_unknown_port_passed) {
			struct err *e;

			snprintf(text, sizeof(text),
				 "unknown_port differs from service %s on the same address",
				 a->name);
			e = service_error(apply, ERR_INVALID, b, "unknown_port", text);
			err_hint(e, "it is a property of the address: write the same in both");
		}
		if (addr_equal(&a->addr, &b->addr) && a->announce != b->announce) {
			struct err *e;

			snprintf(text, sizeof(text),
				 "announce differs from service %s on the same address", a->name);
			e = service_error(apply, ERR_INVALID, b, "announce", text);
			err_hint(e, "an address is announced in one way: write the same in both");
		}
	}
}

static int name_compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void check_names(struct apply *apply, bool is_limits)
{
	const struct model_state *state = apply->state;
	size_t i, count = is_limits ? state->limit_count : state->service_count;
	AUTO_FREE const char **names = util_alloc_array(count + 1, sizeof(*names));
	const char *kind = is_limits ? "limits" : "services";

	for (i = 0; i < count; i++)
		names[i] = is_limits ? state->limits[i].config.name : state->services[i].name;
	qsort(names, count, sizeof(*names), name_compare);
	for (i = 1; i < count; i++) {
		if (strcmp(names[i - 1], names[i]) == 0)
			errs_add(apply->errors, ERR_DUPLICATE, kind, "two %s are named %s", kind,
				 names[i]);
	}
}

static void check_capacity(struct apply *apply, uint64_t need, uint32_t have, uint32_t standard,
			   const char *key)
{
	char path[64];
	struct err *e;

	have = have ? have : standard;
	if (need <= have)
		return;
	snprintf(path, sizeof(path), "capacity.%s", key);
	e = errs_add(apply->errors, ERR_CAPACITY, path,
		     "the configuration needs %" PRIu64 " %s, the maps hold %" PRIu32, need, key,
		     have);
	err_hint(e, "raise capacity.%s and restart sluiced with --cold-start", key);
}

static uint64_t count_ceilings(const struct model_service *service)
{
	uint64_t count = 0;
	size_t p, m;

	for (p = 0; p < service->pool_count; p++)
		for (m = 0; m < service->pools[p].member_count; m++)
			count += service->pools[p].members[m].max_new.n != 0;
	return count;
}

static void check_capacities(struct apply *apply, const struct located *services)
{
	const struct model_state *state = apply->state;
	uint64_t members = 0, slots = 0, cells = 0, sources = 0, ceilings = 0;
	size_t i;

	for (i = 0; i < state->service_count; i++) {
		members += model_service_member_count(&state->services[i]);
		ceilings += count_ceilings(&state->services[i]);
		if (state->services[i].mode == SLUICE_MODE_LOCAL)
			members++; /* this host, under which its packets are counted */
		else
			slots += 1ULL << model_service_slots_log2(&state->services[i]);
		/* A cell a service, one more an address; two choices each fill half for sure. */
		cells += 2;
		if (i == 0 || located_compare(&services[i - 1], &services[i]))
			cells += 2;
	}
	for (i = 0; i < state->limit_count; i++)
		sources += state->limits[i].config.sources;
	check_capacity(apply, members + 1, state->capacity.members, SLUICE_MEMBERS_DEFAULT,
		       "members");
	check_capacity(apply, slots, state->capacity.slots, SLUICE_SLOTS_DEFAULT, "slots");
	check_capacity(apply, cells, state->capacity.service_cells, SLUICE_SERVICE_CELLS_DEFAULT,
		       "service_cells");
	if (ceilings >= SLUICE_MEMBER_CEILINGS_DEFAULT)
		err_hint(errs_add(apply->errors, ERR_CAPACITY, "services",
				  "%" PRIu64 " members have a ceiling, at most %u can", ceilings,
				  SLUICE_MEMBER_CEILINGS_DEFAULT - 1),
			 "write max_new_per_member only where members need it, or max_new for a "
			 "whole service");
	check_capacity(apply, sources, state->capacity.limit_sources,
		       SLUICE_LIMIT_SETS_DEFAULT * SLUICE_LIMIT_WAYS, "limit_sources");
}

void model_check(struct apply *apply)
{
	const struct model_state *state = apply->state;
	size_t i, errors = apply->errors->count;
	AUTO_FREE struct located *services =
		util_alloc_array(state->service_count + 1, sizeof(*services));

	for (i = 0; i < state->service_count; i++)
		services[i] =
			(struct located){state->services[i].addr, &state->services[i], NULL, NULL};
	qsort(services, state->service_count, sizeof(*services), listen_compare);
	check_names(apply, false);
	check_names(apply, true);
	check_listens(apply, services);
	for (i = 0; i < state->service_count; i++)
		check_service(apply, &state->services[i], services);
	model_check_lists(apply);
	if (apply->errors->count == errors)
		check_capacities(apply, services);
}
