/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What runs against what the files on the disk say: the difference, and a drop-in that ends it. */
#include "daemon/daemon.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "core/config_schema.h"
#include "daemon/attach.h"
#include "daemon/reload.h"
#include "state/dropin.h"

#define CHANGES_SHOWN 2048

/* ---- difference ---------------------------------------------------------------------------- */

static void add_key(char *keys, size_t size, const char *section, const char *key)
{
	size_t used = strlen(keys);

	snprintf(keys + used, size - used, "%s%s%s%s", used ? ", " : "", section,
		 *section ? "." : "", key);
}

static bool is_same_value(const struct config_field *field, const void *a, const void *b)
{
	const char *x = (const char *)a + field->offset, *y = (const char *)b + field->offset;

	switch (field->type) {
	case CONFIG_TYPE_NAME:
	case CONFIG_TYPE_GROUP:
	case CONFIG_TYPE_METRICS_LISTEN:
		return strcmp(x, y) == 0;
	default:
		return memcmp(x, y, field->size) == 0;
	}
}

static void compare_section(enum config_section section, const char *name, const void *a,
			    const void *b, char *keys, size_t size)
{
	const struct config_field *fields;
	size_t count, i;

	fields = config_schema_section(section, &count);
	for (i = 0; i < count; i++)
		if (fields[i].size && !is_same_value(&fields[i], a, b))
			add_key(keys, size, name, fields[i].key);
}

/* Settings of the node itself; values may be secret, so only their names. */
static void compare_settings(const struct config *a, const struct config *b, char *keys,
			     size_t size)
{
	bool is_same = a->interface_count == b->interface_count;
	size_t i;

	for (i = 0; is_same && i < a->interface_count; i++)
		is_same = attach_has(b, a->interfaces[i]);
	if (!is_same)
		add_key(keys, size, "", "interfaces");
	compare_section(CONFIG_SECTION_ROOT, "", a, b, keys, size);
	compare_section(CONFIG_SECTION_METRICS, "metrics", a, b, keys, size);
	compare_section(CONFIG_SECTION_ACCESS, "access", a, b, keys, size);
	compare_section(CONFIG_SECTION_OUTER_SOURCE, "outer_source", a, b, keys, size);
	compare_section(CONFIG_SECTION_CAPACITY, "capacity", &a->capacity, &b->capacity, keys,
			size);
	compare_section(CONFIG_SECTION_FLOWS, "flows", &a->flows, &b->flows, keys, size);
}

/* The reload is tried on a copy: as it would be, and, if that is refused, as if forced. */
static void preview(struct daemon *daemon, const struct config *config, struct control_disk *disk)
{
	struct change change = {.type = CHANGE_CONFIG, .owner = OWNER_FILE, .config = config};
	struct errs ignored = {0};

	reload_check_fixed(daemon, config, false, &disk->errors);
	if (!model_preview(daemon->model, &change, 1, disk->changes, &disk->errors))
		return;
	change.is_forced = true;
	model_preview(daemon->model, &change, 1, disk->changes, &ignored);
	errs_done(&ignored);
}

void disk_compare(struct daemon *daemon, struct control_disk *ret_disk)
{
	struct control_disk *disk = ret_disk;
	struct sources sources = {0};
	struct config *config;
	struct err e = {0};

	memset(disk, 0, sizeof(*disk));
	disk->changes = event_log_new(CHANGES_SHOWN);
	if (sources_read(daemon->options.config_path, util_read_file, &sources, &e)) {
		errs_add_err(&disk->errors, &e);
		return;
	}
	if (!reload_parse(daemon, sources.list, sources.count, true, &config, &disk->errors)) {
		disk->is_same = sources_equal(&sources, &daemon->sources) &&
				!reload_are_lists_changed(daemon->config, config);
		compare_settings(daemon->config, config, disk->settings, sizeof(disk->settings));
		if (!disk->is_same)
			preview(daemon, config, disk);
		config_free(config);
	}
	sources_done(&sources);
}

/* ---- the drop-in --------------------------------------------------------------------------- */

static bool is_active(const struct daemon *daemon)
{
	return daemon->is_detached || dp_bpf_is_active(daemon->dp);
}

/* Would these files say what runs? 0, or an error. */
static int check_result(struct daemon *daemon, const struct sources *sources, struct errs *errors)
{
	struct config *config;
	size_t count;
	int r = reload_parse(daemon, sources->list, sources->count, true, &config, errors);

	if (r)
		return r;
	free(dropin_render(daemon->model, is_active(daemon), config, &count));
	config_free(config);
	if (!count)
		return 0;
	err_hint(errs_add(errors, ERR_CONFLICT, "",
			  "a drop-in after %s says otherwise about %zu of the changes",
			  SOURCES_OWN_NAME, count),
		 "rename it, so that it comes before by name");
	return -EBUSY;
}

static int render(struct daemon *daemon, const char *path, char **ret_text, size_t *ret_count,
		  struct errs *errors)
{
	struct sources without = {0};
	struct config *config;
	int r;

	sources_copy_without(&daemon->sources, path, &without);
	r = reload_parse(daemon, without.list, without.count, true, &config, errors);
	if (!r) {
		char *text = dropin_render(daemon->model, is_active(daemon), config, ret_count);

		config_free(config);
		if (*ret_count && without.count == CONFIG_FILES_MAX)
			r = err_set(errs_add(errors, ERR_CAPACITY, "", "%s", ""), ERR_CAPACITY, "",
				    "there are %d files already", CONFIG_FILES_MAX);
		if (!r && *ret_count) {
			sources_insert(&without, path, util_strdup(text));
			r = check_result(daemon, &without, errors);
		}
		if (r)
			free(text);
		else
			*ret_text = text;
	}
	sources_done(&without);
	return r;
}

int disk_make_dropin(struct daemon *daemon, char **ret_path, char **ret_text, size_t *ret_count,
		     struct errs *errors)
{
	AUTO_FREE char *directory = sources_directory(daemon->options.config_path);
	AUTO_FREE char *path = util_printf("%s/%s", directory, SOURCES_OWN_NAME);
	struct config *config = NULL;
	struct sources now = {0};
	struct err e = {0};
	bool is_same;
	int r;

	/* The files would be read at once, which a trial refuses. */
	if (daemon->trial.kind != SLUICE_TRIAL_NONE) {
		err_hint(errs_add(errors, ERR_CONFLICT, "",
				  "what runs is on trial: it is saved when it stays"),
			 "sluicectl confirm keeps it, sluicectl undo goes back");
		return -EBUSY;
	}
	r = sources_read(daemon->options.config_path, util_read_file, &now, &e);
	if (r) {
		errs_add_err(errors, &e);
		return r;
	}
	is_same = sources_equal(&now, &daemon->sources);
	if (is_same) {
		r = reload_parse(daemon, now.list, now.count, true, &config, errors);
		is_same = !r && !reload_are_lists_changed(daemon->config, config);
		config_free(config);
	}
	sources_done(&now);
	if (r)
		return r;
	if (!is_same) {
		err_hint(errs_add(errors, ERR_CONFLICT, "",
				  "the files on the disk are not those that run"),
			 "see sluicectl diff; reload first, then save");
		return -EBUSY;
	}
	r = render(daemon, path, ret_text, ret_count, errors);
	if (!r)
		*ret_path = TAKE_PTR(path);
	return r;
}
