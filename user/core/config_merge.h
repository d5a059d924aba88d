/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A configuration from several files: sections are merged key by key, members of a pool by address,
 * anything else is replaced by the later file's value.
 */
#pragma once

#include <yaml.h>

#include "base/err.h"

/* Marks every node of a document that was just loaded as one of file 0: see config_merge_file(). */
void config_merge_begin(yaml_document_t *document);
/* Merges the later file into document; its nodes are copied. 0, or -EFBIG and an err when aliases
 * make it too large. */
int config_merge(yaml_document_t *document, const yaml_document_t *later, unsigned int file,
		 struct errs *errors);
/* The number of the file that a node was written in. */
unsigned int config_merge_file(const yaml_node_t *node);
