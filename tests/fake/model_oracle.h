/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the model should be, kept the naive way: flat lists of names and numbers, searched from
 * end to end, every derived value computed from its definition when compared.
 */
#pragma once

#include "core/model.h"

struct oracle;

struct oracle *oracle_new(unsigned int seed);
void oracle_free(struct oracle *oracle);
/* A change that often makes sense and sometimes does not. *ret_config is to be freed. Names in the
 * change live in the oracle until the next call. The model only lends ids of members. */
void oracle_random_change(struct oracle *oracle, const struct model *model,
			  struct change *ret_change, struct config **ret_config);
/* Returns whether the model must accept the change. */
bool oracle_apply(struct oracle *oracle, const struct change *change);
/* Fails the running test where they differ. */
void oracle_assert_equal(const struct oracle *oracle, const struct model *model);
