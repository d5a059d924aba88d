/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "state/changes.h"

#include <errno.h>
#include <string.h>

#include "base/addr.h"

#define WEIGHT_MAX 65535

static const char *const kinds[OVERLAY_KIND_MAX] = {"added", "removed", "set", "mode"};

json_t *changes_entry_to_json(const struct overlay_entry *entry)
{
	char address[ADDR_TEXT_MAX];
	json_t *json;

	if (entry->kind == OVERLAY_LIMIT_MODE)
		return json_pack("{s:s, s:s, s:s, s:s}", "limit", entry->limit, "change",
				 kinds[entry->kind], "mode", model_limit_mode_name(entry->mode),
				 "mode_file", model_limit_mode_name(entry->mode_file));
	json = json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:s, s:s}", "service", entry->service,
			 "pool", entry->pool, "address", addr_format(&entry->addr, address),
			 "change", kinds[entry->kind], "weight", (int)entry->weight, "weight_file",
			 (int)entry->weight_file, "admin", model_admin_name(entry->admin),
			 "admin_file", model_admin_name(entry->admin_file));
	if (entry->drain_until_s)
		json_object_set_new(json, "drain_until_s",
				    json_integer((json_int_t)entry->drain_until_s));
	if (entry->discovery != DISCOVERY_READY)
		json_object_set_new(json, "discovery",
				    json_string(model_discovery_name(entry->discovery)));
	if (entry->override != OVERRIDE_NONE)
		json_object_set_new(json, "override",
				    json_pack("{s:s, s:I, s:I, s:s, s:s}", "state",
					      model_override_name(entry->override), "until_s",
					      (json_int_t)entry->override_until_s, "since_s",
					      (json_int_t)entry->override_since_s, "reason",
					      entry->reason, "who", entry->who));
	return json;
}

json_t *changes_to_json(const struct overlay *overlay)
{
	json_t *members = json_array(), *limits = json_array();
	size_t i;

	for (i = 0; i < overlay->count; i++) {
		const struct overlay_entry *entry = &overlay->list[i];

		json_array_append_new(entry->kind == OVERLAY_LIMIT_MODE ? limits : members,
				      changes_entry_to_json(entry));
	}
	return json_pack("{s:o, s:o}", "members", members, "limits", limits);
}

static bool read_name(const json_t *json, const char *key, char name[NAME_MAX_LENGTH + 1])
{
	const char *text = json_string_value(json_object_get(json, key));

	if (!text || !util_name_is_valid(text))
		return false;
	util_copy(name, NAME_MAX_LENGTH + 1, text);
	return true;
}

static bool read_weight(const json_t *json, const char *key, uint32_t *ret_weight)
{
	const json_t *value = json_object_get(json, key);

	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    json_integer_value(value) > WEIGHT_MAX)
		return false;
	*ret_weight = (uint32_t)json_integer_value(value);
	return true;
}

static bool read_admin(const json_t *json, const char *key, enum admin_state *ret_admin)
{
	const char *text = json_string_value(json_object_get(json, key));
	enum admin_state admin;

	for (admin = 0; text && admin < ADMIN_STATE_MAX; admin++) {
		if (strcmp(text, model_admin_name(admin)) == 0) {
			*ret_admin = admin;
			return true;
		}
	}
	return false;
}

/* May be absent. */
static bool read_deadline(const json_t *json, struct overlay_entry *entry)
{
	const json_t *value = json_object_get(json, "drain_until_s");

	if (!value)
		return true;
	if (!json_is_integer(value) || json_integer_value(value) <= 0 ||
	    entry->admin != ADMIN_DRAIN)
		return false;
	entry->drain_until_s = (uint64_t)json_integer_value(value);
	return true;
}

/* May be absent. */
static bool read_discovery(const json_t *json, struct overlay_entry *entry)
{
	const json_t *value = json_object_get(json, "discovery");
	const char *text = json_string_value(value);
	enum discovery_state discovery;

	for (discovery = 0; text && discovery < DISCOVERY_STATE_MAX; discovery++) {
		if (strcmp(text, model_discovery_name(discovery)) == 0) {
			entry->discovery = discovery;
			return true;
		}
	}
	return !value;
}

