/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct dp_bpf *dp;
struct dataplane port;
static const char *name;

void fixture_name(const char *instance)
{
	name = instance;
}

int fixture_set_up(void **state)
{
	(void)state;
	dp = instance_open(name);
	port = dp_bpf_port(dp);
	return 0;
}

int fixture_tear_down(void **state)
{
	(void)state;
	dp_bpf_close(dp);
	instance_clean(name);
	return 0;
}

void fixture_reopen(void)
{
	dp_bpf_close(dp);
	fixture_set_up(NULL);
	assert_true(dp_bpf_is_adopted(dp));
}

struct sluice_control *fixture_control(void)
{
	return instance_map(name, "control", sizeof(struct sluice_control));
}

struct prefix fixture_source(const char *text)
{
	struct prefix prefix;
	struct err e = {0};

	assert_int_equal(prefix_parse(text, strlen(text), &prefix, &e), 0);
	return prefix;
}
