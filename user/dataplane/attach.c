/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The program on interfaces. Whose program runs there is decided by the pins (pins.h). */
#include "dataplane/dp_bpf.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/util.h"
#include "dataplane/dp_internal.h"
#include "dataplane/hook.h"
#include "dataplane/iface.h"
#include "dataplane/pins.h"
#include "sluice.skel.h"

/* Descriptor of the attached program when it is this instance's, else -1. */
static int open_ours(const struct dp_bpf *dp, uint32_t program_id)
{
	int fd;

	if (!program_id)
		return -1;
	if (program_id == dp->program_id)
		return fcntl(bpf_program__fd(dp->skel->progs.sluice), F_DUPFD_CLOEXEC, 0);
	fd = dp->is_unpinned ? -1 : pins_open_program(dp->pin_dir, program_id);
	return fd < 0 ? -1 : fd;
}

static void describe(const struct iface *iface, const struct hook *hook, bool is_adopted,
		     struct dp_attachment *ret_attachment)
{
	struct dp_attachment attachment = {
		.ifindex = iface->ifindex,
		.is_generic = hook->is_generic,
		.is_adopted = is_adopted,
		.program_id = hook->program_id,
		.since_s = hook->loaded_s,
	};

	util_copy(attachment.interface, sizeof(attachment.interface), iface->name);
	util_copy(attachment.driver, sizeof(attachment.driver), iface->driver);
	*ret_attachment = attachment;
}

/* ---- programs that nothing runs any more ---------------------------------------------------- */

struct prune {
	const struct dp_bpf *dp;
	uint32_t *attached;
	size_t count;
};

static void prune_program(void *arg, uint32_t program_id)
{
	const struct prune *prune = arg;
	size_t i;

	if (program_id == prune->dp->program_id)
		return;
	for (i = 0; i < prune->count; i++)
		if (prune->attached[i] == program_id)
			return;
	pins_remove_program(prune->dp->pin_dir, program_id);
}

/* The predecessor's program keeps its pin for as long as an interface runs it. */
static void prune_programs(const struct dp_bpf *dp)
{
	struct if_nameindex *all = if_nameindex();
	struct prune prune = {.dp = dp};
	size_t capacity = 0, i;
	struct hook hook;

	for (i = 0; all && all[i].if_index; i++) {
		if (hook_query(all[i].if_index, &hook) || !hook.program_id)
			continue;
		prune.attached = util_grow(prune.attached, &capacity, prune.count + 1,
					   sizeof(*prune.attached));
		prune.attached[prune.count++] = hook.program_id;
	}
	/* Without the list nobody can tell which are in use. */
	if (all && !dp->is_unpinned)
		pins_each_program(dp->pin_dir, prune_program, &prune);
	free(prune.attached);
	if (all)
		if_freenameindex(all);
}

/* ---- attach --------------------------------------------------------------------------------- */

static bool is_mode_kept(const struct hook *hook, enum xdp_attach_mode mode)
{
	if (mode == XDP_ATTACH_AUTO)
		return true;
	return hook->is_generic == (mode == XDP_ATTACH_GENERIC);
}

static int attach_fresh(const struct dp_bpf *dp, const struct iface *iface,
			enum xdp_attach_mode mode, struct err *e)
{
	int fd = bpf_program__fd(dp->skel->progs.sluice), ret;

	if (mode == XDP_ATTACH_GENERIC)
		return hook_attach(iface, fd, -1, true, e);
	ret = hook_attach(iface, fd, -1, false, e);
	if (!ret || mode == XDP_ATTACH_NATIVE || e->code != ERR_UNSUPPORTED)
		return ret;
	return hook_attach(iface, fd, -1, true, e);
}

/* Ours runs already: replaced without a gap, unless native and generic change places, which the
 * kernel does not do in one step. */
static int attach_over(const struct dp_bpf *dp, const struct iface *iface, const struct hook *hook,
		       int old_fd, enum xdp_attach_mode mode, struct err *e)
{
	int fd = bpf_program__fd(dp->skel->progs.sluice), ret;

	if (hook->program_id == dp->program_id && is_mode_kept(hook, mode))
		return 0;
	if (is_mode_kept(hook, mode))
		return hook_attach(iface, fd, old_fd, hook->is_generic, e);
	ret = hook_detach(iface->ifindex, old_fd, hook->is_generic);
	if (ret)
		return err_set(e, ERR_SYSTEM, "",
			       "%s: cannot detach our program to change its mode: %s", iface->name,
			       strerror(-ret));
	ret = attach_fresh(dp, iface, mode, e);
	if (ret) /* back to what worked */
		hook_attach(iface, fd, -1, hook->is_generic, NULL);
	return ret;
}

