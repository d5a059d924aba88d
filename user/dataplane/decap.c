/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/decap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/addr.h"
#include "base/util.h"
#include "dataplane/hook.h"
#include "dataplane/iface.h"
#include "dataplane/kernel.h"
#include "decap.skel.h"

#define PROGRAM_NAME "sluice_decap"
#define MAPS_MAX 16

/* The running program of ours on an interface. */
struct running {
	struct iface iface;
	struct hook hook;
	int program_fd;
	int sources_fd;
	int targets_fd;
	int stats_fd;
};

static void running_done(struct running *running)
{
	util_close_p(&running->program_fd);
	util_close_p(&running->sources_fd);
	util_close_p(&running->targets_fd);
	util_close_p(&running->stats_fd);
}

static void take_map(struct running *running, uint32_t id)
{
	AUTO_CLOSE int fd = bpf_map_get_fd_by_id(id);
	struct bpf_map_info info = {};
	uint32_t length = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &length))
		return;
	if (!strcmp(info.name, "decap_sources"))
		running->sources_fd = TAKE_FD(fd);
	else if (!strcmp(info.name, "decap_targets"))
		running->targets_fd = TAKE_FD(fd);
	else if (!strcmp(info.name, "decap_stats") && info.max_entries == SLUICE_DECAP_MAX &&
		 info.value_size == sizeof(struct sluice_decap_stats))
		running->stats_fd = TAKE_FD(fd);
}

/* Fills iface and hook; the descriptors only when the program is ours. */
static int find_running(const char *interface, struct running *ret_running, struct err *e)
{
	struct running running = {
		.program_fd = -1, .sources_fd = -1, .targets_fd = -1, .stats_fd = -1};
	uint32_t map_ids[MAPS_MAX], length, i;
	struct bpf_prog_info info = {};
	int ret;

	ret = iface_find(interface, &running.iface, e);
	if (ret)
		return ret;
	ret = hook_query(running.iface.ifindex, &running.hook);
	if (ret)
		return err_set(e, ERR_SYSTEM, "", "%s: cannot ask which program runs: %s",
			       interface, strerror(-ret));
	if (!running.hook.program_id || strcmp(running.hook.program, PROGRAM_NAME)) {
		*ret_running = running;
		return 0;
	}
	running.program_fd = bpf_prog_get_fd_by_id(running.hook.program_id);
	info.nr_map_ids = MAPS_MAX;
	info.map_ids = (uintptr_t)map_ids;
	length = sizeof(info);
	if (running.program_fd < 0 || bpf_obj_get_info_by_fd(running.program_fd, &info, &length)) {
		running_done(&running);
		err_set(e, ERR_FORBIDDEN, "", "%s: cannot open the running program: %s", interface,
			strerror(errno));
		err_hint(e, "run as root");
		return -EPERM;
	}
	for (i = 0; i < info.nr_map_ids && i < MAPS_MAX; i++)
		take_map(&running, map_ids[i]);
	*ret_running = running;
	return 0;
}

static bool is_ours(const struct running *running)
{
	return running->sources_fd >= 0 && running->targets_fd >= 0;
}

static struct sluice_decap_prefix prefix_key(const struct decap_prefix *prefix)
{
	struct sluice_addr addr = prefix->addr;
	bool is_v4 = addr_family(&addr) == SLUICE_FAMILY_V4;
	struct sluice_decap_prefix key = {.length = prefix->length + (is_v4 ? 96 : 0)};

	addr_mask(&addr, prefix->length);
	memcpy(key.addr, addr.b, sizeof(key.addr));
	return key;
}

static int fill_trie(int fd, const struct decap_prefix *prefixes, size_t count, struct err *e)
{
	uint8_t one = 1;
	size_t i;

	for (i = 0; i < count; i++) {
		struct sluice_decap_prefix key = prefix_key(&prefixes[i]);

		if (bpf_map_update_elem(fd, &key, &one, BPF_ANY))
			return err_set(e, ERR_SYSTEM, "", "cannot store prefix %zu of %zu: %s",
				       i + 1, count, strerror(errno));
	}
	return 0;
}

/* Loads the program with its prefixes; counters go on where stats_fd is an older program's map. */
static int load(const struct decap_options *options, int stats_fd, struct decap_bpf **ret_skel,
		struct err *e)
{
	struct decap_bpf *skel = decap_bpf__open();
	int ret;

	if (!skel)
		return err_set(e, ERR_SYSTEM, "", "cannot open the built-in object: %s",
			       strerror(errno));
	skel->rodata->has_targets = options->to_count > 0;
	skel->rodata->gue_port_be = htons(options->gue_port);
	kernel_messages_start();
	ret = stats_fd >= 0 ? bpf_map__reuse_fd(skel->maps.decap_stats, stats_fd) : 0;
	if (!ret)
		ret = decap_bpf__load(skel);
	if (ret) {
		err_set(e, ERR_UNSUPPORTED, "", "the kernel refuses the program: %s: %s",
			strerror(-ret), kernel_message());
		err_hint(e, "run as root on Linux 5.18 or newer");
		decap_bpf__destroy(skel);
		return -EOPNOTSUPP;
	}
	ret = fill_trie(bpf_map__fd(skel->maps.decap_sources), options->from, options->from_count,
			e);
	if (!ret)
		ret = fill_trie(bpf_map__fd(skel->maps.decap_targets), options->to,
				options->to_count, e);
	if (ret) {
		decap_bpf__destroy(skel);
		return ret;
	}
	*ret_skel = skel;
	return 0;
}

