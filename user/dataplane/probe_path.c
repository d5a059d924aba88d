/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/probe_path.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <sluice/hash.h>

#include "base/addr.h"
#include "base/util.h"
#include "dataplane/dp_internal.h"
#include "dataplane/iface.h"
#include "dataplane/kernel.h"
#include "dataplane/netlink.h"
#include "dataplane/probe_device.h"
#include "dataplane/probe_rules.h"
#include "dataplane/route.h"
#include "probe.skel.h"
#include "sluice.skel.h"

/* Of the program among others on the peer, where nobody else should be. */
#define FILTER_HANDLE 1
#define FILTER_PRIORITY 1

struct probe_path {
	char instance[64];
	struct probe_path_place place;
	struct probe_bpf *skel;
	struct sluice_probe_target *targets;
	uint32_t count; /* with index 0 */
	struct netlink netlink;
	struct probe_device device;
	struct sluice_addr wanted[SLUICE_FAMILY_MAX]; /* sources */
	char problems[SLUICE_FAMILY_MAX][320];	      /* "": none */
};

/* ---- names and numbers ---------------------------------------------------------------------- */

void probe_path_place(const char *instance, struct probe_path_place *ret_place)
{
	uint32_t number = 0, name;
	uint64_t hash = 0;
	const char *c;

	*ret_place = (struct probe_path_place){.device = "sluice0", .peer = "sluice0-peer"};
	if (strcmp(instance, "default")) {
		for (c = instance; *c; c++)
			hash = sluice_hash_mix(hash + (unsigned char)*c + 1);
		name = (uint32_t)(hash >> 32);
		number = 1 + (uint32_t)hash % (SLUICE_PROBE_INSTANCES - 1);
		snprintf(ret_place->device, sizeof(ret_place->device), "sluice-%08x", name);
		snprintf(ret_place->peer, sizeof(ret_place->peer), "sluicep%08x", name);
	}
	ret_place->preference = SLUICE_PROBE_PREFERENCE(number);
	ret_place->table = SLUICE_PROBE_TABLE(number);
	ret_place->mark = SLUICE_PROBE_MARK(number);
}

uint32_t probe_path_mark(const struct probe_path *path, uint32_t index)
{
	return path->place.mark | SLUICE_PROBE_INDEX(index);
}

/* ---- the program ---------------------------------------------------------------------------- */

static size_t targets_bytes(const struct probe_path *path)
{
	size_t page = (size_t)getpagesize();

	return (path->count * sizeof(*path->targets) + page - 1) / page * page;
}

static int load(struct probe_path *path, const struct dp_bpf *dp, struct err *e)
{
	struct probe_bpf *skel;
	void *targets;
	int ret;

	kernel_messages_start();
	skel = path->skel = probe_bpf__open();
	if (!skel)
		return err_set(e, ERR_SYSTEM, "", "cannot open the built-in object: %s",
			       kernel_message());
	memcpy((void *)&skel->rodata->ro.key, &dp->maps.meta->key, sizeof(dp->maps.meta->key));
	*(uint32_t *)&skel->rodata->probe_mark = path->place.mark;
	bpf_map__set_max_entries(skel->maps.probe_targets, path->count);
	ret = bpf_map__reuse_fd(skel->maps.members, bpf_map__fd(dp->skel->maps.members));
	if (!ret)
		ret = bpf_map__reuse_fd(skel->maps.nexthops, bpf_map__fd(dp->skel->maps.nexthops));
	if (!ret)
		ret = probe_bpf__load(skel);
	if (ret)
		return err_set(e,
			       ret == -ENOMEM  ? ERR_CAPACITY
			       : ret == -EPERM ? ERR_FORBIDDEN
					       : ERR_UNSUPPORTED,
			       "", "the kernel refuses the program that sends probes: %s: %s",
			       strerror(-ret), kernel_message());
	targets = mmap(NULL, targets_bytes(path), PROT_READ | PROT_WRITE, MAP_SHARED,
		       bpf_map__fd(skel->maps.probe_targets), 0);
	if (targets == MAP_FAILED)
		return err_set(e, ERR_SYSTEM, "", "cannot map the targets of probes: %s",
			       strerror(errno));
	path->targets = targets;
	return 0;
}

