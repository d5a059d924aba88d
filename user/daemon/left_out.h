/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Addresses of host names that cannot be members: found, told once, shown while it is so. */
#pragma once

#include "control/control.h"
#include "core/names.h"

struct daemon;

struct left_out_address {
	char service[NAME_MAX_LENGTH + 1], pool[NAME_MAX_LENGTH + 1];
	char name[HOST_NAME_MAX_LENGTH + 2];
	struct sluice_addr addr;
	char why[256];
	bool is_trouble, is_kept;
};

struct left_out {
	struct left_out_address *list;
	size_t count, capacity;
};

/* Members of the configuration as names_expand() makes them, and who is not among them. */
void left_out_find(struct daemon *daemon, struct config *config, struct left_out *ret_found);
bool left_out_equal(const struct left_out *a, const struct left_out *b);
/* How many somebody should look at. */
size_t left_out_troubles(const struct left_out *left_out);
/* Tells what is new in now. */
void left_out_tell(struct daemon *daemon, const struct left_out *before,
		   const struct left_out *now);
size_t left_out_get(const struct left_out *left_out, const char *service, const char *pool,
		    struct control_left_out *list, size_t max);
size_t left_out_findings(const struct left_out *left_out, struct control_finding *list, size_t max);
void left_out_done(struct left_out *left_out);
