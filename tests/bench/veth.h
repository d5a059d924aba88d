/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A veth pair in a nameless network namespace, which ends with this process however it ends. */
#pragma once

#include <stdint.h>

struct veth {
	uint32_t generator; /* ifindex: frames are sent here, and what is sent back arrives here */
	uint32_t tested;    /* ifindex of the other end: the program under test */
};

/* Moves this process into a new namespace and makes the pair. 0, or -1 after saying why. */
int veth_open(struct veth *ret_veth);

/* Attaches natively, in place of what is there. 0, or -1 after saying why. */
int veth_attach(uint32_t ifindex, int program_fd);
