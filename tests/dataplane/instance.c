/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/instance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

const struct dp_capacity instance_capacity = {
	.service_cells = 1024,
	.slots = 1 << 14,
	.members = 1024,
	.nexthops = 1024,
	.limits = 64,
	.limit_sets = 1024,
	.flow_sets = 64,
	.pending_sets = 64,
	.tracked_sets = 64,
	.bans = 64,
	.member_ceilings = 16,
};

struct dp_bpf *instance_open(const char *name)
{
	struct dp_bpf_options options = {.instance = name, .capacity = instance_capacity};
	struct dp_bpf *dp = NULL;
	struct err e = {};

	if (dp_bpf_open(&options, &dp, &e))
		fail_msg("%s (%s)", e.text, e.hint);
	return dp;
}

void instance_clean(const char *name)
{
	char names[64], path[128];
	struct err e = {};

	if (dp_bpf_cleanup(name, names, sizeof(names), &e))
		fail_msg("%s", e.text);
	snprintf(path, sizeof(path), SLUICE_PIN_ROOT "/%s", name);
	assert_int_not_equal(access(path, F_OK), 0);
}

void *instance_map(const char *name, const char *map, size_t bytes)
{
	char path[128];
	void *memory;
	int fd;

	snprintf(path, sizeof(path), SLUICE_PIN_ROOT "/%s/" SLUICE_PIN_ABI "/%s", name, map);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	assert_ptr_not_equal(memory, MAP_FAILED);
	return memory;
}
