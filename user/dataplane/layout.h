/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A layout is one set of an instance's maps in a directory of their own: abiN, or, while it is made
 * beside another one, abiN-G. What every build may read of another one's, whatever its ABI, is here.
 * Packets may be using several for a moment; one is in force (docs/decisions/cold-start.md).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/map_types.h>
#include <sluice/node_types.h>

#include "base/err.h"

struct layout {
	char dir[192];
	uint32_t abi;
	uint32_t named;	     /* generation in the directory's name; 0: abiN */
	uint32_t generation; /* 0: no packet depends on it, a start has not got as far */
	size_t programs;     /* pinned */
	bool has_meta;
	struct sluice_meta meta;
};

struct layouts {
	struct layout *list;
	size_t count, capacity;
};

/* All of an instance; none is no error. 0 or negative errno. */
int layouts_find(const char *instance_dir, struct layouts *ret_layouts);
void layouts_done(struct layouts *layouts);
/* NULL when there is none. */
const struct layout *layouts_in_force(const struct layouts *layouts);

/* Switches and notes, as they are. 0 or negative errno. */
int layout_read_node(const struct layout *layout, struct sluice_control *ret_control,
		     struct sluice_notes *ret_notes);
/* Does an interface of this network namespace run one of its programs? */
bool layout_is_attached(const char *instance_dir, const struct layout *layout);
