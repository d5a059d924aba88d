/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The configuration read again, and whether a running daemon may follow it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct config;
struct config_file;
struct control_reload;
struct daemon;
struct errs;
struct trial;

/* has_list_files: those that lists name are read, too. */
int reload_parse(struct daemon *daemon, const struct config_file *files, size_t count,
		 bool has_list_files, struct config **ret_config, struct errs *errors);
/* Of two configurations with the same text: did a file of a list change? */
bool reload_are_lists_changed(const struct config *old, const struct config *new);
/* What a running daemon cannot change, and what it does not without being told to. */
int reload_check_fixed(const struct daemon *daemon, const struct config *config, bool is_forced,
		       struct errs *errors);
/* What only this host can tell: addresses that are local, or are not. */
int reload_check_host(struct daemon *daemon, const struct config *config, struct errs *errors);
int reload_run(struct daemon *daemon, const struct control_reload *request, bool *ret_changed,
	       struct errs *errors);
/* Applies what was in force before the trial, whatever that takes away, and takes it out of it. */
int reload_back(struct daemon *daemon, struct trial *trial, struct errs *errors);
