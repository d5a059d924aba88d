/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/ours.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/util.h"
#include "dataplane/dispatcher.h"
#include "dataplane/pins.h"

struct owner {
	const char *pin_dir;
	uint32_t own_id;
	int own_fd;
};

/* Descriptor of the program when it is ours, else -1. */
static int open_program(const struct owner *owner, uint32_t program_id)
{
	int fd = -1;

	if (!program_id)
		return -1;
	if (program_id == owner->own_id)
		fd = fcntl(owner->own_fd, F_DUPFD_CLOEXEC, 3);
	else if (owner->pin_dir)
		fd = pins_open_program(owner->pin_dir, program_id);
	return fd < 0 ? -1 : fd;
}

static void find_dispatched(const struct owner *owner, uint32_t ifindex, struct ours *ours)
{
	uint32_t ids[DISPATCHER_SLOTS];
	size_t count = dispatcher_programs(ifindex, ids), i;

	for (i = 0; i < count && ours->fd < 0; i++) {
		ours->fd = open_program(owner, ids[i]);
		ours->program_id = ours->fd < 0 ? 0 : ids[i];
	}
}

int ours_find(const char *pin_dir, uint32_t own_id, int own_fd, uint32_t ifindex,
	      struct ours *ret_ours)
{
	struct owner owner = {pin_dir, own_id, own_fd};
	struct ours ours = {.fd = -1};
	int ret = hook_query(ifindex, &ours.hook);

	if (ret)
		return ret;
	ours.has_dispatcher = !strcmp(ours.hook.program, DISPATCHER_PROGRAM);
	ours.fd = open_program(&owner, ours.hook.program_id);
	if (ours.fd >= 0)
		ours.program_id = ours.hook.program_id;
	else if (ours.has_dispatcher)
		find_dispatched(&owner, ifindex, &ours);
	if (ours.fd >= 0)
		ours.loaded_s = hook_program_loaded_s(ours.fd);
	*ret_ours = ours;
	return 0;
}

void ours_done(struct ours *ours)
{
	util_close_p(&ours->fd);
}

bool ours_is_dispatched(const struct ours *ours)
{
	return ours->fd >= 0 && ours->program_id != ours->hook.program_id;
}

int ours_detach(uint32_t ifindex, const struct ours *ours)
{
	if (ours_is_dispatched(ours))
		return dispatcher_detach(ifindex, ours->fd, ours->hook.is_generic);
	return hook_detach(ifindex, ours->fd, ours->hook.is_generic);
}
