/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The pin directory of an instance: its maps under their names, and each of its programs that may
 * still be attached somewhere as program-ID. An attached program is ours when its pin exists.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* SLUICE_PIN_ROOT/INSTANCE/abiN. ERR_INVALID when the name cannot be a directory's. */
int pins_path(const char *instance, uint32_t abi, char *buffer, size_t size, struct err *e);
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
/* The same, then its parents as far as they are empty. */
int pins_remove_all(const char *dir);
