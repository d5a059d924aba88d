/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/privileges.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <linux/capability.h>

#include <cap-ng.h>

/* PERFMON: without it the verifier refuses variable offsets into packets and sets. */
static const struct {
	unsigned int number;
	const char *name;
} needed[] = {
	{CAP_BPF, "CAP_BPF"},
	{CAP_NET_ADMIN, "CAP_NET_ADMIN"},
	{CAP_PERFMON, "CAP_PERFMON"},
};

int privileges_check(struct err *e)
{
	char missing[64] = "";
	size_t used = 0;
	size_t i;

	if (capng_get_caps_process()) {
		err_set(e, ERR_SYSTEM, "", "cannot read this process's capabilities");
		return -EIO;
	}
	for (i = 0; i < ARRAY_SIZE(needed); i++)
		if (!capng_have_capability(CAPNG_EFFECTIVE, needed[i].number))
			used += (size_t)snprintf(missing + used, sizeof(missing) - used, "%s%s",
						 used ? ", " : "", needed[i].name);
	if (!used)
		return 0;
	err_set(e, ERR_FORBIDDEN, "", "missing %s", missing);
	err_hint(e, "run as root, or with systemd's AmbientCapabilities=CAP_BPF CAP_NET_ADMIN "
		    "CAP_PERFMON");
	return -EPERM;
}

int privileges_drop(struct err *e)
{
	bool may_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	size_t i;

	capng_clear(CAPNG_SELECT_BOTH);
	for (i = 0; i < ARRAY_SIZE(needed); i++)
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET,
			     needed[i].number);
	if (capng_apply(may_bound ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
		err_set(e, ERR_SYSTEM, "", "cannot give up capabilities: %s", strerror(errno));
		return -EPERM;
	}
	return 0;
}

void privileges_raise_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}
