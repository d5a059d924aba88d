/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the doctor would find out about a healthy host. */
#pragma once

#include "core/doctor.h"

/* Its paths, one to each member, and its services. */
enum { TUNNEL1, TUNNEL2, SIX, DIRECT, PATHS };
enum { SERVICE_TUNNEL, SERVICE_SIX, SERVICE_DIRECT, SERVICE_HERE };

/* Four services, with members as above; made and freed by the two for a group of tests. */
extern struct config *fake_facts_config;
int fake_facts_set_up(void **state);
int fake_facts_tear_down(void **state);

/* Nothing to say about it: the way to the tunnels' members is wide enough for what comes in. */
struct doctor_facts *fake_facts_new(void);
void fake_facts_free(struct doctor_facts *facts);
