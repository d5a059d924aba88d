/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the doctor would find out about a healthy host. */
#pragma once

#include "core/doctor.h"

/* Its paths, one to each member, and its services. */
enum { TUNNEL1, TUNNEL2, SIX, DIRECT, PATHS };
enum { SERVICE_TUNNEL, SERVICE_SIX, SERVICE_DIRECT, SERVICE_HERE };

/* Four services, with members as above; to be freed by config_free(). */
struct config *fake_facts_config(void);
/* Nothing to say about it: the way to the tunnels' members is wide enough for what comes in. The
 * configuration, of fake_facts_config(), must outlive it. */
struct doctor_facts *fake_facts_new(const struct config *config);
void fake_facts_free(struct doctor_facts *facts);
