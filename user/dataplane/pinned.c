/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/pinned.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <sluice/abi.h>

#include "base/util.h"
#include "dataplane/dp_internal.h"
#include "dataplane/kernel.h"
#include "dataplane/layout.h"
#include "dataplane/pins.h"

static int refuse(const struct dp_pinned *pinned, const char *name, int code, struct err *e)
{
	if (code == EPERM || code == EACCES) {
		err_set(e, ERR_FORBIDDEN, "", "%s/%s: %s", pinned->dir, name, strerror(code));
		err_hint(e, "only root may use the pinned maps");
	} else {
		err_set(e, ERR_SYSTEM, "", "%s/%s: %s", pinned->dir, name, strerror(code));
		err_hint(e, "sluicectl detach removes damaged pins");
	}
	return -code;
}

int dp_pinned_map(const struct dp_pinned *pinned, const char *name, size_t value_bytes,
		  struct dp_pinned_array *ret_array, struct err *e)
{
	size_t page = (size_t)getpagesize();
	AUTO_CLOSE int fd = pins_open(pinned->dir, name);
	struct bpf_map_info info = {};
	uint32_t length = sizeof(info);
	void *data;

	if (fd < 0)
		return refuse(pinned, name, -fd, e);
	if (bpf_obj_get_info_by_fd(fd, &info, &length))
		return refuse(pinned, name, errno, e);
	if (info.type != BPF_MAP_TYPE_ARRAY || info.value_size != value_bytes)
		return refuse(pinned, name, EUCLEAN, e);
	length = info.max_entries;
	ret_array->bytes = (value_bytes * length + page - 1) / page * page;
	data = mmap(NULL, ret_array->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED)
		return refuse(pinned, name, errno, e);
	ret_array->data = data;
	ret_array->count = length;
	return 0;
}

static int open_map(const struct dp_pinned *pinned, const char *name, int *ret_fd, struct err *e)
{
	int fd = pins_open(pinned->dir, name);

	if (fd < 0)
		return refuse(pinned, name, -fd, e);
	*ret_fd = fd;
	return 0;
}

static int open_all(struct dp_pinned *pinned, struct err *e)
{
	const struct {
		const char *name;
		size_t value_bytes;
		struct dp_pinned_array *array;
	} arrays[] = {
		{SLUICE_MAP_META, sizeof(struct sluice_meta), &pinned->meta},
		{SLUICE_MAP_CONTROL, sizeof(struct sluice_control), &pinned->control},
		{SLUICE_MAP_NOTES, sizeof(struct sluice_notes), &pinned->notes},
		{SLUICE_MAP_SERVICES, sizeof(struct sluice_service), &pinned->services},
		{SLUICE_MAP_MEMBERS, sizeof(struct sluice_member), &pinned->members},
		{SLUICE_MAP_SLOTS, sizeof(__u64), &pinned->slots},
		{SLUICE_MAP_RUNNERS, sizeof(__u64), &pinned->runners},
	};
	int ret = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(arrays) && !ret; i++)
		ret = dp_pinned_map(pinned, arrays[i].name, arrays[i].value_bytes, arrays[i].array,
				    e);
	if (!ret)
		ret = open_map(pinned, SLUICE_MAP_NAMES, &pinned->names_fd, e);
	if (!ret)
		ret = open_map(pinned, SLUICE_MAP_MEMBER_STATS, &pinned->member_stats_fd, e);
	if (!ret)
		ret = open_map(pinned, SLUICE_MAP_VERDICT_STATS, &pinned->verdict_stats_fd, e);
	return ret;
}

static int find_dir(const char *instance, char *dir, size_t size, struct err *e)
{
	CLEANUP(layouts_done) struct layouts layouts = {0};
	const struct layout *layout;
	char instance_dir[96];
	int ret = pins_path(instance, instance_dir, sizeof(instance_dir), e);

	if (ret)
		return ret;
	ret = layouts_find(instance_dir, &layouts);
	if (ret)
		return err_set(e, ret == -EACCES ? ERR_FORBIDDEN : ERR_SYSTEM, "",
			       "cannot read %s: %s", instance_dir, strerror(-ret));
	layout = layouts_in_force(&layouts);
	if (!layout)
		return -ENOENT;
	util_copy(dir, size, layout->dir);
	if (layout->abi == SLUICE_ABI)
		return 0;
	err_set(e, ERR_CONFLICT, "", "%s holds maps of another ABI than this version's, %d",
		layout->dir, SLUICE_ABI);
	err_hint(e, "use the sluicectl that came with the sluiced which made them");
	return -EPROTO;
}

int dp_pinned_open(const char *instance, struct dp_pinned **ret_pinned, struct err *e)
{
	struct dp_pinned *pinned = util_alloc(sizeof(*pinned));
	int ret;

	pinned->names_fd = pinned->member_stats_fd = pinned->verdict_stats_fd = -1;
	ret = find_dir(instance, pinned->dir, sizeof(pinned->dir), e);
	kernel_messages_start(); /* keeps libbpf quiet */
	if (!ret)
		ret = open_all(pinned, e);
	pinned->cpus = libbpf_num_possible_cpus();
	if (!ret && pinned->cpus <= 0)
		ret = err_set(e, ERR_SYSTEM, "", "cannot count the possible CPUs");
	if (ret) {
		dp_pinned_close(pinned);
		return ret;
	}
	pinned->percpu = util_alloc_array((size_t)pinned->cpus, DP_PERCPU_BYTES_MAX);
	*ret_pinned = pinned;
	return 0;
}