/* The id of the program at our place on the peer, 0: none. */
static uint32_t attached_id(const struct bpf_tc_hook *hook)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);

	return bpf_tc_query(hook, &opts) ? 0 : opts.prog_id;
}

/* Ours in place of a predecessor's, without a gap. */
static int attach(const struct probe_path *path, struct err *e)
{
	int fd = bpf_program__fd(path->skel->progs.sluice_probe), ret;
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)path->device.peer,
		    .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY,
		    .prog_fd = fd, .flags = BPF_TC_F_REPLACE);
	struct bpf_prog_info info = {};
	uint32_t length = sizeof(info);

	kernel_messages_start();
	if (bpf_obj_get_info_by_fd(fd, &info, &length))
		return err_set(e, ERR_SYSTEM, "", "cannot ask for the program's id: %s",
			       strerror(errno));
	if (attached_id(&hook) == info.id)
		return 0;
	ret = bpf_tc_hook_create(&hook);
	if (!ret || ret == -EEXIST)
		ret = bpf_tc_attach(&hook, &opts);
	if (!ret)
		return 0;
	err_set(e, ret == -EPERM ? ERR_FORBIDDEN : ERR_UNSUPPORTED, "",
		"cannot attach the program that sends probes to %s: %s: %s", path->place.peer,
		strerror(-ret), kernel_message());
	err_hint(e, "the kernel needs clsact and cls_bpf (CONFIG_NET_SCH_INGRESS, "
		    "CONFIG_NET_CLS_BPF)");
	return ret;
}

/* ---- what is on the host -------------------------------------------------------------------- */

static bool is_source(const struct ifaddrs *at, enum sluice_family family, bool is_on_loopback,
		      struct sluice_addr *ret_addr)
{
	return at->ifa_flags & IFF_UP && !(at->ifa_flags & IFF_LOOPBACK) == !is_on_loopback &&
	       iface_address(at, ret_addr) && addr_family(ret_addr) == family &&
	       addr_is_routable_unicast(ret_addr);
}

/* Those on the loopback device last: that may be one that several hosts have. */
static struct sluice_addr first_source(const struct ifaddrs *own, enum sluice_family family)
{
	struct sluice_addr source;
	const struct ifaddrs *at;
	int is_on_loopback;

	for (is_on_loopback = 0; is_on_loopback < 2; is_on_loopback++)
		for (at = own; at; at = at->ifa_next)
			if (is_source(at, family, is_on_loopback, &source))
				return source;
	return (struct sluice_addr){};
}

/* Zero when the host has no address of the family. */
static struct sluice_addr choose_source(const struct probe_path *path, enum sluice_family family)
{
	struct sluice_addr source = path->wanted[family];
	struct ifaddrs *own = NULL;

	if (getifaddrs(&own))
		return source;
	if (!(source.d[0] | source.d[1]) || !iface_with_address(own, &source))
		source = first_source(own, family);
	freeifaddrs(own);
	return source;
}

static void refresh_family(struct probe_path *path, enum sluice_family family)
{
	const char *name = family == SLUICE_FAMILY_V4 ? "IPv4" : "IPv6";
	struct sluice_addr source = choose_source(path, family);
	int ret = probe_rules_ensure(&path->netlink, &path->place, family, path->device.ifindex,
				     &source);
	char *problem = path->problems[family];
	size_t size = sizeof(path->problems[family]);

	problem[0] = '\0';
	if (ret == -EACCES || ret == -EAFNOSUPPORT)
		snprintf(problem, size, "%s is disabled on this host", name);
	else if (ret == -EOPNOTSUPP)
		snprintf(problem, size, "the kernel has no policy routing for %s", name);
	else if (ret)
		snprintf(problem, size, "the kernel refuses the rule and routes for %s: %s", name,
			 strerror(-ret));
	else if (!(source.d[0] | source.d[1]))
		snprintf(problem, size, "this host has no %s address to probe from", name);
}

