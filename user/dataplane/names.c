/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names for those who read the pinned maps without a daemon. */
#include "dataplane/dp_bpf.h"

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/util.h"
#include "dataplane/dp_internal.h"
#include "sluice.skel.h"

int dp_bpf_name_set(struct dp_bpf *dp, const struct sluice_name_key *key, const char *text)
{
	int fd = bpf_map__fd(dp->skel->maps.names);
	struct sluice_name name = {0}, before;

	util_copy(name.text, sizeof(name.text), text);
	if (!bpf_map_lookup_elem(fd, key, &before) && !memcmp(&before, &name, sizeof(name)))
		return 0;
	return bpf_map_update_elem(fd, key, &name, BPF_ANY) ? -errno : 0;
}

int dp_bpf_state_directory_set(struct dp_bpf *dp, const char *path)
{
	const size_t part = sizeof(((struct sluice_name *)0)->text) - 1;
	struct sluice_name_key key = {.kind = SLUICE_NAME_STATE};
	bool is_last;
	int ret;

	do {
		is_last = strlen(path) < part;
		ret = dp_bpf_name_set(dp, &key, path);
		key.position++;
		path += is_last ? 0 : part;
	} while (!ret && !is_last);
	return ret;
}

bool dp_name_read(int names_fd, const struct sluice_name_key *key, char ret_text[64])
{
	struct sluice_name name = {0};
	bool is_there = !bpf_map_lookup_elem(names_fd, key, &name);

	util_copy(ret_text, sizeof(name.text), name.text);
	return is_there;
}

/* One that the model has no more may have its entry longer, where what names it cannot be changed yet. */
static bool is_live_limit(const struct dp_bpf *dp, const struct sluice_name_key *key)
{
	return key->kind == SLUICE_NAME_LIMIT && key->id < dp->maps.capacity.limits &&
	       dp->maps.limits[key->id].word;
}

void dp_bpf_names_prune(struct dp_bpf *dp,
			bool (*is_used)(void *arg, const struct sluice_name_key *), void *arg)
{
	int fd = bpf_map__fd(dp->skel->maps.names);
	struct sluice_name_key key, next;
	bool has_key = !bpf_map_get_next_key(fd, NULL, &key);

	while (has_key) {
		/* The next one first: after a deletion the kernel would begin again. */
		has_key = !bpf_map_get_next_key(fd, &key, &next);
		if (!is_used(arg, &key) && !is_live_limit(dp, &key))
			bpf_map_delete_elem(fd, &key);
		key = next;
	}
}
