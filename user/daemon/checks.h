/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Health checks, as far as events, status and this host have to do with them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/config.h"

struct control_finding;
struct daemon;

/* As health_certificate_fn. */
void checks_certificate(void *arg, uint64_t member_id, int64_t expires_s);
/* As health_diagnosis_fn. */
void checks_diagnosis(void *arg, uint64_t member_id, const char *text);
size_t checks_findings(const struct daemon *daemon, struct control_finding *list, size_t max);
/* What checks need and this host lacks. */
void checks_check(const struct daemon *daemon, const struct config *config, struct errs *errors);