int dp_bpf_attach(struct dp_bpf *dp, const char *interface, enum xdp_attach_mode mode,
		  struct dp_attachment *ret_attachment, struct err *e)
{
	AUTO_CLOSE int old_fd = -1;
	struct iface iface;
	struct hook hook;
	struct err local = {};
	int ret;

	e = e ? e : &local;
	ret = iface_find(interface, &iface, e);
	if (!ret)
		ret = hook_check_device(&iface, e);
	if (ret)
		return ret;
	ret = hook_query(iface.ifindex, &hook);
	if (ret)
		return err_set(e, ERR_SYSTEM, "", "%s: cannot ask which program runs: %s",
			       interface, strerror(-ret));
	old_fd = open_ours(dp, hook.program_id);
	ret = old_fd >= 0 ? attach_over(dp, &iface, &hook, old_fd, mode, e)
			  : attach_fresh(dp, &iface, mode, e);
	if (ret)
		return ret;
	ret = hook_query(iface.ifindex, &hook);
	if (ret || hook.program_id != dp->program_id)
		return err_set(e, ERR_CONFLICT, "",
			       "%s: another program replaced ours at once: %s "
			       "(id %u)",
			       interface, hook.program, hook.program_id);
	describe(&iface, &hook, old_fd >= 0, ret_attachment);
	prune_programs(dp);
	return 0;
}

int dp_bpf_detach(struct dp_bpf *dp, const char *interface, struct err *e)
{
	AUTO_CLOSE int fd = -1;
	struct iface iface;
	struct hook hook;
	int ret;

	ret = iface_find(interface, &iface, e);
	if (ret)
		return ret;
	ret = hook_query(iface.ifindex, &hook);
	if (ret)
		return err_set(e, ERR_SYSTEM, "", "%s: cannot ask which program runs: %s",
			       interface, strerror(-ret));
	fd = open_ours(dp, hook.program_id);
	if (fd < 0) {
		err_set(e, ERR_NOT_FOUND, "", "%s does not run this instance's program", interface);
		if (hook.program_id)
			err_hint(e, "it runs %s (id %u), which is left alone", hook.program,
				 hook.program_id);
		return -ENOENT;
	}
	ret = hook_detach(iface.ifindex, fd, hook.is_generic);
	if (ret)
		return err_set(e, ERR_SYSTEM, "", "%s: cannot detach: %s", interface,
			       strerror(-ret));
	prune_programs(dp);
	return 0;
}

size_t dp_bpf_attachments(const struct dp_bpf *dp, struct dp_attachment *attachments, size_t max)
{
	struct if_nameindex *all = if_nameindex();
	size_t count = 0, i;
	struct iface iface;
	struct hook hook;

	for (i = 0; all && all[i].if_index && count < max; i++) {
		AUTO_CLOSE int fd = -1;

		if (hook_query(all[i].if_index, &hook))
			continue;
		fd = open_ours(dp, hook.program_id);
		if (fd >= 0 && !iface_find(all[i].if_name, &iface, NULL))
			describe(&iface, &hook, hook.program_id != dp->program_id,
				 &attachments[count++]);
	}
	if (all)
		if_freenameindex(all);
	return count;
}

/* ---- redirect targets ------------------------------------------------------------------------ */

int dp_bpf_tx_port_add(struct dp_bpf *dp, uint32_t ifindex, struct err *e)
{
	if (!bpf_map_update_elem(bpf_map__fd(dp->skel->maps.tx_ports), &ifindex, &ifindex, BPF_ANY))
		return 0;
	if (errno == E2BIG) {
		err_set(e, ERR_CAPACITY, "", "members are behind more than %u interfaces",
			SLUICE_TX_PORTS_MAX);
		return -E2BIG;
	}
	return err_set(e, ERR_SYSTEM, "", "interface %u cannot transmit redirected frames: %s",
		       ifindex, strerror(errno));
}

int dp_bpf_tx_port_remove(struct dp_bpf *dp, uint32_t ifindex)
{
	return bpf_map_delete_elem(bpf_map__fd(dp->skel->maps.tx_ports), &ifindex) ? -errno : 0;
}
