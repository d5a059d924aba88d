/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The program on interfaces. Whose program runs there is decided by the pins (pins.h). */
#include "dataplane/dp_bpf.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/util.h"
#include "dataplane/dp_internal.h"
#include "dataplane/dispatcher.h"
#include "dataplane/hook.h"
#include "dataplane/iface.h"
#include "dataplane/ours.h"
#include "dataplane/pins.h"
#include "dataplane/rights.h"
#include "sluice.skel.h"

static int find_ours(const struct dp_bpf *dp, uint32_t ifindex, struct ours *ret_ours)
{
	return ours_find(dp->is_unpinned ? NULL : dp->instance_dir, dp->program_id,
			 bpf_program__fd(dp->skel->progs.sluice), ifindex, ret_ours);
}

static int find_checked(const struct dp_bpf *dp, const struct iface *iface, struct ours *ret_ours,
			struct err *e)
{
	int ret = find_ours(dp, iface->ifindex, ret_ours);

	if (ret)
		return err_set(e, ERR_SYSTEM, "", "%s: cannot ask which program runs: %s",
			       iface->name, strerror(-ret));
	return 0;
}

/* Loaded by this process? */
static bool is_current(const struct dp_bpf *dp, uint32_t program_id)
{
	size_t i;

	for (i = 0; i < dp->dispatched_count; i++)
		if (dp->dispatched_ids[i] == program_id)
			return true;
	return program_id == dp->program_id;
}

static void describe(const struct iface *iface, const struct ours *ours, bool is_adopted,
		     struct dp_attachment *ret_attachment)
{
	struct dp_attachment attachment = {
		.ifindex = iface->ifindex,
		.is_generic = ours->hook.is_generic,
		.is_dispatched = ours_is_dispatched(ours),
		.is_adopted = is_adopted,
		.program_id = ours->program_id,
		.since_s = ours->loaded_s,
	};

	util_copy(attachment.interface, sizeof(attachment.interface), iface->name);
	util_copy(attachment.driver, sizeof(attachment.driver), iface->driver);
	if (attachment.is_dispatched)
		dispatcher_others(iface->ifindex, ours->program_id, attachment.beside,
				  sizeof(attachment.beside));
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
	if (!rights_are_held() && ours_is_extension(prune->dp->pin_dir, program_id))
		return;
	pins_remove_program(prune->dp->pin_dir, program_id);
}

/* The predecessor's program keeps its pin for as long as an interface runs it. Those of other maps go
 * with them: dp_bpf_settle(). */
static void prune_programs(const struct dp_bpf *dp)
{
	struct if_nameindex *all = if_nameindex();
	struct prune prune = {.dp = dp};
	size_t capacity = 0, i;

	for (i = 0; all && all[i].if_index; i++) {
		CLEANUP(ours_done) struct ours ours = {.fd = -1};

		if (find_ours(dp, all[i].if_index, &ours) || ours.fd < 0)
			continue;
		prune.attached = util_grow(prune.attached, &capacity, prune.count + 1,
					   sizeof(*prune.attached));
		prune.attached[prune.count++] = ours.program_id;
	}
	/* Without the list nobody can tell which are in use. */
	if (all && !dp->is_unpinned)
		pins_each_program(dp->pin_dir, prune_program, &prune);
	free(prune.attached);
	if (all)
		if_freenameindex(all);
}

/* ---- attach --------------------------------------------------------------------------------- */

static bool is_mode_kept(const struct ours *ours, enum xdp_attach_mode mode)
{
	if (mode == XDP_ATTACH_AUTO || ours_is_dispatched(ours))
		return true; /* a dispatcher's mode is its owner's business */
	return ours->hook.is_generic == (mode == XDP_ATTACH_GENERIC);
}

static int explain_refusal(const struct iface *iface, int ret, struct err *e)
{
	const char *why = dispatcher_message();

	err_set(e, ERR_UNSUPPORTED, "",
		"%s: libxdp cannot put the program beside those there: %s%s%s", iface->name,
		strerror(-ret), *why ? ": " : "", why);
	if (strstr(why, "changes packet data"))
		err_hint(e,
			 "dispatchers of libxdp before 1.5.5 do not fit this kernel: install a "
			 "newer one, for the other tools, too; or leave xdp_shared out, and give "
			 "Sluice an interface of its own");
	else
		err_hint(e,
			 "take the others off (xdp-loader unload %s --all), then sluiced "
			 "attaches alone",
			 iface->name);
	return -EOPNOTSUPP;
}

