/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A large deny list for the benchmark, in which none of its packets is. */
#pragma once

#include <stdbool.h>

#include <bpf/libbpf.h>

#define LISTS_PREFIXES 100000U

struct lists {
	struct sluice_control *control;
};

/* Into the maps of a loaded object. 0 or a negative errno. */
int lists_fill(const struct bpf_object *object, struct lists *ret_lists);
/* Whether the packet path asks it. */
void lists_switch(struct lists *lists, bool is_on);