int probe_path_refresh(struct probe_path *path, struct err *e)
{
	struct err local = {0};
	int ret;

	e = e ? e : &local;
	ret = probe_rules_check(&path->netlink, &path->place, e);
	if (!ret)
		ret = probe_device_ensure(&path->netlink, &path->place, path->instance,
					  &path->device, e);
	if (!ret)
		ret = attach(path, e);
	if (ret) {
		util_copy(path->problems[SLUICE_FAMILY_V4], sizeof(path->problems[0]), e->text);
		util_copy(path->problems[SLUICE_FAMILY_V6], sizeof(path->problems[0]), e->text);
		return ret;
	}
	refresh_family(path, SLUICE_FAMILY_V4);
	refresh_family(path, SLUICE_FAMILY_V6);
	return 0;
}

void probe_path_set_sources(struct probe_path *path, const struct sluice_addr *v4,
			    const struct sluice_addr *v6)
{
	path->wanted[SLUICE_FAMILY_V4] = *v4;
	path->wanted[SLUICE_FAMILY_V6] = *v6;
}

const char *probe_path_problem(const struct probe_path *path, enum sluice_family family)
{
	return path->problems[family][0] ? path->problems[family] : NULL;
}

int probe_path_check(struct probe_path *path, const struct sluice_addr *service,
		     const struct sluice_addr *source, struct err *e)
{
	const char *problem = probe_path_problem(path, addr_family(service));
	char address[ADDR_TEXT_MAX], device[IF_NAMESIZE];
	struct route route = {};
	int ret;

	addr_format(service, address);
	if (problem)
		return err_set(e, ERR_UNSUPPORTED, "", "%s cannot be probed through the path: %s",
			       address, problem);
	ret = route_lookup_marked(&path->netlink, service, source, path->place.mark, &route);
	if (!ret && route.type == RTN_UNICAST && route.ifindex == path->device.ifindex)
		return 0;
	if (!ret && route.type == RTN_LOCAL) {
		err_set(e, ERR_CONFLICT, "",
			"%s is an address of this host: a probe to it would not leave", address);
		err_hint(e, "remove the address here, or let members be probed at their own");
	} else if (!ret && route.ifindex && if_indextoname(route.ifindex, device)) {
		err_set(e, ERR_CONFLICT, "",
			"probes to %s would leave by %s: another rule of this host comes before "
			"ours (preference %u)",
			address, device, path->place.preference);
		err_hint(e, "ip rule show");
	} else {
		err_set(e, ERR_SYSTEM, "", "this host routes probes to %s nowhere: %s", address,
			ret ? strerror(-ret) : "another rule comes first");
		err_hint(e, "ip rule show; ip route show table %u", path->place.table);
	}
	return -EHOSTUNREACH;
}

/* ---- targets -------------------------------------------------------------------------------- */

int probe_path_set(struct probe_path *path, uint32_t index, uint32_t member,
		   const struct sluice_addr *service)
{
	struct sluice_probe_target *target;
	uint64_t word = SLUICE_PROBE_MEMBER(member) | SLUICE_PROBE_F_USED;

	if (!index || index >= path->count)
		return -EINVAL;
	target = &path->targets[index];
	if (!target->word || !addr_equal(&target->service, service)) {
		probe_path_clear(path, index);
		target->service = *service;
	}
	__atomic_store_n(&target->word, word, __ATOMIC_RELEASE);
	return 0;
}

void probe_path_clear(struct probe_path *path, uint32_t index)
{
	struct sluice_probe_target *target;

	if (!index || index >= path->count)
		return;
	target = &path->targets[index];
	__atomic_store_n(&target->word, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&target->sent, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&target->dropped, 0, __ATOMIC_RELAXED);
}