void dp_pinned_unmap(struct dp_pinned_array *array)
{
	if (array->data)
		munmap(array->data, array->bytes);
}

void dp_pinned_close(struct dp_pinned *pinned)
{
	if (!pinned)
		return;
	dp_clock_close(pinned->clock);
	dp_pinned_unmap(&pinned->meta);
	dp_pinned_unmap(&pinned->control);
	dp_pinned_unmap(&pinned->notes);
	dp_pinned_unmap(&pinned->services);
	dp_pinned_unmap(&pinned->members);
	dp_pinned_unmap(&pinned->slots);
	dp_pinned_unmap(&pinned->runners);
	util_close_p(&pinned->names_fd);
	util_close_p(&pinned->member_stats_fd);
	util_close_p(&pinned->verdict_stats_fd);
	free(pinned->percpu);
	free(pinned);
}

int dp_pinned_node(struct dp_pinned *pinned, struct dp_node *ret_node, struct err *e)
{
	const struct sluice_meta *meta = pinned->meta.data;
	struct dp_node node = {.control = pinned->control.data, .notes = pinned->notes.data};
	int ret = pinned->clock ? 0 : dp_clock_open(&pinned->clock, e);

	if (ret)
		return ret;
	ret = dp_clock_now(pinned->clock, meta->tick_ns, &node.now_ns);
	if (ret)
		return err_set(e, ERR_SYSTEM, "", "cannot read the packet path's clock: %s",
			       strerror(-ret));
	*ret_node = node;
	return 0;
}

bool dp_pinned_name(const struct dp_pinned *pinned, enum sluice_name_kind kind, uint32_t id,
		    uint32_t position, char ret_text[64])
{
	const struct sluice_name_key key = {.kind = kind, .id = id, .position = position};

	return dp_name_read(pinned->names_fd, &key, ret_text);
}

int dp_pinned_state_directory(const struct dp_pinned *pinned, char *ret_path, size_t size)
{
	char part[sizeof(((struct sluice_name *)0)->text)];
	size_t length = 0;
	uint32_t position = 0;

	do {
		if (!dp_pinned_name(pinned, SLUICE_NAME_STATE, 0, position++, part) ||
		    length + strlen(part) >= size)
			return -ENOENT;
		util_copy(ret_path + length, size - length, part);
		length += strlen(part);
	} while (strlen(part) == sizeof(part) - 1);
	return 0;
}

const struct sluice_service *dp_pinned_service(const struct dp_pinned *pinned, uint32_t cell)
{
	const struct sluice_service *services = pinned->services.data;
	uint64_t word = cell < pinned->services.count ? services[cell].word : 0;

	return word && !(word & SLUICE_SVC_F_ADDRESS) ? &services[cell] : NULL;
}

struct sluice_member *dp_pinned_member(const struct dp_pinned *pinned, uint32_t index)
{
	struct sluice_member *members = pinned->members.data;

	if (index == SLUICE_MEMBER_NONE || index >= pinned->members.count)
		return NULL;
	return members[index].word & SLUICE_MEMBER_F_USED ? &members[index] : NULL;
}

static bool is_alive(const struct dp_pinned *pinned, uint32_t index)
{
	const struct sluice_member *member = dp_pinned_member(pinned, index);

	return member && !(member->word & SLUICE_MEMBER_F_DEAD);
}

uint32_t dp_pinned_owned(const struct dp_pinned *pinned, const struct sluice_service *service,
			 uint32_t **ret_owned)
{
	uint32_t *owned = util_alloc_array(pinned->members.count, sizeof(*owned));
	uint64_t base = SLUICE_SVC_BASE(service->word), slot;
	uint64_t count = 1ULL << SLUICE_SVC_LOG2(service->word);
	const __u64 *slots = pinned->slots.data, *runners = pinned->runners.data;

	*ret_owned = owned;
	if (service->word & SLUICE_SVC_F_LOCAL || base + count > pinned->slots.count)
		return 0;
	for (slot = base; slot < base + count; slot++) {
		uint32_t owner = SLUICE_SLOT_CUR(slots[slot]);

		if (!is_alive(pinned, owner) && slot / 2 < pinned->runners.count)
			owner = SLUICE_RUNNER(runners[slot / 2], slot);
		if (is_alive(pinned, owner))
			owned[owner]++;
	}
	return (uint32_t)count;
}

int dp_pinned_member_stats(const struct dp_pinned *pinned, uint32_t index,
			   struct sluice_member_stats *ret_stats)
{
	return dp_sum_percpu(pinned->member_stats_fd, sizeof(*ret_stats), index, pinned->cpus,
			     pinned->percpu, ret_stats);
}

int dp_pinned_verdict_stats(const struct dp_pinned *pinned,
			    struct sluice_verdict_stats ret_stats[SLUICE_V_MAX])
{
	uint32_t verdict;
	int ret;

	for (verdict = 0; verdict < SLUICE_V_MAX; verdict++) {
		ret = dp_sum_percpu(pinned->verdict_stats_fd, sizeof(*ret_stats), verdict,
				    pinned->cpus, pinned->percpu, &ret_stats[verdict]);
		if (ret)
			return ret;
	}
	return 0;
}
