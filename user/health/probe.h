/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One probe of any kind: started, then exactly one answer, unless it is cancelled. */
#pragma once

#include <uv.h>

#include <sluice/types.h>

#include "core/check_message.h"
#include "health/way.h"

/* First in what each kind has of its own. */
struct probe {
	void (*cancel)(struct probe *probe);
};

/* The answer is valid during the call; its id means nothing. */
typedef void (*probe_fn)(void *arg, const struct check_answer *answer);

/* No answer follows. Accepts NULL. */
static inline void probe_cancel(struct probe *probe)
{
	if (probe)
		probe->cancel(probe);
}
