/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A large deny list for the benchmark, in which none of its packets is. */
#pragma once

#include <bpf/libbpf.h>

#define LISTS_PREFIXES 100000U

/* Into the maps of a loaded object; it is asked where the control line says so. 0 or a negative errno. */
int lists_fill(const struct bpf_object *object);
