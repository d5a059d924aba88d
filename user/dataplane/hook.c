/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/hook.h"

#include <errno.h>
#include <linux/if_link.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/clock.h"
#include "dataplane/kernel.h"
#include "dataplane/rights.h"

/* Opening by id takes CAP_SYS_ADMIN; without, programs of others stay nameless. */
static void name_program(struct hook *hook)
{
	CLEANUP(rights_lower) struct rights rights = rights_raise();
	AUTO_CLOSE int fd = bpf_prog_get_fd_by_id(hook->program_id);
	struct bpf_prog_info info = {};
	uint32_t length = sizeof(info);

	if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &length))
		util_copy(hook->program, sizeof(hook->program), info.name);
}

uint64_t hook_program_loaded_s(int program_fd)
{
	struct bpf_prog_info info = {};
	uint32_t length = sizeof(info);
	struct timespec boot;

	if (bpf_obj_get_info_by_fd(program_fd, &info, &length))
		return 0;
	clock_gettime(CLOCK_BOOTTIME, &boot);
	return clock_wall_s() - (uint64_t)boot.tv_sec + info.load_time / 1000000000;
}

int hook_query(uint32_t ifindex, struct hook *ret_hook)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, opts);
	struct hook hook = {};
	int ret;

	kernel_messages_start();
	ret = bpf_xdp_query((int)ifindex, 0, &opts);
	if (ret)
		return ret;
	/* A device holds native and generic programs side by side in theory; native runs first. */
	hook.program_id = opts.drv_prog_id  ? opts.drv_prog_id
			  : opts.hw_prog_id ? opts.hw_prog_id
					    : opts.skb_prog_id;
	if (!hook.program_id)
		hook.program_id = opts.prog_id;
	hook.is_generic = hook.program_id && hook.program_id == opts.skb_prog_id;
	if (hook.program_id)
		name_program(&hook);
	*ret_hook = hook;
	return 0;
}

int hook_check_device(const struct iface *iface, struct err *e)
{
	if (!strcmp(iface->driver, "bridge")) {
		err_set(e, ERR_UNSUPPORTED, "",
			"%s is a bridge, which cannot run XDP in its driver or transmit XDP frames",
			iface->name);
		err_hint(e, "name the bridge's ports instead (bridge link show master %s)",
			 iface->name);
		return -EOPNOTSUPP;
	}
	if (!strcmp(iface->driver, "802.1Q VLAN Support")) {
		err_set(e, ERR_UNSUPPORTED, "",
			"%s is a VLAN device, which cannot run XDP in its driver", iface->name);
		err_hint(e, "name the device below it (ip -d link show %s); tags are kept",
			 iface->name);
		return -EOPNOTSUPP;
	}
	return 0;
}

static int explain_busy(const struct iface *iface, struct err *e)
{
	struct hook hook;

	if (hook_query(iface->ifindex, &hook) || !hook.program_id)
		return err_set(e, ERR_CONFLICT, "",
			       "%s: another program came or went meanwhile; "
			       "nothing was changed",
			       iface->name);
	err_set(e, ERR_CONFLICT, "", "%s runs another XDP program already: %s (id %u, %s)",
		iface->name, *hook.program ? hook.program : "name unknown", hook.program_id,
		hook.is_generic ? "generic" : "native");
	if (*hook.program)
		err_hint(e, "if nobody needs it: ip link set dev %s %s off", iface->name,
			 hook.is_generic ? "xdpgeneric" : "xdpdrv");
	else
		err_hint(e,
			 "bpftool prog show id %u names it; if nobody needs it: "
			 "ip link set dev %s %s off",
			 hook.program_id, iface->name, hook.is_generic ? "xdpgeneric" : "xdpdrv");
	return -EBUSY;
}

static void hint_no_native(const struct iface *iface, int code, struct err *e)
{
	bool is_veth = !strcmp(iface->driver, "veth");

	if (is_veth && (code == EINVAL || code == ERANGE || code == EOPNOTSUPP))
		err_hint(e,
			 "veth carries XDP only with an MTU of at most about 3500 on both ends and "
			 "enough queues; MTU here is %u",
			 iface->mtu);
	else if (code == EINVAL || code == ERANGE)
		err_hint(e,
			 "often the MTU (%u here) or LRO: ip link set %s mtu 1500; "
			 "ethtool -K %s lro off",
			 iface->mtu, iface->name, iface->name);
	else
		err_hint(e, "generic mode works everywhere but is several times slower; "
			    "allow it explicitly");
}

int hook_attach(const struct iface *iface, int program_fd, int old_fd, bool is_generic,
		struct err *e)
{
	uint32_t flags = is_generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts);
	const char *why;
	int ret;

	if (old_fd >= 0)
		opts.old_prog_fd = old_fd;
	else
		flags |= XDP_FLAGS_UPDATE_IF_NOEXIST;
	kernel_messages_start();
	ret = bpf_xdp_attach((int)iface->ifindex, program_fd, flags, &opts);
	if (!ret)
		return 0;
	if (ret == -EBUSY || ret == -EEXIST)
		return explain_busy(iface, e);
	why = kernel_message();
	if (ret == -EPERM) {
		err_set(e, ERR_FORBIDDEN, "", "%s: attaching needs CAP_NET_ADMIN", iface->name);
		return ret;
	}
	err_set(e, ERR_UNSUPPORTED, "", "%s: driver %s refuses the program in %s mode: %s%s%s",
		iface->name, *iface->driver ? iface->driver : "(unknown)",
		is_generic ? "generic" : "native", strerror(-ret), *why ? ": " : "", why);
	if (!is_generic)
		hint_no_native(iface, -ret, e);
	return ret;
}

int hook_detach(uint32_t ifindex, int old_fd, bool is_generic)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = old_fd);

	kernel_messages_start();
	return bpf_xdp_detach((int)ifindex, is_generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE,
			      &opts);
}
