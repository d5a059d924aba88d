/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Members of a configuration from names: which addresses can be members, and which of those the
 * model would take. */
#include "core/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/util.h"
#include "core/model.h"

#define WHY_MAX 256
/* So long the model is asked: packets flow meanwhile, but nothing else happens; and a start, whose model
 * is empty, may take longer. A few questions are asked however slow the answers are. */
#define ASK_MS 300
#define ASK_START_MS 3000
#define QUESTIONS_MIN 8

struct place {
	size_t service, pool; /* positions in the configuration */
	struct sluice_addr addr;
};

/* An address that the model does not have. */
struct candidate {
	struct place place;
	struct name_address *address;
	bool is_refused;
	char why[WHY_MAX];
	UT_hash_handle hh;
};

struct expansion {
	struct names *names;
	struct config *config;
	struct sluice_addr *services; /* their addresses, sorted */
	const struct model *model;
	struct sluice_addr *members; /* of the model, sorted; some more than once */
	size_t member_count;
	uint32_t tick_ns;
	names_left_out_fn left_out; /* NULL: nobody is told */
	void *arg;
	struct candidate *candidates; /* a hash by place, and an array in order: */
	struct candidate **order;
	size_t count, capacity;
	size_t questions; /* so far */
	uint64_t end_ms;  /* of asking */
	bool is_full;	  /* no more members fit, whose they may be */
	/* where it is: */
	size_t s, p;
	struct service_config *service;
	struct pool_config *pool;
	struct model_service *old; /* of that name in the model, NULL: none */
};

static int compare(const void *a, const void *b)
{
	return addr_compare(a, b);
}

static void sort_services(struct expansion *x)
{
	size_t i;

	x->services = util_alloc_array(x->config->service_count + 1, sizeof(*x->services));
	for (i = 0; i < x->config->service_count; i++)
		x->services[i] = x->config->services[i].addr;
	qsort(x->services, x->config->service_count, sizeof(*x->services), compare);
}

static bool is_service(const struct expansion *x, const struct sluice_addr *addr)
{
	return bsearch(addr, x->services, x->config->service_count, sizeof(*x->services), compare);
}

static bool is_member(const struct service_config *service, const struct sluice_addr *addr)
{
	size_t p, m;

	for (p = 0; p < service->pool_count; p++)
		for (m = 0; m < service->pools[p].member_count; m++)
			if (addr_equal(&service->pools[p].members[m].addr, addr))
				return true;
	return false;
}

static struct candidate *find_candidate(const struct expansion *x, const struct sluice_addr *addr)
{
	const struct place place = {.service = x->s, .pool = x->p, .addr = *addr};
	struct candidate *candidate;

	if (!x->candidates)
		return NULL;
	HASH_FIND(hh, x->candidates, &place, sizeof(place), candidate);
	return candidate;
}

/* Why it cannot be a member here, whoever else is one; NULL when it can. */
static const char *why_not(const struct expansion *x, const struct sluice_addr *addr)
{
	const struct candidate *candidate;

	if (!addr_is_routable_unicast(addr))
		return "no packet can be sent to it from another host";
	if (is_service(x, addr))
		return "a service has this address";
	if (x->pool->mode == SLUICE_MODE_L2 && addr_family(addr) != addr_family(&x->service->addr))
		return "mode l2 needs the service's address family";
	candidate = find_candidate(x, addr);
	return candidate && candidate->is_refused ? candidate->why : NULL;
}

/* Number of the last answer with an address that can be a member here; 0: none has. */
static uint32_t last_useful(const struct expansion *x, const struct name *name)
{
	uint32_t last = 0;
	size_t i;

	for (i = 0; i < name->count; i++)
		if (name->list[i].answer > last && !why_not(x, &name->list[i].addr))
			last = name->list[i].answer;
	return last;
}

static void leave_out(const struct expansion *x, const struct name *name,
		      const struct name_address *address, const char *why, uint32_t last)
{
	const struct candidate *candidate = find_candidate(x, &address->addr);

	if (x->left_out && !address->is_gone)
		x->left_out(x->arg, &(struct name_left_out){
					    .service = x->service,
					    .pool = x->pool,
					    .name = name->text,
					    .addr = &address->addr,
					    .why = why,
					    .is_trouble = last != name->answers ||
							  (candidate && candidate->is_refused),
					    .is_kept = last && last != name->answers,
				    });
}

static void add(struct expansion *x, uint32_t position, const struct sluice_addr *addr,
		enum discovery_state discovery)
{
	struct pool_config *pool = x->pool;
	struct member_config *member;

	pool->members = util_grow(pool->members, &pool->member_capacity, pool->member_count + 1,
				  sizeof(*pool->members));
	member = &pool->members[pool->member_count++];
	*member = pool->names->list[position - 1].member;
	member->addr = *addr;
	member->name = position;
	member->discovery = discovery;
}

