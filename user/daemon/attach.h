/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The program on the configured interfaces. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct daemon;
struct err;
struct errs;

/* All of the configuration's interfaces, in its mode, or as it was before; those that run already and
 * are missing now are left to watch.h. */
int attach_all(struct daemon *daemon, const struct config *config, struct errs *errors);
/* After attach_all(): to the configuration in force. */
void attach_back(struct daemon *daemon);
int attach_one(struct daemon *daemon, const char *interface, struct err *e);
/* Detaches what is not in the configuration. */
int attach_prune(struct daemon *daemon, const struct config *config);
int attach_remove_everything(struct daemon *daemon, char *names, size_t size, struct err *e);
/* When this daemon attached or took over the interface, wall clock; 0 if it did not. The kernel
 * tells the age of a program only to CAP_SYS_ADMIN, which we gave up. */
uint64_t attach_since_s(const struct daemon *daemon, const char *interface);
bool attach_has(const struct config *config, const char *interface);
