/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "fake/fake_config.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/gue.h>

#include "base/addr.h"
#include "base/util.h"

static void *append(void *array, size_t *count, size_t size)
{
	array = realloc(array, (*count + 1) * size);
	if (!array)
		abort();
	memset((char *)array + *count * size, 0, size);
	++*count;
	return array;
}

static void parse(const char *text, struct sluice_addr *ret_addr)
{
	if (addr_parse(text, ret_addr)) {
		fprintf(stderr, "fake_config: %s is no address\n", text);
		abort();
	}
}

struct config *fake_config_parsed(const char *yaml)
{
	struct config *config = NULL;
	struct errs errors = {0};
	char text[800];
	size_t i;

	if (config_parse(yaml, strlen(yaml), &config, &errors) < 0) {
		for (i = 0; i < errors.count; i++) {
			err_format(&errors.list[i], NULL, text, sizeof(text));
			print_error("%s\n", text);
		}
		fail_msg("does not parse: %s", yaml);
	}
	assert_int_equal(errors.count, 0);
	assert_null(errors.list);
	return config;
}

struct config *fake_config_new(void)
{
	struct config *config = util_alloc(sizeof(*config));

	util_copy(config->instance, sizeof(config->instance), "default");
	return config;
}

struct service_config *fake_config_service(struct config *config, const char *name,
					   const char *addr, uint16_t port, enum sluice_mode mode)
{
	struct service_config *service;

	config->services =
		append(config->services, &config->service_count, sizeof(*config->services));
	service = &config->services[config->service_count - 1];
	util_copy(service->name, sizeof(service->name), name);
	parse(addr, &service->addr);
	service->port = port;
	service->proto = IPPROTO_TCP;
	service->mode = mode;
	service->line = (int)config->service_count * 100;
	return service;
}

struct pool_config *fake_config_pool(struct service_config *service, const char *name,
				     uint32_t share, enum check_type check)
{
	struct pool_config *pool;

	service->pools = append(service->pools, &service->pool_count, sizeof(*service->pools));
	pool = &service->pools[service->pool_count - 1];
	util_copy(pool->name, sizeof(pool->name), name);
	pool->share = share;
	pool->mode = service->mode;
	if (pool->mode == SLUICE_MODE_GUE)
		pool->gue_port = SLUICE_GUE_PORT;
	pool->check.type = check;
	return pool;
}

struct member_config *fake_config_member(struct service_config *service, struct pool_config *pool,
					 const char *addr, uint32_t weight)
{
	struct member_config *member;

	pool->members = append(pool->members, &pool->member_count, sizeof(*pool->members));
	member = &pool->members[pool->member_count - 1];
	parse(addr, &member->addr);
	member->port = service->port;
	member->weight = weight;
	member->line = service->line + (int)pool->member_count;
	return member;
}

struct limit_config *fake_config_limit(struct config *config, const char *name, uint64_t rate_n,
				       uint8_t prefix4, enum sluice_limit_mode mode)
{
	struct limit_config *limit;

	config->limits = append(config->limits, &config->limit_count, sizeof(*config->limits));
	limit = &config->limits[config->limit_count - 1];
	util_copy(limit->name, sizeof(limit->name), name);
	limit->count = SLUICE_COUNT_NEW_CONNECTIONS;
	limit->mode = mode;
	limit->rate.n = rate_n;
	limit->rate.s = 1;
	limit->prefix4 = prefix4;
	limit->prefix6 = 64;
	limit->sources = 1024;
	return limit;
}

void fake_config_except(struct limit_config *limit, const char *prefix, uint64_t rate_n,
			uint64_t burst)
{
	size_t count = limit_exceptions_count(limit->exceptions);
	struct limit_exceptions *exceptions = limit_exceptions_new(count + 1);
	struct prefix_entry entry = {0};

	if (prefix_parse(prefix, strlen(prefix), &entry.prefix, NULL)) {
		fprintf(stderr, "fake_config: %s is no prefix\n", prefix);
		abort();
	}
	for (size_t i = 0; i < count; i++) {
		exceptions->list[i] = limit->exceptions->list[i];
		prefix_set_ref(exceptions->list[i].prefixes);
	}
	exceptions->list[count] = (struct limit_exception){
		.prefixes = prefix_set_new(&entry, 1, NULL, 0),
		.rate = {rate_n, 1, RATE_PLAIN},
		.burst = {burst, RATE_PLAIN},
	};
	limit_exceptions_unref(limit->exceptions);
	limit->exceptions = exceptions;
}

