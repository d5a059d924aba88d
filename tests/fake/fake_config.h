/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Configurations for tests, made in code and of text. */
#pragma once

#include "core/config.h"

struct config *fake_config_new(void);
/* Of YAML, which is right, or the running test fails with what is wrong. */
struct config *fake_config_parsed(const char *yaml);
/* Appended; pointers to earlier services (pools, members) of the same array become invalid. The
 * address is text; a mistake in it aborts. */
struct service_config *fake_config_service(struct config *config, const char *name,
					   const char *addr, uint16_t port, enum sluice_mode mode);
struct pool_config *fake_config_pool(struct service_config *service, const char *name,
				     uint32_t share, enum check_type check);
struct member_config *fake_config_member(struct service_config *service, struct pool_config *pool,
					 const char *addr, uint32_t weight);
struct limit_config *fake_config_limit(struct config *config, const char *name, uint64_t rate_n,
				       uint8_t prefix4, enum sluice_limit_mode mode);
/* Adds an exception, of one prefix in text. */
void fake_config_except(struct limit_config *limit, const char *prefix, uint64_t rate_n,
			uint64_t burst);
/* One service, "web" at TCP port 80 of 192.0.2.10, mode ipip, with so many members at 10.0.0.1 and on. */
struct config *fake_config_web(uint32_t members, uint32_t learn_s);
void fake_config_use_limit(struct service_config *service, const char *limit);
/* Up to six services, two pools each, twelve members a pool, four limits; always valid. Two calls
 * often share services, members and limits. */
struct config *fake_config_random(unsigned int *seed);
