/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/rights.h"

#include <cap-ng.h>

static bool has(capng_type_t type)
{
	return !capng_get_caps_process() && capng_have_capability(type, CAP_SYS_ADMIN);
}

bool rights_are_held(void)
{
	return has(CAPNG_PERMITTED);
}

struct rights rights_raise(void)
{
	struct rights rights = {false};

	if (has(CAPNG_EFFECTIVE) || !has(CAPNG_PERMITTED))
		return rights;
	rights.is_raised = !capng_update(CAPNG_ADD, CAPNG_EFFECTIVE, CAP_SYS_ADMIN) &&
			   !capng_apply(CAPNG_SELECT_CAPS);
	return rights;
}

void rights_lower(struct rights *rights)
{
	if (!rights->is_raised || capng_get_caps_process())
		return;
	capng_update(CAPNG_DROP, CAPNG_EFFECTIVE, CAP_SYS_ADMIN);
	capng_apply(CAPNG_SELECT_CAPS);
	rights->is_raised = false;
}
