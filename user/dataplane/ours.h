/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What runs on an interface, and whether it is this instance's, as its pins tell: with whatever maps. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/hook.h"

struct ours {
	struct hook hook;    /* what the interface runs, whoever's it is */
	bool has_dispatcher; /* the hook's program is libxdp's */
	int fd;		     /* of our program there; -1: none is */
	uint32_t program_id; /* ours */
	char layout[192];    /* directory of the pin, "" for own_fd */
	uint64_t loaded_s;   /* wall clock */
};

/* instance_dir NULL: only the program own_fd (id own_id) counts as ours; it does so in any case. */
int ours_find(const char *instance_dir, uint32_t own_id, int own_fd, uint32_t ifindex,
	      struct ours *ret_ours);
void ours_done(struct ours *ours);
bool ours_is_dispatched(const struct ours *ours);
/* A pinned program that only a dispatcher runs: whoever may not look under those cannot tell whether
 * one does. */
bool ours_is_extension(const char *layout_dir, uint32_t program_id);
/* Under a dispatcher all of ours go, but keep_id: a daemon that died while it replaced one leaves two. */
int ours_detach(const char *instance_dir, uint32_t ifindex, const struct ours *ours,
		uint32_t keep_id);