/* As one more extension of the interface's dispatcher. */
static int attach_dispatched(struct dp_bpf *dp, const struct iface *iface, bool is_generic,
			     struct err *e)
{
	struct sluice_bpf *copy = dp_open_copy(dp, e);
	struct bpf_prog_info info = {};
	uint32_t length = sizeof(info);
	AUTO_CLOSE int fd = -1;
	int ret;

	if (!copy)
		return -EIO;
	fd = dispatcher_attach(copy->obj, "sluice", iface->ifindex, is_generic);
	sluice_bpf__destroy(copy);
	if (fd < 0)
		return explain_refusal(iface, fd, e);
	ret = bpf_obj_get_info_by_fd(fd, &info, &length) ? -errno : 0;
	if (!ret && !dp->is_unpinned)
		ret = pins_add_program(dp->pin_dir, fd, info.id);
	if (ret) {
		dispatcher_detach(iface->ifindex, fd, is_generic);
		return err_set(e, ERR_SYSTEM, "", "%s: cannot pin the attached program: %s",
			       iface->name, strerror(-ret));
	}
	dp->dispatched_ids = util_grow(dp->dispatched_ids, &dp->dispatched_capacity,
				       dp->dispatched_count + 1, sizeof(*dp->dispatched_ids));
	dp->dispatched_ids[dp->dispatched_count++] = info.id;
	return 0;
}

static int refuse_dispatcher(const struct iface *iface, bool has_rights, struct err *e)
{
	err_set(e, ERR_UNSUPPORTED, "", "%s: libxdp's dispatcher cannot be joined: %s", iface->name,
		has_rights ? "this kernel refuses extension programs"
			   : "that takes CAP_SYS_ADMIN, which this process lacks");
	err_hint(e, has_rights ? "leave xdp_shared out, and give Sluice an interface of its own"
			       : "restart sluiced as root, or with CAP_SYS_ADMIN");
	return -EOPNOTSUPP;
}

static int refuse_generic(const struct iface *iface, struct err *e)
{
	err_set(e, ERR_CONFLICT, "",
		"%s: libxdp's dispatcher runs in generic mode, and xdp is native", iface->name);
	err_hint(e, "xdp: auto allows it (every packet then takes the slow path); or let the other "
		    "tools attach natively");
	return -EBUSY;
}

/* Beside others where a dispatcher is, else alone (docs/decisions/attach.md says why). */
static int attach_fresh(struct dp_bpf *dp, const struct iface *iface, const struct ours *there,
			enum xdp_attach_mode mode, struct err *e)
{
	int fd = bpf_program__fd(dp->skel->progs.sluice), ret;

	if (dp->sharing != XDP_SHARED_NEVER && there->has_dispatcher) {
		if (!dispatcher_is_possible())
			return refuse_dispatcher(iface, rights_are_held(), e);
		if (there->hook.is_generic && mode == XDP_ATTACH_NATIVE)
			return refuse_generic(iface, e);
		return attach_dispatched(dp, iface, there->hook.is_generic, e);
	}
	if (dp->sharing == XDP_SHARED_ALWAYS && !there->hook.program_id) {
		if (!dispatcher_is_possible())
			return refuse_dispatcher(iface, rights_are_held(), e);
		ret = attach_dispatched(dp, iface, mode == XDP_ATTACH_GENERIC, e);
		return ret && mode == XDP_ATTACH_AUTO ? attach_dispatched(dp, iface, true, e) : ret;
	}
	ret = hook_attach(iface, fd, -1, mode == XDP_ATTACH_GENERIC, e);
	if (!ret || mode != XDP_ATTACH_AUTO || e->code != ERR_UNSUPPORTED)
		return ret;
	return hook_attach(iface, fd, -1, true, e);
}

/* The new one beside the old one, then the old one goes. */
static int replace_dispatched(struct dp_bpf *dp, const struct iface *iface, const struct ours *ours,
			      struct err *e)
{
	int ret = attach_dispatched(dp, iface, ours->hook.is_generic, e);

	if (ret)
		return ret;
	ret = ours_detach(dp->instance_dir, iface->ifindex, ours,
			  dp->dispatched_ids[dp->dispatched_count - 1]);
	if (!ret)
		return 0;
	err_set(e, ERR_SYSTEM, "", "%s: cannot detach the program before this one: %s: %s",
		iface->name, strerror(-ret), dispatcher_message());
	ours_detach(dp->instance_dir, iface->ifindex, ours, ours->program_id);
	return ret;
}

/* Ours runs already: replaced without a gap, unless native and generic change places, which the
 * kernel does not do in one step. */
