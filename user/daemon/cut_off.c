/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/cut_off.h"

#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "core/ejection.h"
#include "daemon/daemon.h"

#define BELIEVE_AFTER_MS                                                                           \
	15000 /* checks of members that were down are up to 5 s apart, and need two */

static bool has_carrier(int fd, const char *interface)
{
	struct ifreq request = {0};

	util_copy(request.ifr_name, sizeof(request.ifr_name), interface);
	return ioctl(fd, SIOCGIFFLAGS, &request) == 0 && request.ifr_flags & IFF_UP &&
	       request.ifr_flags & IFF_RUNNING;
}

/* Of all interfaces that traffic comes in by: one of several is no fault of the node. */
static bool is_carrier_lost(const struct daemon *daemon)
{
	const struct watch *watch = &daemon->watch;
	bool is_any = false;
	size_t i;
	int fd;

	if (!watch->hook_count)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	for (i = 0; i < watch->hook_count && !is_any; i++)
		is_any = has_carrier(fd, watch->hooks[i].interface);
	close(fd);
	return !is_any;
}

void cut_off_look(struct daemon *daemon)
{
	const struct local_evidence evidence = {.is_carrier_lost = is_carrier_lost(daemon)};
	struct cut_off *cut_off = &daemon->cut_off;
	const char *why = ejection_local_fault(&evidence);

	if (!why == !cut_off->why)
		return;
	cut_off->until_ms = why ? 0 : clock_now_ms() + BELIEVE_AFTER_MS;
	cut_off->why = why;
	if (why) {
		log_error("health", "this host is cut off (%s): not ready, and nobody is ejected",
			  why);
		daemon_event(daemon, EVENT_local_fault,
			     "this host is cut off: %s; not ready, and nobody is ejected", why);
	} else {
		log_info("health", "this host is no longer cut off");
		daemon_event(daemon, EVENT_local_fault,
			     "no longer cut off; failures are believed again in %u s",
			     BELIEVE_AFTER_MS / 1000);
	}
	loop_announce(daemon);
}

void cut_off_tick(struct daemon *daemon)
{
	struct cut_off *cut_off = &daemon->cut_off;

	if (!daemon->is_ready)
		return;
	cut_off_look(daemon);
	if (cut_off->why || !cut_off->until_ms || clock_now_ms() < cut_off->until_ms)
		return;
	cut_off->until_ms = 0;
	/* Probes of meanwhile say nothing; who is down still is told now. */
	model_forget_probes(daemon->model);
	health_follow(daemon->health, daemon->model);
}

bool cut_off_holds(const struct daemon *daemon)
{
	return daemon->cut_off.why || daemon->cut_off.until_ms;
}
