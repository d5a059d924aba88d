/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/names.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/util.h"

/* ---- the table ------------------------------------------------------------------------------- */

static const char *lower(const char *text, char buffer[HOST_NAME_MAX_LENGTH + 2])
{
	char *c;

	util_copy(buffer, HOST_NAME_MAX_LENGTH + 2, text);
	for (c = buffer; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return buffer;
}

struct name *names_find(const struct names *names, const char *text)
{
	char key[HOST_NAME_MAX_LENGTH + 2];
	struct name *name;

	lower(text, key);
	HASH_FIND_STR(names->list, key, name);
	return name;
}

struct name *names_add(struct names *names, const char *text)
{
	struct name *name = names_find(names, text);

	if (name)
		return name;
	name = util_alloc(sizeof(*name));
	lower(text, name->text);
	HASH_ADD_STR(names->list, text, name);
	return name;
}

void names_remove(struct names *names, struct name *name)
{
	HASH_DEL(names->list, name);
	free(name->list);
	free(name);
}

void names_done(struct names *names)
{
	struct name *name, *tmp;

	HASH_ITER (hh, names->list, name, tmp)
		names_remove(names, name);
}

/* ---- one name -------------------------------------------------------------------------------- */

bool name_is_known(const struct name *name)
{
	return name->count > 0;
}

static bool has(const struct check_addresses *answer, const struct sluice_addr *addr)
{
	size_t i;

	for (i = 0; i < answer->count; i++)
		if (addr_equal(&answer->list[i], addr))
			return true;
	return false;
}

static struct name_address *find(const struct name *name, const struct sluice_addr *addr)
{
	size_t i;

	for (i = 0; i < name->count; i++)
		if (addr_equal(&name->list[i].addr, addr))
			return &name->list[i];
	return NULL;
}

static void remove_at(struct name *name, size_t i)
{
	memmove(&name->list[i], &name->list[i + 1], (--name->count - i) * sizeof(*name->list));
}

/* What went last is behind what went before. */
static void go(struct name *name, size_t i)
{
	struct name_address gone = {.addr = name->list[i].addr, .is_gone = true};

	remove_at(name, i);
	name->list[name->count++] = gone;
}

static void forget_oldest(struct name *name)
{
	size_t gone = 0, i;

	for (i = 0; i < name->count; i++)
		gone += name->list[i].is_gone;
	for (i = 0; gone > CHECK_ADDRESSES_MAX; i++)
		while (gone > CHECK_ADDRESSES_MAX && name->list[i].is_gone) {
			remove_at(name, i);
			gone--;
		}
}

bool name_take(struct name *name, const struct check_addresses *answer)
{
	size_t i, left = name->count;
	bool is_changed = false;

	for (i = 0; left--;) {
		if (name->list[i].is_gone || has(answer, &name->list[i].addr)) {
			i++;
			continue;
		}
		go(name, i);
		is_changed = true;
	}
	for (i = 0; i < answer->count; i++) {
		struct name_address *there = find(name, &answer->list[i]);

		if (there && !there->is_gone)
			continue;
		is_changed = true;
		if (!there) {
			name->list = util_grow(name->list, &name->capacity, name->count + 1,
					       sizeof(*name->list));
			there = &name->list[name->count++];
		}
		*there = (struct name_address){.addr = answer->list[i]};
	}
	forget_oldest(name);
	return is_changed;
}

void name_drop(struct name *name, const struct sluice_addr *addr)
{
	struct name_address *there = find(name, addr);

	if (there && there->is_gone)
		remove_at(name, (size_t)(there - name->list));
}

/* ---- a configuration ------------------------------------------------------------------------- */

struct expansion {
	const struct config *config;
	const struct names *names;
	struct service_config *service;
	names_left_out_fn left_out;
	void *arg;
};

static bool is_service(const struct config *config, const struct sluice_addr *addr)
{
	size_t i;

	for (i = 0; i < config->service_count; i++)
		if (addr_equal(&config->services[i].addr, addr))
			return true;
	return false;
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

/* Why it cannot be a member, NULL when it can. */
static const char *why_not(const struct expansion *x, const struct pool_config *pool,
			   const struct sluice_addr *addr)
{
	if (!addr_is_routable_unicast(addr))
		return "no packet can be sent to it from another host";
	if (is_service(x->config, addr))
		return "a service has this address";
	if (pool->mode == SLUICE_MODE_L2 && addr_family(addr) != addr_family(&x->service->addr))
		return "mode l2 needs the service's address family";
	if (is_member(x->service, addr))
		return "it is a member of this service already";
	return NULL;
}

static void add(const struct expansion *x, struct pool_config *pool, uint32_t position,
		const struct name_address *address)
{
	const char *why = why_not(x, pool, &address->addr);
	const struct named_member *named = &pool->names->list[position - 1];
	struct member_config *member;

	if (why) {
		if (x->left_out && !address->is_gone)
			x->left_out(x->arg, x->service, pool, named->name, &address->addr, why);
		return;
	}
	pool->members = util_grow(pool->members, &pool->member_capacity, pool->member_count + 1,
				  sizeof(*pool->members));
	member = &pool->members[pool->member_count++];
	*member = named->member;
	member->addr = address->addr;
	member->name = position;
	member->discovery = address->is_gone ? DISCOVERY_TERMINATING : DISCOVERY_READY;
}

static void add_all(const struct expansion *x, bool is_gone)
{
	uint32_t position;
	size_t p, i;

	for (p = 0; p < x->service->pool_count; p++) {
		struct pool_config *pool = &x->service->pools[p];

		for (position = 1; pool->names && position <= pool->names->count; position++) {
			const struct name *name =
				names_find(x->names, name_set_at(pool->names, position));

			for (i = 0; name && i < name->count; i++)
				if (name->list[i].is_gone == is_gone)
					add(x, pool, position, &name->list[i]);
		}
	}
}

void names_expand(const struct names *names, struct config *config, names_left_out_fn left_out,
		  void *arg)
{
	struct expansion x = {.config = config, .names = names, .left_out = left_out, .arg = arg};
	size_t s, p;

	for (s = 0; s < config->service_count; s++) {
		x.service = &config->services[s];
		for (p = 0; p < x.service->pool_count; p++)
			x.service->pools[p].member_count = x.service->pools[p].written_count;
		add_all(&x, false);
		add_all(&x, true);
	}
}