static int attach_over(struct dp_bpf *dp, const struct iface *iface, const struct ours *ours,
		       enum xdp_attach_mode mode, struct err *e)
{
	static const struct ours nothing = {.fd = -1};
	int ret;

	if (is_mode_kept(ours, mode)) {
		if (is_current(dp, ours->program_id))
			return 0;
		if (!ours_is_dispatched(ours))
			return hook_attach(iface, bpf_program__fd(dp->skel->progs.sluice), ours->fd,
					   ours->hook.is_generic, e);
		return replace_dispatched(dp, iface, ours, e);
	}
	ret = ours_detach(dp->instance_dir, iface->ifindex, ours, 0);
	if (ret)
		return err_set(e, ERR_SYSTEM, "",
			       "%s: cannot detach our program to change its mode: %s", iface->name,
			       strerror(-ret));
	ret = attach_fresh(dp, iface, &nothing, mode, e);
	if (ret) /* back to what worked */
		hook_attach(iface, bpf_program__fd(dp->skel->progs.sluice), -1,
			    ours->hook.is_generic, NULL);
	return ret;
}

int dp_bpf_attach(struct dp_bpf *dp, const char *interface, enum xdp_attach_mode mode,
		  struct dp_attachment *ret_attachment, struct err *e)
{
	CLEANUP(ours_done) struct ours before = {.fd = -1};
	CLEANUP(ours_done) struct ours after = {.fd = -1};
	struct err local = {};
	struct iface iface;
	int ret;

	e = e ? e : &local;
	ret = iface_find(interface, &iface, e);
	if (!ret)
		ret = hook_check_device(&iface, e);
	if (!ret)
		ret = find_checked(dp, &iface, &before, e);
	if (ret)
		return ret;
	ret = before.fd >= 0 ? attach_over(dp, &iface, &before, mode, e)
			     : attach_fresh(dp, &iface, &before, mode, e);
	if (!ret)
		ret = find_checked(dp, &iface, &after, e);
	if (ret)
		return ret;
	if (after.fd < 0 || !is_current(dp, after.program_id))
		return err_set(e, ERR_CONFLICT, "",
			       "%s: another program replaced ours at once: %s "
			       "(id %u)",
			       interface, after.hook.program, after.hook.program_id);
	dp_macs_add(dp, iface.ifindex);
	describe(&iface, &after, before.fd >= 0, ret_attachment);
	prune_programs(dp);
	return 0;
}

int dp_bpf_detach(struct dp_bpf *dp, const char *interface, struct err *e)
{
	CLEANUP(ours_done) struct ours ours = {.fd = -1};
	struct iface iface;
	int ret;

	ret = iface_find(interface, &iface, e);
	if (!ret)
		ret = find_checked(dp, &iface, &ours, e);
	if (ret)
		return ret;
	if (ours.fd < 0) {
		err_set(e, ERR_NOT_FOUND, "", "%s does not run this instance's program", interface);
		if (ours.hook.program_id)
			err_hint(e, "it runs %s (id %u), which is left alone", ours.hook.program,
				 ours.hook.program_id);
		return -ENOENT;
	}
	ret = ours_detach(dp->instance_dir, iface.ifindex, &ours, 0);
	if (ret)
		return err_set(e, ERR_SYSTEM, "", "%s: cannot detach: %s", interface,
			       strerror(-ret));
	dp_macs_remove(dp, iface.ifindex);
	prune_programs(dp);
	return 0;
}

int dp_bpf_find(const struct dp_bpf *dp, const char *interface,
		struct dp_attachment *ret_attachment)
{
	CLEANUP(ours_done) struct ours ours = {.fd = -1};
	struct iface iface;
	int ret;

	if (iface_find(interface, &iface, NULL))
		return -ENODEV;
	ret = find_ours(dp, iface.ifindex, &ours);
	if (ret)
		return ret;
	if (ours.fd < 0 || !is_current(dp, ours.program_id))
		return -ENOENT;
	describe(&iface, &ours, false, ret_attachment);
	return 0;
}

size_t dp_bpf_attachments(const struct dp_bpf *dp, struct dp_attachment *attachments, size_t max)
{
	struct if_nameindex *all = if_nameindex();
	size_t count = 0, i;
	struct iface iface;

	for (i = 0; all && all[i].if_index && count < max; i++) {
		CLEANUP(ours_done) struct ours ours = {.fd = -1};

		if (find_ours(dp, all[i].if_index, &ours) || ours.fd < 0)
			continue;
		if (!iface_find(all[i].if_name, &iface, NULL))
			describe(&iface, &ours, !is_current(dp, ours.program_id),
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
