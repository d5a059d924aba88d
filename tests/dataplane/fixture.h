/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* An instance of a file's own, open while one of its tests runs. */
#pragma once

#include "base/prefix.h"
#include "dataplane/instance.h"

extern struct dp_bpf *dp;
extern struct dataplane port;

/* Before the tests run. The name stays the caller's. */
void fixture_name(const char *instance);
int fixture_set_up(void **state);
int fixture_tear_down(void **state);
/* The next daemon comes. */
void fixture_reopen(void);
/* As instance_map(). */
struct sluice_control *fixture_control(void);
struct prefix fixture_source(const char *text);
