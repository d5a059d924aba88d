/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* As if never installed: works from the pins alone, whether or not a daemon lives. */
#include "dataplane/dp_bpf.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <sluice/node_types.h>

#include "base/util.h"
#include "dataplane/ours.h"
#include "dataplane/pins.h"

#define ABI_MAX_TRIED 64 /* layouts that could ever have been pinned */

static void append_name(char *names, size_t size, const char *name)
{
	size_t used = strlen(names);

	if (used < size)
		snprintf(names + used, size - used, "%s%s", used ? ", " : "", name);
}

/* Detaches the programs that are pinned in one directory. */
static int detach_all(const char *dir, char *names, size_t size, struct err *e)
{
	struct if_nameindex *all = if_nameindex();
	int ret = 0;
	size_t i;

	for (i = 0; all && all[i].if_index && !ret; i++) {
		CLEANUP(ours_done) struct ours ours = {.fd = -1};

		if (ours_find(dir, 0, -1, all[i].if_index, &ours) || ours.fd < 0)
			continue;
		ret = ours_detach(all[i].if_index, &ours);
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

/* Traffic goes elsewhere before nobody forwards it any more. Only this layout's notes are known. */
static int withdraw_routes(const char *dir, struct err *e)
{
	AUTO_CLOSE int fd = pins_open(dir, SLUICE_MAP_NOTES);
	struct routes_place place;
	struct routes_result result;
	struct sluice_notes notes;
	uint32_t zero = 0;

	if (fd < 0 || bpf_map_lookup_elem(fd, &zero, &notes) || !notes.route_table)
		return 0;
	place = (struct routes_place){notes.route_table, notes.route_protocol};
	return routes_set(&place, NULL, 0, &result, e);
}

/* Pins go only after every interface was detached: without them nobody could tell whose program
 * still runs. */
int dp_bpf_cleanup(const char *instance, char *names, size_t size, struct err *e)
{
	char dir[192];
	uint32_t abi;
	int ret;

	if (size)
		names[0] = '\0';
	for (abi = 1; abi < ABI_MAX_TRIED; abi++) {
		ret = pins_path(instance, abi, dir, sizeof(dir), e);
		if (!ret && access(dir, F_OK))
			continue;
		if (!ret && abi == SLUICE_ABI)
			ret = withdraw_routes(dir, e);
		if (!ret)
			ret = detach_all(dir, names, size, e);
		if (ret)
			return ret;
		ret = pins_remove_all(dir);
		if (ret)
			return err_set(e, ERR_SYSTEM, "", "cannot remove the pins in %s: %s", dir,
				       strerror(-ret));
	}
	return 0;
}
