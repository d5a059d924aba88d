/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fuzz target for the configuration reader, for libFuzzer (make fuzz). The unit tests include it
 * and replay seeds/config/, so that what it found once is tested always.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/addr.h"
#include "core/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_true)
{
	if (!is_true)
		abort();
}

static void check_service(const struct service_config *service)
{
	must(util_name_is_valid(service->name));
	must(addr_is_routable_unicast(&service->addr));
	must(service->mode > SLUICE_MODE_NONE && service->mode < SLUICE_MODE_MAX);
	must((service->mode == SLUICE_MODE_LOCAL) == (service->pool_count == 0));
	for (size_t i = 0; i < service->pool_count; i++) {
		const struct pool_config *pool = &service->pools[i];

		must(util_name_is_valid(pool->name));
		must(pool->mode == SLUICE_MODE_L2 || SLUICE_MODE_IS_TUNNEL(pool->mode));
		must((pool->mode == SLUICE_MODE_GUE) == (pool->gue_port != 0));
		must(pool->check.timeout_ms <= pool->check.interval_ms);
		for (size_t j = 0; j < pool->member_count; j++) {
			must(addr_is_routable_unicast(&pool->members[j].addr));
			must(!addr_equal(&pool->members[j].addr, &service->addr));
			must(pool->members[j].weight <= 65535);
			must(pool->members[j].port == service->port);
			must(pool->mode != SLUICE_MODE_L2 ||
			     addr_family(&pool->members[j].addr) == addr_family(&service->addr));
		}
	}
}

/* What every reader of an accepted configuration may rely on. */
static void check_config(const struct config *config)
{
	bool has_deny = false;

	for (size_t i = 0; i < config->list_count; i++) {
		const struct list_config *list = &config->lists[i];

		must(util_name_is_valid(list->name));
		must(list->action > LIST_NONE && list->action < LIST_ACTION_MAX);
		must(!*list->file || *list->file == '/');
		has_deny |= list->action == LIST_DENY;
	}
	must(!has_deny || prefix_set_count(config->management) > 0);
	must(config->interface_count > 0);
	must(util_name_is_valid(config->instance));
	for (size_t i = 0; i < config->service_count; i++)
		check_service(&config->services[i]);
	for (size_t i = 0; i < config->limit_count; i++) {
		const struct limit_config *limit = &config->limits[i];

		must(util_name_is_valid(limit->name));
		must(limit->rate.n > 0 && limit->rate.s > 0);
		must(limit->count != SLUICE_COUNT_NONE);
		must(limit->prefix4 >= 1 && limit->prefix4 <= 32);
		must(limit->prefix6 >= 1 && limit->prefix6 <= 128);
		must(limit->sources >= 1024 && (limit->sources & (limit->sources - 1)) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *config = NULL;
	struct errs errors = {};
	char text[800];

	if (config_parse((const char *)data, size, &config, &errors) == 0) {
		must(errors.count == 0);
		check_config(config);
		config_free(config);
		return 0;
	}
	must(errors.count > 0 && config == NULL);
	for (size_t i = 0; i < errors.count; i++) {
		must(errors.list[i].code != ERR_OK && *errors.list[i].text);
		err_format(&errors.list[i], "f", text, sizeof(text));
	}
	errs_done(&errors);
	return 0;
}