int decap_attach(const struct decap_options *options, bool *ret_is_replaced, struct err *e)
{
	struct decap_bpf *skel = NULL;
	CLEANUP(running_done)
	struct running running = {
		.program_fd = -1, .sources_fd = -1, .targets_fd = -1, .stats_fd = -1};
	int ret;

	if (!options->from_count)
		return err_set(e, ERR_INVALID, "",
			       "no balancer prefix given: nothing would be "
			       "decapsulated");
	if (options->from_count > SLUICE_DECAP_PREFIXES_MAX ||
	    options->to_count > SLUICE_DECAP_PREFIXES_MAX)
		return err_set(e, ERR_CAPACITY, "", "more than %u prefixes",
			       SLUICE_DECAP_PREFIXES_MAX);
	ret = kernel_check_capabilities(e);
	if (!ret)
		ret = find_running(options->interface, &running, e);
	if (!ret)
		ret = hook_check_device(&running.iface, e);
	if (ret)
		return ret;
	if (is_ours(&running) && running.hook.is_generic != options->is_generic) {
		err_set(e, ERR_CONFLICT, "", "%s runs the program in %s mode already",
			options->interface, running.hook.is_generic ? "generic" : "native");
		err_hint(e, "sluice-decap detach %s first", options->interface);
		return -EBUSY;
	}
	ret = load(options, running.stats_fd, &skel, e);
	if (ret)
		return ret;
	ret = hook_attach(&running.iface, bpf_program__fd(skel->progs.sluice_decap),
			  is_ours(&running) ? running.program_fd : -1, options->is_generic, e);
	if (!ret)
		*ret_is_replaced = is_ours(&running);
	decap_bpf__destroy(skel);
	return ret;
}

static int find_ours(const char *interface, struct running *ret_running, struct err *e)
{
	struct running running;
	int ret = find_running(interface, &running, e);

	if (ret)
		return ret;
	if (is_ours(&running)) {
		*ret_running = running;
		return 0;
	}
	if (running.hook.program_id) {
		err_set(e, ERR_NOT_FOUND, "", "%s runs another XDP program: %s (id %u)", interface,
			running.hook.program, running.hook.program_id);
		err_hint(e, "it is left alone");
	} else {
		err_set(e, ERR_NOT_FOUND, "", "%s runs no decapsulation program", interface);
		err_hint(e, "sluice-decap attach %s --from PREFIX", interface);
	}
	running_done(&running);
	return -ENOENT;
}

int decap_detach(const char *interface, struct err *e)
{
	CLEANUP(running_done)
	struct running running = {
		.program_fd = -1, .sources_fd = -1, .targets_fd = -1, .stats_fd = -1};
	int ret = find_ours(interface, &running, e);

	if (ret)
		return ret;
	ret = hook_detach(running.iface.ifindex, running.program_fd, running.hook.is_generic);
	if (ret)
		return err_set(e, ERR_SYSTEM, "", "%s: cannot detach: %s %s", interface,
			       strerror(-ret), kernel_message());
	return 0;
}

static size_t read_trie(int fd, struct decap_prefix *prefixes)
{
	struct sluice_decap_prefix key, next;
	void *previous = NULL;
	size_t count = 0;

	while (count < SLUICE_DECAP_PREFIXES_MAX && !bpf_map_get_next_key(fd, previous, &next)) {
		struct decap_prefix *prefix = &prefixes[count++];

		memcpy(prefix->addr.b, next.addr, sizeof(next.addr));
		prefix->length = next.length;
		if (addr_family(&prefix->addr) == SLUICE_FAMILY_V4 && next.length >= 96)
			prefix->length -= 96;
		key = next;
		previous = &key;
	}
	return count;
}

static int read_stats(int fd, struct sluice_decap_stats *stats)
{
	int cpus = libbpf_num_possible_cpus();
	AUTO_FREE struct sluice_decap_stats *values = NULL;
	uint32_t result;
	int cpu;

	if (cpus < 0)
		return cpus;
	values = util_alloc_array((size_t)cpus, sizeof(*values));
	for (result = 0; result < SLUICE_DECAP_MAX; result++) {
		if (bpf_map_lookup_elem(fd, &result, values))
			return -errno;
		for (cpu = 0; cpu < cpus; cpu++) {
			stats[result].packets += values[cpu].packets;
			stats[result].bytes += values[cpu].bytes;
		}
	}
	return 0;
}

int decap_read(const char *interface, struct decap_state *ret_state, struct err *e)
{
	CLEANUP(running_done)
	struct running running = {
		.program_fd = -1, .sources_fd = -1, .targets_fd = -1, .stats_fd = -1};
	struct sluice_decap_stats stats[SLUICE_DECAP_MAX] = {};
	int ret = find_ours(interface, &running, e);

	if (ret)
		return ret;
	if (running.stats_fd < 0 || read_stats(running.stats_fd, stats))
		return err_set(e, ERR_SYSTEM, "", "%s: cannot read the counters of program %u",
			       interface, running.hook.program_id);
	memset(ret_state, 0, sizeof(*ret_state));
	util_copy(ret_state->interface, sizeof(ret_state->interface), interface);
	ret_state->program_id = running.hook.program_id;
	ret_state->is_generic = running.hook.is_generic;
	ret_state->since_s = hook_program_loaded_s(running.program_fd);
	ret_state->from_count = read_trie(running.sources_fd, ret_state->from);
	ret_state->to_count = read_trie(running.targets_fd, ret_state->to);
	memcpy(ret_state->stats, stats, sizeof(stats));
	return 0;
}