void probe_path_counts(const struct probe_path *path, uint32_t index,
		       struct probe_path_counts *ret_counts)
{
	static const char *const reasons[SLUICE_PROBE_DROP_MAX] = {
#define X(name, help) [SLUICE_PROBE_DROP_##name] = help,
		SLUICE_PROBE_DROPS(X)
#undef X
	};
	struct probe_path_counts counts = {};
	const struct sluice_probe_target *target;
	uint32_t drop;

	if (index && index < path->count) {
		target = &path->targets[index];
		counts.sent = __atomic_load_n(&target->sent, __ATOMIC_RELAXED);
		counts.dropped = __atomic_load_n(&target->dropped, __ATOMIC_ACQUIRE);
		drop = __atomic_load_n(&target->drop, __ATOMIC_RELAXED);
		if (counts.dropped)
			counts.reason = reasons[MIN(drop, SLUICE_PROBE_DROP_MAX - 1)];
		counts.is_late = drop == SLUICE_PROBE_DROP_no_target ||
				 drop == SLUICE_PROBE_DROP_other_address;
	}
	*ret_counts = counts;
}

enum probe_path_fate probe_path_judge(const struct probe_path_counts *before,
				      const struct probe_path_counts *after, bool has_passed)
{
	bool is_dropped = after->dropped > before->dropped && after->reason;

	if (after->sent > before->sent)
		return is_dropped && !after->is_late && !has_passed ? PROBE_PATH_DROPPED
								    : PROBE_PATH_WENT;
	return is_dropped ? PROBE_PATH_DROPPED : PROBE_PATH_ASTRAY;
}

/* ---- open and close ------------------------------------------------------------------------- */

static int set_up(struct probe_path *path, const struct dp_bpf *dp, struct err *e)
{
	struct probe_device before;
	int there, ret;

	ret = netlink_init_requests(&path->netlink, e);
	if (ret)
		return ret;
	ret = load(path, dp, e);
	if (ret)
		return ret;
	there = probe_device_find(&path->netlink, &path->place, &before, e);
	if (there && there != -ENODEV)
		return there;
	ret = probe_path_refresh(path, e);
	if (ret && there)
		probe_path_cleanup(path->instance, NULL, NULL);
	return ret;
}

int probe_path_open(struct dp_bpf *dp, const char *instance, uint32_t targets,
		    struct probe_path **ret_path, struct err *e)
{
	struct probe_path *path;
	int ret;

	if (!targets || targets >= SLUICE_PROBE_TARGETS_MAX)
		return err_set(e, ERR_CAPACITY, "", "%u targets of probes: 1 to %u are possible",
			       targets, SLUICE_PROBE_TARGETS_MAX - 1);
	path = util_alloc(sizeof(*path));
	util_copy(path->instance, sizeof(path->instance), instance);
	probe_path_place(instance, &path->place);
	path->count = targets + 1;
	ret = set_up(path, dp, e);
	if (ret) {
		probe_path_close(path);
		return ret;
	}
	*ret_path = path;
	return 0;
}

void probe_path_close(struct probe_path *path)
{
	if (!path)
		return;
	if (path->targets)
		munmap(path->targets, targets_bytes(path));
	probe_bpf__destroy(path->skel);
	netlink_done(&path->netlink);
	free(path);
}

/* No packet is led into a table that is empty, or to a device that is gone. */
int probe_path_cleanup(const char *instance, char *ret_device, struct err *e)
{
	struct probe_path_place place;
	struct netlink netlink = {};
	bool was_there = false, had_device = false;
	int ret;

	probe_path_place(instance, &place);
	ret = netlink_init_requests(&netlink, e);
	if (ret)
		return ret;
	ret = probe_rules_remove(&netlink, &place, &was_there, e);
	if (!ret)
		ret = probe_device_remove(&netlink, &place, &had_device, e);
	netlink_done(&netlink);
	if (!ret && ret_device)
		util_copy(ret_device, sizeof(place.device), had_device ? place.device : "");
	return ret;
}
