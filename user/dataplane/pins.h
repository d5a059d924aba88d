/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An instance's directory has one of pinned maps for each set of them (layout.h): the maps under their
 * names, and each program on them that may still be attached somewhere as program-ID. An attached
 * program is ours when its pin exists.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* SLUICE_PIN_ROOT/INSTANCE. ERR_INVALID when the name cannot be a directory's. */
int pins_path(const char *instance, char *buffer, size_t size, struct err *e);
/* Below it: abiN, or abiN-G for maps of a generation that are made beside others. */
void pins_layout_path(const char *instance_dir, uint32_t abi, uint32_t generation, char *buffer,
		      size_t size);
/* Calls fn with each directory of maps. generation: in its name, 0 if there is none. 0, or -errno
 * (-ENOENT: the instance has nothing pinned). */
typedef void (*pins_layout_fn)(void *arg, const char *dir, uint32_t abi, uint32_t generation);
int pins_each_layout(const char *instance_dir, pins_layout_fn fn, void *arg);
/* Creates the directory and its parents; the instance's are for its owner only. */
int pins_make_dir(const char *dir, struct err *e);

/* Descriptor of a pinned map or program, or -errno. */
int pins_open(const char *dir, const char *name);
int pins_open_program(const char *dir, uint32_t program_id);
int pins_add_program(const char *dir, int program_fd, uint32_t program_id);
/* Calls fn with the id of each pinned program. */
void pins_each_program(const char *dir, void (*fn)(void *arg, uint32_t program_id), void *arg);
void pins_remove_program(const char *dir, uint32_t program_id);

/* Removes the directory with everything in it. */
int pins_clear(const char *dir);
