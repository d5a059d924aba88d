/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/ours.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/util.h"
#include "dataplane/dispatcher.h"
#include "dataplane/pins.h"

struct owner {
	const char *instance_dir;
	uint32_t own_id;
	int own_fd;
};

struct search {
	uint32_t program_id;
	struct ours *ours;
};

static void search_layout(void *arg, const char *dir, uint32_t abi, uint32_t generation)
{
	struct search *search = arg;
	struct ours *ours = search->ours;
	int fd = ours->fd < 0 ? pins_open_program(dir, search->program_id) : -1;

	(void)abi;
	(void)generation;
	if (fd < 0)
		return;
	ours->fd = fd;
	ours->program_id = search->program_id;
	util_copy(ours->layout, sizeof(ours->layout), dir);
}

/* Is this one ours? */
static void try_program(const struct owner *owner, uint32_t program_id, struct ours *ours)
{
	struct search search = {program_id, ours};

	if (!program_id)
		return;
	if (program_id != owner->own_id) {
		if (owner->instance_dir)
			pins_each_layout(owner->instance_dir, search_layout, &search);
		return;
	}
	ours->fd = fcntl(owner->own_fd, F_DUPFD_CLOEXEC, 3);
	ours->program_id = ours->fd < 0 ? 0 : program_id;
}

static void find_dispatched(const struct owner *owner, uint32_t ifindex, struct ours *ours)
{
	struct dispatcher_program list[DISPATCHER_SLOTS];
	size_t count = dispatcher_list(ifindex, list), i;

	for (i = 0; i < count && ours->fd < 0; i++)
		try_program(owner, list[i].id, ours);
}

int ours_find(const char *instance_dir, uint32_t own_id, int own_fd, uint32_t ifindex,
	      struct ours *ret_ours)
{
	struct owner owner = {instance_dir, own_id, own_fd};
	struct ours ours = {.fd = -1};
	int ret = hook_query(ifindex, &ours.hook);

	if (ret)
		return ret;
	ours.has_dispatcher = !strcmp(ours.hook.program, DISPATCHER_PROGRAM);
	try_program(&owner, ours.hook.program_id, &ours);
	if (ours.fd < 0 && ours.has_dispatcher)
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

bool ours_is_extension(const char *layout_dir, uint32_t program_id)
{
	AUTO_CLOSE int fd = pins_open_program(layout_dir, program_id);
	struct bpf_prog_info info = {};
	uint32_t length = sizeof(info);

	return fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &length) &&
	       info.type == BPF_PROG_TYPE_EXT;
}

int ours_detach(const char *instance_dir, uint32_t ifindex, const struct ours *ours,
		uint32_t keep_id)
{
	struct owner owner = {instance_dir, ours->program_id, ours->fd};
	struct dispatcher_program list[DISPATCHER_SLOTS];
	size_t count, i;
	int ret = 0;

	if (!ours_is_dispatched(ours))
		return hook_detach(ifindex, ours->fd, ours->hook.is_generic);
	count = dispatcher_list(ifindex, list);
	for (i = 0; i < count && !ret; i++) {
		CLEANUP(ours_done) struct ours one = {.fd = -1};

		if (list[i].id != keep_id)
			try_program(&owner, list[i].id, &one);
		if (one.fd >= 0)
			ret = dispatcher_detach(ifindex, one.fd, ours->hook.is_generic);
	}
	return ret;
}
