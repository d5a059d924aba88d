/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The XDP hook of one interface, in single-program mode: query, attach, replace, detach. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "dataplane/iface.h"

struct hook {
	uint32_t program_id; /* 0: nothing is attached */
	char program[16];    /* its name */
	bool is_generic;
};

int hook_query(uint32_t ifindex, struct hook *ret_hook);
/* When a program was loaded, wall clock; 0 if unknown. */
uint64_t hook_program_loaded_s(int program_fd);

/* Attaches program_fd. old_fd: the program it replaces, without a gap; -1: there must be none.
 * Errors explain drivers without native XDP, foreign programs and MTU limits. */
int hook_attach(const struct iface *iface, int program_fd, int old_fd, bool is_generic,
		struct err *e);

/* Detaches old_fd, and only that. -EEXIST when another program is attached by now. */
int hook_detach(uint32_t ifindex, int old_fd, bool is_generic);

/* Bridges and VLAN devices: XDP there would miss frames or cannot transmit. */
int hook_check_device(const struct iface *iface, struct err *e);
