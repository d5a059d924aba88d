/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* As if never installed: works from the pins alone, whether or not a daemon lives. */
#include "dataplane/dp_bpf.h"

#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "dataplane/layout.h"
#include "dataplane/ours.h"
#include "dataplane/pins.h"
#include "dataplane/probe_path.h"
#include "dataplane/rights.h"

static void append_name(char *names, size_t size, const char *name)
{
	size_t used = strlen(names);

	if (used < size)
		snprintf(names + used, size - used, "%s%s", used ? ", " : "", name);
}

static int detach_all(const char *instance_dir, char *names, size_t size, struct err *e)
{
	struct if_nameindex *all = if_nameindex();
	int ret = 0;
	size_t i;

	for (i = 0; all && all[i].if_index && !ret; i++) {
		CLEANUP(ours_done) struct ours ours = {.fd = -1};

		if (ours_find(instance_dir, 0, -1, all[i].if_index, &ours) || ours.fd < 0)
			continue;
		ret = ours_detach(instance_dir, all[i].if_index, &ours, 0);
		if (ret)
			err_set(e, ret == -EPERM ? ERR_FORBIDDEN : ERR_SYSTEM, "",
				"%s: cannot detach program %" PRIu32 ": %s", all[i].if_name,
				ours.program_id, strerror(-ret));
		else
			append_name(names, size, all[i].if_name);
	}
	if (all)
		if_freenameindex(all);
	return ret;
}

/* Traffic goes elsewhere before nobody forwards it any more. */
static int withdraw_routes(const struct layout *layout, struct err *e)
{
	struct sluice_control control;
	struct routes_result result;
	struct routes_place place;
	struct sluice_notes notes;

	if (layout_read_node(layout, &control, &notes) || !notes.route_table)
		return 0;
	place = (struct routes_place){notes.route_table, notes.route_protocol};
	return routes_set(&place, NULL, 0, &result, e);
}

struct search {
	const char *dir;
	bool is_found;
};

static void search_extension(void *arg, uint32_t program_id)
{
	struct search *search = arg;

	search->is_found |= ours_is_extension(search->dir, program_id);
}

/* Programs under a dispatcher are not seen without the right to look there. */
static int check_extensions(const struct layout *layout, struct err *e)
{
	struct search search = {.dir = layout->dir};

	if (!rights_are_held())
		pins_each_program(layout->dir, search_extension, &search);
	if (!search.is_found)
		return 0;
	err_set(e, ERR_FORBIDDEN, "",
		"the program runs under libxdp's dispatcher: detaching it takes CAP_SYS_ADMIN");
	err_hint(e, "run the command as root");
	return -EPERM;
}

/* Pins go only after every interface was detached: without them nobody could tell whose program
 * still runs. */
int dp_bpf_cleanup(const char *instance, char *names, size_t size, struct err *e)
{
	CLEANUP(layouts_done) struct layouts layouts = {0};
	char dir[192];
	size_t i;
	int ret;

	if (size)
		names[0] = '\0';
	ret = pins_path(instance, dir, sizeof(dir), e);
	if (ret)
		return ret;
	ret = layouts_find(dir, &layouts);
	if (ret)
		return err_set(e, ret == -EACCES ? ERR_FORBIDDEN : ERR_SYSTEM, "",
			       "cannot read %s: %s", dir, strerror(-ret));
	for (i = 0; i < layouts.count && !ret; i++)
		ret = check_extensions(&layouts.list[i], e);
	for (i = 0; i < layouts.count && !ret; i++)
		ret = withdraw_routes(&layouts.list[i], e);
	if (!ret)
		ret = detach_all(dir, names, size, e);
	if (!ret)
		ret = probe_path_cleanup(instance, NULL, e);
	if (ret)
		return ret;
	for (i = 0; i < layouts.count; i++) {
		ret = pins_clear(layouts.list[i].dir);
		if (ret)
			return err_set(e, ERR_SYSTEM, "", "cannot remove the pins in %s: %s",
				       layouts.list[i].dir, strerror(-ret));
	}
	/* Each stays where something else is in it. */
	if (!rmdir(dir))
		rmdir(SLUICE_PIN_ROOT);
	return 0;
}