static void add_name(struct expansion *x, uint32_t position, const struct name *name,
		     enum discovery_state discovery)
{
	uint32_t last = last_useful(x, name);
	size_t i;

	for (i = 0; i < name->count; i++) {
		const struct name_address *address = &name->list[i];
		bool is_ready = address->answer == last || !address->is_gone;
		const char *why;

		if (is_ready != (discovery == DISCOVERY_READY))
			continue;
		why = why_not(x, &address->addr);
		if (!why && is_member(x->service, &address->addr))
			why = "it is a member of this service already";
		if (why)
			leave_out(x, name, address, why, last);
		else
			add(x, position, &address->addr, discovery);
	}
}

static void add_ready(struct expansion *x, uint32_t position, const struct name *name)
{
	add_name(x, position, name, DISCOVERY_READY);
}

static void add_terminating(struct expansion *x, uint32_t position, const struct name *name)
{
	add_name(x, position, name, DISCOVERY_TERMINATING);
}

typedef void (*name_fn)(struct expansion *x, uint32_t position, const struct name *name);

static void each_name(struct expansion *x, name_fn fn)
{
	uint32_t position;

	for (x->p = 0; x->p < x->service->pool_count; x->p++) {
		x->pool = &x->service->pools[x->p];
		for (position = 1; x->pool->names && position <= x->pool->names->count;
		     position++) {
			const struct name *name =
				names_find(x->names, name_set_at(x->pool->names, position));

			if (name)
				fn(x, position, name);
		}
	}
}

static void expand(struct expansion *x)
{
	size_t p;

	for (x->s = 0; x->s < x->config->service_count; x->s++) {
		x->service = &x->config->services[x->s];
		for (p = 0; p < x->service->pool_count; p++)
			x->service->pools[p].member_count = x->service->pools[p].written_count;
		each_name(x, add_ready);
		each_name(x, add_terminating);
	}
}

/* ---- what the model says --------------------------------------------------------------------- */

/* Would it take the configuration as it is? Why not is the first error. */
static bool is_taken(struct expansion *x, struct err *ret_why)
{
	const struct change change = {
		.type = CHANGE_NAMES, .owner = OWNER_FILE, .config = x->config, .is_forced = true};
	struct event_log *log;
	struct errs errors = {0};
	int r;

	x->questions++;
	if (x->model) {
		log = event_log_new(1); /* nobody reads it */
		r = model_preview(x->model, &change, 1, log, &errors);
		event_log_free(log);
	} else {
		r = model_check_config(x->config, x->tick_ns, &errors);
	}
	if (r)
		*ret_why = errors.list[0];
	errs_done(&errors);
	return !r;
}

static void sort_members(struct expansion *x)
{
	size_t s, p, m, capacity = 0;

	for (s = 0; x->model && s < model_service_count(x->model); s++) {
		const struct model_service *service = model_service_at(x->model, s);

		for (p = 0; p < service->pool_count; p++)
			for (m = 0; m < service->pools[p].member_count; m++) {
				x->members = util_grow(x->members, &capacity, x->member_count + 1,
						       sizeof(*x->members));
				x->members[x->member_count++] = service->pools[p].members[m].addr;
			}
	}
	if (x->member_count)
		qsort(x->members, x->member_count, sizeof(*x->members), compare);
}

/* Somewhere: a pool or a service may have another name now. */
static bool is_in_model(const struct expansion *x, const struct sluice_addr *addr)
{
	return x->member_count &&
	       bsearch(addr, x->members, x->member_count, sizeof(*x->members), compare);
}

static bool has_already(const struct expansion *x, const struct sluice_addr *addr)
{
	struct model_pool *pool;

	if (!x->old || !is_in_model(x, addr))
		return false;
	pool = model_find_pool(x->old, x->pool->name);
	return pool && model_find_member(pool, addr);
}

/* Who comes first has a place when there are not enough for all. */
enum rank {
	RANK_SERVED, /* was a member so far; at a start, before it */
	RANK_NEW,
	RANK_REFUSED, /* the last time */
};

static enum rank rank_of(const struct expansion *x, const struct name_address *address)
{
	bool has_served = x->model ? is_in_model(x, &address->addr) : address->is_kept;

	if (address->is_refused)
		return RANK_REFUSED;
	return has_served ? RANK_SERVED : RANK_NEW;
}

static bool is_written(const struct service_config *service, const struct sluice_addr *addr)
{
	size_t p, m;

	for (p = 0; p < service->pool_count; p++)
		for (m = 0; m < service->pools[p].written_count; m++)
			if (addr_equal(&service->pools[p].members[m].addr, addr))
				return true;
	return false;
}

static void add_candidate(struct expansion *x, struct name_address *address)
{
	struct candidate *candidate = util_alloc(sizeof(*candidate));

	candidate->place = (struct place){x->s, x->p, address->addr};
	candidate->address = address;
	HASH_ADD(hh, x->candidates, place, sizeof(candidate->place), candidate);
	x->order = util_grow(x->order, &x->capacity, x->count + 1, sizeof(*x->order));
	x->order[x->count++] = candidate;
}

