/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How arrays are declared. Shared ones user space reads and writes in place (mmapable). */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define MAP_ARRAY(name_, type_, entries_, value_, flags_)                                          \
	struct {                                                                                   \
		__uint(type, type_);                                                               \
		__uint(map_flags, flags_);                                                         \
		__uint(max_entries, entries_);                                                     \
		__type(key, __u32);                                                                \
		__type(value, value_);                                                             \
	} name_ SEC(".maps")
#define MAP_SHARED(name_, entries_, value_)                                                        \
	MAP_ARRAY(name_, BPF_MAP_TYPE_ARRAY, entries_, value_, BPF_F_MMAPABLE)
#define MAP_PERCPU(name_, entries_, value_)                                                        \
	MAP_ARRAY(name_, BPF_MAP_TYPE_PERCPU_ARRAY, entries_, value_, 0)
