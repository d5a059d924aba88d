/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A second look at a member that is silent through the path, to tell why. First its own address is
 * asked directly. If it answers there and gets its packets by tunnel, its own address is asked through
 * the tunnel, too: whoever answers that unpacks, so that it is the service's address that is missing.
 */
#pragma once

#include "health/prober.h"

enum look_result {
	LOOK_NONE,	 /* nobody looked, or this host could not */
	LOOK_SILENT,	 /* it does not answer directly either */
	LOOK_ANSWERS,	 /* it does; why not through the path is not known */
	LOOK_NO_DECAP,	 /* and it does not unpack */
	LOOK_NO_ADDRESS, /* and it unpacks */
	LOOK_MAX
};

struct look_target {
	struct sluice_addr addr, service; /* its own address, and the service's */
	uint16_t port;
	enum sluice_mode mode;
	const struct path_target *path;
	const struct check_config *check;
};

typedef void (*look_fn)(void *arg, enum look_result result);

/* target must last until then. Never answers from within the call; cancelled as a probe is. */
struct probe *look_begin(struct prober *prober, const struct look_target *target, look_fn fn,
			 void *arg);

/* What to say of a probe of the type that went through the path unanswered, behind the words for that. */
void look_describe(enum look_result result, enum check_type type, enum sluice_mode mode,
		   const struct sluice_addr *service, char text[HEALTH_TEXT_MAX]);
