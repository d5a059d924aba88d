/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the oracle remembers: one table a kind of object, searched from end to end. */
#pragma once

#include "fake/model_oracle.h"

#define ROWS_MAX 400
#define NAME (NAME_MAX_LENGTH + 1)

struct service_row {
	char name[NAME];
	struct sluice_addr addr;
	uint16_t port;
	enum sluice_mode mode;
};

struct pool_row {
	char service[NAME], pool[NAME];
	uint32_t share;
	enum check_type check;
};

struct member_row {
	char service[NAME], pool[NAME];
	struct sluice_addr addr;
	bool is_file;
	uint32_t weight, weight_file;
	enum admin_state admin, admin_file;
	enum health_state health;
	enum nexthop_state nexthop;
};

struct limit_row {
	char name[NAME];
	enum sluice_limit_mode mode, mode_file;
	uint64_t rate_n;
};

struct tables {
	struct service_row services[16];
	struct pool_row pools[32];
	struct member_row members[ROWS_MAX];
	struct member_row removed[ROWS_MAX]; /* by a command, though the file lists them */
	struct limit_row limits[8];
	size_t service_count, pool_count, member_count, removed_count, limit_count;
};

struct oracle {
	unsigned int seed;
	struct tables now;
	uint64_t revision;
	struct member_row target;	 /* of the last change */
	struct sluice_addr target_by_id; /* for observations */
	bool is_loaded, is_target_known;
};

/* NULL: none. */
struct member_row *oracle_find_removed(struct tables *t, const char *service, const char *pool,
				       const struct sluice_addr *addr);
size_t oracle_pools_of(const struct tables *t, const char *service);
