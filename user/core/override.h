/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A person's word on a member. */
#pragma once

#include <stdint.h>

#define OVERRIDE_REASON_MAX 255
#define OVERRIDE_WHO_MAX 63

/* What a person says against checks and circuit. */
enum override_state { OVERRIDE_NONE, OVERRIDE_EJECTED, OVERRIDE_FORCED, OVERRIDE_STATE_MAX };

/* Why a person took a member out, or put it in. */
struct model_override {
	uint64_t member_id;
	uint64_t since_s; /* wall clock */
	char reason[OVERRIDE_REASON_MAX + 1];
	char who[OVERRIDE_WHO_MAX + 1];
};
