/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* YAML text to a tree of nodes within bounds. Anchors and aliases are allowed, tags are not. */
#pragma once

#include <stddef.h>

#include <yaml.h>

#include "base/err.h"

#define CONFIG_NODES_MAX (1U << 20)
#define CONFIG_DEPTH_MAX 16

/* 0 and a document to be released by yaml_document_delete(); or -EINVAL, -EFBIG and one err with
 * line and column (what follows a mistake of syntax cannot be read). */
int config_yaml_load(const char *text, size_t length, yaml_document_t *ret_document,
		     struct errs *errors);
