/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/verdicts.h"

#include "base/util.h"

static const struct {
	const char *name, *help;
	enum sluice_action action;
} verdicts[] = {
#define X(name, action, help) {#name, help, SLUICE_ACTION_##action},
	SLUICE_VERDICTS(X)
#undef X
};

static const char *const actions[] = {"pass", "drop", "forward", "answer"};

_Static_assert(ARRAY_SIZE(verdicts) == SLUICE_V_MAX, "verdicts");
_Static_assert(ARRAY_SIZE(actions) == SLUICE_ACTION_MAX, "actions");

const char *verdicts_name(uint32_t verdict)
{
	return verdict < SLUICE_V_MAX ? verdicts[verdict].name : "?";
}

const char *verdicts_help(uint32_t verdict)
{
	return verdict < SLUICE_V_MAX ? verdicts[verdict].help : "?";
}

enum sluice_action verdicts_action(uint32_t verdict)
{
	return verdict < SLUICE_V_MAX ? verdicts[verdict].action : SLUICE_ACTION_DROP;
}

const char *verdicts_action_name(enum sluice_action action)
{
	return (unsigned int)action < SLUICE_ACTION_MAX ? actions[action] : "?";
}