static bool read_time(const json_t *json, const char *key, uint64_t *ret_s)
{
	const json_t *value = json_object_get(json, key);

	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return false;
	*ret_s = (uint64_t)json_integer_value(value);
	return true;
}

/* May be absent. */
static bool read_override(const json_t *json, struct overlay_entry *entry)
{
	const json_t *value = json_object_get(json, "override");
	const char *state = json_string_value(json_object_get(value, "state"));
	const char *reason = json_string_value(json_object_get(value, "reason"));
	const char *who = json_string_value(json_object_get(value, "who"));
	enum override_state override;

	if (!value)
		return true;
	for (override = OVERRIDE_EJECTED; state && override < OVERRIDE_STATE_MAX; override++)
		if (strcmp(state, model_override_name(override)) == 0)
			entry->override = override;
	util_copy(entry->reason, sizeof(entry->reason), reason ? reason : "");
	util_copy(entry->who, sizeof(entry->who), who ? who : "");
	return entry->override != OVERRIDE_NONE && reason && who &&
	       read_time(value, "until_s", &entry->override_until_s) &&
	       read_time(value, "since_s", &entry->override_since_s);
}

static bool read_mode(const json_t *json, const char *key, enum sluice_limit_mode *ret_mode)
{
	const char *text = json_string_value(json_object_get(json, key));
	enum sluice_limit_mode mode;

	for (mode = 0; text && mode < SLUICE_LIMIT_MODE_MAX; mode++) {
		if (strcmp(text, model_limit_mode_name(mode)) == 0) {
			*ret_mode = mode;
			return true;
		}
	}
	return false;
}

static bool read_member(const json_t *json, struct overlay_entry *entry)
{
	const char *change = json_string_value(json_object_get(json, "change"));
	const char *address = json_string_value(json_object_get(json, "address"));

	for (entry->kind = 0; change && entry->kind < OVERLAY_LIMIT_MODE; entry->kind++)
		if (strcmp(change, kinds[entry->kind]) == 0)
			break;
	return change && entry->kind < OVERLAY_LIMIT_MODE && address &&
	       !addr_parse(address, &entry->addr) && read_name(json, "service", entry->service) &&
	       read_name(json, "pool", entry->pool) &&
	       read_weight(json, "weight", &entry->weight) &&
	       read_weight(json, "weight_file", &entry->weight_file) &&
	       read_admin(json, "admin", &entry->admin) &&
	       read_admin(json, "admin_file", &entry->admin_file) && read_deadline(json, entry) &&
	       read_discovery(json, entry) && read_override(json, entry);
}

static bool read_limit(const json_t *json, struct overlay_entry *entry)
{
	const char *change = json_string_value(json_object_get(json, "change"));

	entry->kind = OVERLAY_LIMIT_MODE;
	return change && strcmp(change, kinds[entry->kind]) == 0 &&
	       read_name(json, "limit", entry->limit) && read_mode(json, "mode", &entry->mode) &&
	       read_mode(json, "mode_file", &entry->mode_file);
}

static int read_list(const json_t *json, const char *key,
		     bool (*read)(const json_t *json, struct overlay_entry *entry),
		     struct overlay *overlay, struct err *e)
{
	const json_t *list = json_object_get(json, key), *item;
	int r = 0;
	size_t i;

	if (!json_is_array(list)) {
		err_set(e, ERR_INVALID, key, "it has no list of %s", key);
		return -EINVAL;
	}
	json_array_foreach (list, i, item) {
		struct overlay_entry entry = {0};

		if (read(item, &entry)) {
			*overlay_add(overlay) = entry;
		} else if (!r) {
			err_set(e, ERR_INVALID, key, "%s[%zu] makes no sense", key, i);
			r = -EINVAL;
		}
	}
	return r;
}

int changes_from_json(const json_t *json, struct overlay *overlay, struct err *e)
{
	struct err ignored;
	int r = read_list(json, "members", read_member, overlay, e);
	int s = read_list(json, "limits", read_limit, overlay, r ? &ignored : e);

	return r ? r : s;
}
