/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reading a check: timing, and what its probes say and expect. */
#pragma once

#include "core/check_spec.h"
#include "core/config_read.h"

/* What the keys of a check are read into. */
struct check_reading {
	struct check_config check;
	struct check_details details;
};

/* The key "check" of a mapping. False when there is none. What was read, its spec with it, is the
 * caller's, also when it has mistakes. */
bool config_read_check(struct config_reader *r, yaml_node_t *mapping,
		       struct check_config *ret_check);
/* One word of a command, its program first. */
void config_read_word(struct config_reader *r, yaml_node_t *node, size_t position, const char *text,
		      struct check_reading *reading);
/* Without a word in the file the way follows the mode in which packets reach the members. */
void config_settle_via(struct check_config *check, enum sluice_mode mode);
/* What holds without the key. */
struct check_config config_default_check(uint8_t proto);
/* The same with a spec of its own. */
struct check_config config_copy_check(const struct check_config *check);
