/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/privileges.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <linux/capability.h>

#include <cap-ng.h>

#include "dataplane/kernel.h"
#include "dataplane/rights.h"

int privileges_check(struct err *e)
{
	char missing[64];

	if (!kernel_missing_capabilities(missing, sizeof(missing))) {
		err_set(e, ERR_SYSTEM, "", "cannot read this process's capabilities");
		return -EIO;
	}
	if (!*missing)
		return 0;
	err_set(e, ERR_FORBIDDEN, "", "missing %s", missing);
	err_hint(e, "run as root, or with systemd's AmbientCapabilities=CAP_BPF CAP_NET_ADMIN "
		    "CAP_PERFMON");
	return -EPERM;
}

int privileges_check_shared(struct err *e)
{
	if (rights_are_held())
		return 0;
	err_set(e, ERR_FORBIDDEN, "xdp_shared", "joining other programs takes CAP_SYS_ADMIN");
	err_hint(e, "run as root, in a systemd unit with CapabilityBoundingSet=CAP_SYS_ADMIN, too, "
		    "or leave xdp_shared out");
	return -EPERM;
}

int privileges_drop(bool is_shared, struct err *e)
{
	bool may_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);

	capng_clear(CAPNG_SELECT_BOTH);
	capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET, CAP_BPF,
		      CAP_NET_ADMIN, CAP_PERFMON, -1);
	if (is_shared) /* without effect until it is raised: dataplane/rights.h */
		capng_update(CAPNG_ADD, CAPNG_PERMITTED | CAPNG_BOUNDING_SET, CAP_SYS_ADMIN);
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