static void add_candidates(struct expansion *x, const struct name *name, enum rank rank)
{
	size_t i;

	for (i = 0; i < name->count; i++) {
		struct name_address *address = &name->list[i];

		if (rank_of(x, address) == rank && !why_not(x, &address->addr) &&
		    !is_written(x->service, &address->addr) && !has_already(x, &address->addr) &&
		    !find_candidate(x, &address->addr))
			add_candidate(x, address);
	}
}

static void add_served(struct expansion *x, uint32_t position, const struct name *name)
{
	(void)position;
	add_candidates(x, name, RANK_SERVED);
}

static void add_new(struct expansion *x, uint32_t position, const struct name *name)
{
	(void)position;
	add_candidates(x, name, RANK_NEW);
}

static void add_refused(struct expansion *x, uint32_t position, const struct name *name)
{
	(void)position;
	add_candidates(x, name, RANK_REFUSED);
}

static void each_service(struct expansion *x, name_fn fn)
{
	for (x->s = 0; x->s < x->config->service_count; x->s++) {
		x->service = &x->config->services[x->s];
		x->old = x->model ? model_find_service(x->model, x->service->name) : NULL;
		each_name(x, fn);
	}
}

static void set_refused(struct expansion *x, size_t from, size_t to, bool is_refused)
{
	size_t i;

	for (i = from; i < to; i++)
		x->order[i]->is_refused = is_refused;
	expand(x);
}

static void refuse(struct expansion *x, size_t from, size_t to, const struct err *why)
{
	size_t i;

	for (i = from; i < to; i++)
		util_copy(x->order[i]->why, WHY_MAX, why->text);
	x->is_full |= why->code == ERR_CAPACITY && strcmp(why->path, "capacity.members") == 0;
}

static bool is_time_up(const struct expansion *x)
{
	return x->questions >= QUESTIONS_MIN && clock_now_ms() >= x->end_ms;
}

/* Takes in those of them that the model takes; that it does not take all is known, with the first
 * reason. The halves tell whose fault it is. */
static void admit(struct expansion *x, size_t from, size_t to, const struct err *why)
{
	size_t middle = from + (to - from) / 2, half;
	struct err its_why = *why;

	if (to - from < 2 || is_time_up(x)) {
		refuse(x, from, to, why);
		return;
	}
	for (half = 0; half < 2; half++) {
		size_t a = half ? middle : from, b = half ? to : middle;

		if (!x->is_full) {
			set_refused(x, a, b, false);
			if (is_taken(x, &its_why))
				continue;
			set_refused(x, a, b, true);
			admit(x, a, b, &its_why);
		} else {
			refuse(x, a, b, &its_why);
		}
	}
}

/* Leaves out what the model refuses, if that is all that it refuses. Those that it refused the last time
 * come last, so that they alone are asked for when nothing else is wrong. */
static void find_refused(struct expansion *x, const struct err *why)
{
	struct err others;
	size_t fresh, i;

	sort_members(x);
	each_service(x, add_served);
	each_service(x, add_new);
	fresh = x->count;
	each_service(x, add_refused);
	set_refused(x, fresh, x->count, true);
	if (fresh == x->count || !is_taken(x, &others)) {
		set_refused(x, 0, fresh, true);
		if (!is_taken(x, &others)) {
			set_refused(x, 0, x->count, false);
			return;
		}
		admit(x, 0, fresh, why);
		if (fresh < x->count)
			set_refused(x, fresh, x->count, false);
		if (fresh == x->count || is_taken(x, &others))
			goto out;
		set_refused(x, fresh, x->count, true);
		why = &others;
	}
	admit(x, fresh, x->count, why);
out:
	for (i = 0; i < x->count; i++)
		x->order[i]->address->is_refused = false;
	for (i = 0; i < x->count; i++)
		x->order[i]->address->is_refused |= x->order[i]->is_refused;
}

void names_expand(struct names *names, struct config *config, const struct model *model,
		  uint32_t tick_ns, names_left_out_fn left_out, void *arg)
{
	struct expansion x = {
		.names = names, .config = config, .model = model, .tick_ns = tick_ns, .arg = arg};
	struct err why;
	size_t i;

	if (!config_has_names(config))
		return;
	x.end_ms = clock_now_ms() + (model ? ASK_MS : ASK_START_MS);
	sort_services(&x);
	expand(&x);
	if (!is_taken(&x, &why))
		find_refused(&x, &why);
	x.left_out = left_out;
	expand(&x);
	HASH_CLEAR(hh, x.candidates);
	for (i = 0; i < x.count; i++)
		free(x.order[i]);
	free(x.order);
	free(x.members);
	free(x.services);
}
