/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/layout.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/util.h"
#include "dataplane/ours.h"
#include "dataplane/pins.h"

/* The beginning of an array's only value. A build of another ABI may have made it longer. */
static int read_value(const char *dir, const char *name, void *ret_value, size_t bytes)
{
	AUTO_CLOSE int fd = pins_open(dir, name);
	AUTO_FREE void *value = NULL;
	struct bpf_map_info info = {};
	uint32_t length = sizeof(info), zero = 0;

	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &length))
		return -errno;
	if (info.type != BPF_MAP_TYPE_ARRAY || info.value_size < bytes)
		return -EUCLEAN;
	value = util_alloc(info.value_size);
	if (bpf_map_lookup_elem(fd, &zero, value))
		return -errno;
	memcpy(ret_value, value, bytes);
	return 0;
}

static void count_program(void *arg, uint32_t program_id)
{
	(void)program_id;
	++*(size_t *)arg;
}

static void look_at(struct layout *layout)
{
	struct sluice_meta meta;

	layout->has_meta = !read_value(layout->dir, SLUICE_MAP_META, &meta, sizeof(meta)) &&
			   meta.abi == layout->abi;
	if (layout->has_meta)
		layout->meta = meta;
	pins_each_program(layout->dir, count_program, &layout->programs);
	/* Maps are pinned before the program and the program before it is attached: without one, no
	 * packet ever used them. */
	if (!layout->programs)
		return;
	layout->generation = layout->has_meta ? layout->meta.generation : 0;
	/* What is beside nothing else is in force, also when its description is damaged. */
	if (!layout->named)
		layout->generation = MAX(layout->generation, 1);
}

static void add(void *arg, const char *dir, uint32_t abi, uint32_t generation)
{
	struct layouts *layouts = arg;
	struct layout *layout;

	layouts->list = util_grow(layouts->list, &layouts->capacity, layouts->count + 1,
				  sizeof(*layouts->list));
	layout = &layouts->list[layouts->count++];
	*layout = (struct layout){.abi = abi, .named = generation};
	util_copy(layout->dir, sizeof(layout->dir), dir);
	look_at(layout);
}

int layouts_find(const char *instance_dir, struct layouts *ret_layouts)
{
	int ret;

	*ret_layouts = (struct layouts){0};
	ret = pins_each_layout(instance_dir, add, ret_layouts);
	return ret == -ENOENT ? 0 : ret;
}

void layouts_done(struct layouts *layouts)
{
	free(layouts->list);
	*layouts = (struct layouts){0};
}

const struct layout *layouts_in_force(const struct layouts *layouts)
{
	const struct layout *found = NULL;
	size_t i;

	for (i = 0; i < layouts->count; i++)
		if (layouts->list[i].generation > (found ? found->generation : 0))
			found = &layouts->list[i];
	return found;
}

int layout_read_node(const struct layout *layout, struct sluice_control *ret_control,
		     struct sluice_notes *ret_notes)
{
	struct sluice_control control;
	struct sluice_notes notes;
	int ret = read_value(layout->dir, SLUICE_MAP_CONTROL, &control, sizeof(control));

	if (!ret)
		ret = read_value(layout->dir, SLUICE_MAP_NOTES, &notes, sizeof(notes));
	if (ret)
		return ret;
	*ret_control = control;
	*ret_notes = notes;
	return 0;
}

bool layout_is_attached(const char *instance_dir, const struct layout *layout)
{
	struct if_nameindex *all = if_nameindex();
	bool is_attached = false;
	size_t i;

	for (i = 0; all && all[i].if_index && !is_attached; i++) {
		CLEANUP(ours_done) struct ours ours = {.fd = -1};

		is_attached = !ours_find(instance_dir, 0, -1, all[i].if_index, &ours) &&
			      ours.fd >= 0 && !strcmp(ours.layout, layout->dir);
	}
	if (all)
		if_freenameindex(all);
	return is_attached;
}