struct config *fake_config_web(uint32_t members, uint32_t learn_s)
{
	struct config *config = fake_config_new();
	struct service_config *service =
		fake_config_service(config, "web", "192.0.2.10", 80, SLUICE_MODE_IPIP);
	struct pool_config *pool = fake_config_pool(service, "default", 100, CHECK_TCP);
	char addr[32];
	uint32_t i;

	service->learn_s = learn_s;
	for (i = 1; i <= members; i++) {
		snprintf(addr, sizeof(addr), "10.0.0.%u", i);
		fake_config_member(service, pool, addr, 100);
	}
	return config;
}

void fake_config_use_limit(struct service_config *service, const char *limit)
{
	size_t i;

	for (i = 0; i < SLUICE_SERVICE_LIMITS_MAX; i++) {
		if (service->limits[i][0])
			continue;
		util_copy(service->limits[i], sizeof(service->limits[i]), limit);
		return;
	}
	abort();
}

static unsigned int pick(unsigned int *seed, unsigned int n)
{
	return ((unsigned int)rand_r(seed) >> 4) % n;
}

static void random_limits(struct config *config, unsigned int *seed)
{
	static const uint64_t rates[] = {10, 50, 60, 5000, 200000};
	unsigned int i;
	char name[16];

	for (i = 0; i < 4; i++) {
		struct limit_config *limit;

		if (pick(seed, 4) == 0)
			continue;
		snprintf(name, sizeof(name), "limit%u", i);
		limit = fake_config_limit(config, name, rates[pick(seed, 5)], (uint8_t)(32 - 4 * i),
					  (enum sluice_limit_mode)pick(seed, 3));
		limit->sources <<= pick(seed, 3);
		limit->scope = (enum limit_scope)((*seed >> 7) % LIMIT_SCOPE_MAX);
		limit->is_closed = *seed >> 9 & 1;
		if (*seed >> 11 & 1)
			fake_config_except(limit, "10.0.0.0/8", rates[(*seed >> 13) % 5], 0);
	}
}

static void random_members(struct service_config *service, unsigned int number, unsigned int p,
			   unsigned int *seed)
{
	static const uint32_t weights[] = {100, 100, 100, 50, 1, 0, 65535};
	char text[ADDR_TEXT_MAX];
	unsigned int m;

	for (m = 0; m < 12; m++) {
		if (pick(seed, 3) == 0)
			continue;
		if (SLUICE_MODE_IS_TUNNEL(service->mode) && m % 4 == 3)
			snprintf(text, sizeof(text), "2001:db8::%x:%x", number + 1, m + 20 * p);
		else
			snprintf(text, sizeof(text), "10.%u.%u.%u", number, p, m + 1);
		fake_config_member(service, &service->pools[p], text, weights[pick(seed, 7)])
			->admin = (*seed >> 8) % 12 ? ADMIN_READY : ADMIN_MAINT;
	}
}

struct config *fake_config_random(unsigned int *seed)
{
	static const enum sluice_mode modes[] = {SLUICE_MODE_L2, SLUICE_MODE_IPIP, SLUICE_MODE_GUE,
						 SLUICE_MODE_LOCAL};
	struct config *config = fake_config_new();
	unsigned int i, p, l;
	char text[ADDR_TEXT_MAX], name[16];

	random_limits(config, seed);
	for (i = 0; i < 6; i++) {
		struct service_config *service;

		if (pick(seed, 5) == 0)
			continue;
		snprintf(name, sizeof(name), "service%u", i);
		snprintf(text, sizeof(text), "192.0.2.%u", 1 + i / 2);
		service = fake_config_service(config, name, text,
					      (uint16_t)(80 + i + (pick(seed, 6) ? 0 : 100)),
					      pick(seed, 8) ? modes[i % 4] : SLUICE_MODE_IPIP);
		service->slots = pick(seed, 6) ? 0 : 1U << (12 + pick(seed, 2));
		for (l = 0; l < config->limit_count; l++) {
			if (pick(seed, 2))
				fake_config_use_limit(service, config->limits[l].name);
		}
		if (service->mode == SLUICE_MODE_LOCAL)
			continue;
		for (p = 0; p < 1 + (i == 1); p++) {
			fake_config_pool(service, p ? "candidate" : "default", p ? 20 : 100,
					 i % 2 ? CHECK_TCP : CHECK_NONE);
			if (service->pools[p].gue_port && *seed >> 5 & 1)
				service->pools[p].gue_port++;
			random_members(service, i, p, seed);
		}
	}
	return config;
}
