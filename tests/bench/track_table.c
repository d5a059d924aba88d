/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "track_table.h"

#include <errno.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <sluice/types.h>

int track_table_open(const struct bpf_object *object, int cpu)
{
	int outer = bpf_object__find_map_fd_by_name(object, "tracks");
	int inner, err;

	if (outer < 0)
		return outer;
	inner = bpf_map_create(BPF_MAP_TYPE_LRU_HASH, "track", sizeof(struct sluice_tuple),
			       sizeof(struct track_flow), TRACK_ENTRIES, NULL);
	if (inner < 0)
		return inner;
	/* The outer map holds on to it. */
	err = bpf_map_update_elem(outer, &cpu, &inner, BPF_ANY);
	close(inner);
	return err;
}
