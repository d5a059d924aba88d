/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "check/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/close_range.h>

#include <cap-ng.h>

#include "base/log.h"
#include "core/check_message.h"

#define USER "sluice-check" /* where it exists */
#define NOBODY 65534
#define FILES_MAX 8192
#define MEMORY_MAX (512UL << 20)

static int fail(const char *what)
{
	log_error("sluice-check", "cannot %s: %s", what, strerror(errno));
	return -1;
}

static void limit(int resource, rlim_t most)
{
	struct rlimit now;

	if (getrlimit(resource, &now))
		return;
	if (now.rlim_max == RLIM_INFINITY || now.rlim_max > most)
		now.rlim_max = most;
	now.rlim_cur = now.rlim_max;
	setrlimit(resource, &now);
}

static void limit_resources(void)
{
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_NOFILE, FILES_MAX);
#ifndef __SANITIZE_ADDRESS__ /* its shadow is larger */
	limit(RLIMIT_DATA, MEMORY_MAX);
#endif
}

static int become_somebody(void)
{
	const struct passwd *user = getpwnam(USER);
	uid_t uid = user ? user->pw_uid : NOBODY;
	gid_t gid = user ? user->pw_gid : NOBODY;

	if (geteuid())
		return 0;
	if (!uid || !gid) {
		log_error("sluice-check", "the user %s must not be root", USER);
		return -1;
	}
	if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid)) {
		log_error("sluice-check",
			  "cannot become %s: %s; sluiced needs CAP_SETUID and CAP_SETGID when it "
			  "starts as root (CapabilityBoundingSet=)",
			  user ? USER : "nobody", strerror(errno));
		return -1;
	}
	return 0;
}

int sandbox_enter(void)
{
	bool may_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);

	if (close_range(CHECK_CONTROL_FD + 1, ~0U, 0) && errno != ENOSYS)
		return fail("close what was left open");
	umask(077);
	capng_clear(CAPNG_SELECT_BOTH);
	if (may_bound && capng_apply(CAPNG_SELECT_BOUNDS))
		return fail("empty the capability bounding set");
	if (become_somebody())
		return -1;
	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_apply(CAPNG_SELECT_CAPS) ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return fail("give up capabilities");
	limit_resources();
	/* What was asked for is looked at, not taken for granted. */
	if (!geteuid() || !getuid() || !getegid() || capng_get_caps_process() ||
	    capng_have_capabilities(CAPNG_SELECT_CAPS) != CAPNG_NONE) {
		log_error("sluice-check", "still has rights: it does not go on");
		return -1;
	}
	return 0;
}
