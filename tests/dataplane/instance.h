/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* An instance with small maps, opened as a daemon would; failures fail the running test. */
#pragma once

#include "dataplane/dp_bpf.h"

extern const struct dp_capacity instance_capacity;

struct dp_bpf *instance_open(const char *name);
/* Detaches and unpins; nothing must be left. */
void instance_clean(const char *name);
/* One of its pinned maps in memory once more, as whoever comes from outside sees it. */
void *instance_map(const char *name, const char *map, size_t bytes);
