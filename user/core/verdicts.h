/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The packet path's verdicts and actions in words: the rows of <sluice/verdict.h>. */
#pragma once

#include <stdint.h>

#include <sluice/verdict.h>

/* "?" when it is no verdict. */
const char *verdicts_name(uint32_t verdict);
const char *verdicts_help(uint32_t verdict);
/* SLUICE_ACTION_DROP when it is no verdict. */
enum sluice_action verdicts_action(uint32_t verdict);
/* "pass", "drop", "forward", "answer"; "?" when it is no action. */
const char *verdicts_action_name(enum sluice_action action);
