/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The doctor's report, as text and as JSON. */
#pragma once

#include "core/doctor.h"

struct cli;

void doctor_print(const struct cli *cli, const struct doctor_report *report);
void doctor_print_json(const struct cli *cli, const struct doctor_facts *facts,
		       const struct doctor_report *report);
