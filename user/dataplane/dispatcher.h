/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * libxdp's multi-program dispatcher: several XDP programs on one interface, each an extension
 * (freplace) of a generated one. Needs a kernel with such programs, and CAP_SYS_ADMIN, because
 * libxdp opens programs by their id. This is the only file that includes libxdp.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISPATCHER_PROGRAM "xdp_dispatcher" /* its name on the hook */
#define DISPATCHER_SLOTS 10		    /* programs that it can hold */

struct bpf_object;

struct dispatcher_program {
	uint32_t id;
	char name[16]; /* as the kernel keeps it */
};

bool dispatcher_is_supported(void); /* by the kernel */
bool dispatcher_is_possible(void);  /* and for this process (rights.h) */
/* The programs under the interface's dispatcher; 0 when there is none. */
size_t dispatcher_list(uint32_t ifindex, struct dispatcher_program list[DISPATCHER_SLOTS]);
/* All but our own as "NAME (id N), NAME (id N)". */
void dispatcher_others(uint32_t ifindex, uint32_t own_id, char *text, size_t size);
/* Loads the object's program as an extension and attaches it, beside what is there. Returns its
 * descriptor, owned by the caller, or -errno. Never falls back to single-program mode. */
int dispatcher_attach(struct bpf_object *object, const char *program, uint32_t ifindex,
		      bool is_generic);
/* Detaches one program; with the last one the dispatcher goes too. */
int dispatcher_detach(uint32_t ifindex, int program_fd, bool is_generic);
/* Why the last call failed, in libxdp's words or the kernel's; "" if neither said anything. */
const char *dispatcher_message(void);
