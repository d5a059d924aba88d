/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "control/body.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

bool body_is_deeper(const char *text, size_t length, unsigned int max)
{
	bool is_string = false;
	unsigned int depth = 0;
	size_t i;

	for (i = 0; i < length; i++) {
		char c = text[i];

		if (is_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				is_string = false;
		} else if (c == '"') {
			is_string = true;
		} else if (c == '{' || c == '[') {
			if (++depth > max)
				return true;
		} else if ((c == '}' || c == ']') && depth) {
			depth--;
		}
	}
	return false;
}

static const struct field *find_field(const struct field *fields, const char *name)
{
	for (; fields->name; fields++)
		if (!strcmp(fields->name, name))
			return fields;
	return NULL;
}

static void list_names(const struct field *fields, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (; fields->name && used < size; fields++)
		used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "",
					 fields->name);
}

static void check_unknown(const char *key, const struct field *fields, const char *pointer,
			  struct errs *errors)
{
	const char *names[16];
	const char *nearest;
	char list[160];
	struct err *e;
	size_t n;

	for (n = 0; n < ARRAY_SIZE(names) && fields[n].name; n++)
		names[n] = fields[n].name;
	e = errs_add(errors, ERR_UNKNOWN_KEY, pointer, "unknown field \"%.60s\"", key);
	nearest = util_nearest(key, names, n);
	list_names(fields, list, sizeof(list));
	if (nearest)
		err_hint(e, "did you mean \"%s\"?", nearest);
	else
		err_hint(e, "fields of this request: %s", list);
}

static void check_word(const struct field *field, const char *pointer, const char *word,
		       struct errs *errors)
{
	char list[160] = "";
	size_t used = 0;
	size_t i;

	for (i = 0; field->words[i]; i++) {
		if (!strcmp(field->words[i], word))
			return;
		if (used < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s\"%s\"",
						 i ? ", " : "", field->words[i]);
	}
	err_hint(errs_add(errors, ERR_INVALID, pointer, "%s \"%.60s\" is not known", field->name,
			  word),
		 "one of %s", list);
}

static void check_text(const struct field *field, const char *pointer, const json_t *value,
		       struct errs *errors)
{
	int64_t length = (int64_t)json_string_length(value);

	if (!json_is_string(value))
		errs_add(errors, ERR_INVALID, pointer, "%s must be a string", field->name);
	else if (length < field->min || length > field->max ||
		 strlen(json_string_value(value)) != (size_t)length)
		errs_add(errors, ERR_INVALID, pointer,
			 "%s must have %" PRId64 " to %" PRId64 " bytes, and no zero byte",
			 field->name, field->min, field->max);
}

static void check_value(const struct field *field, const json_t *value, struct errs *errors)
{
	char pointer[64];

	snprintf(pointer, sizeof(pointer), "/%s", field->name);
	if (field->type == FIELD_INTEGER) {
		json_int_t number = json_integer_value(value);

		if (!json_is_integer(value))
			errs_add(errors, ERR_INVALID, pointer, "%s must be a whole number",
				 field->name);
		else if (number < field->min || number > field->max)
			errs_add(errors, ERR_INVALID, pointer,
				 "%s %" JSON_INTEGER_FORMAT " is out of range %" PRId64
				 "..%" PRId64,
				 field->name, number, field->min, field->max);
	} else if (field->type == FIELD_WORD) {
		if (!json_is_string(value))
			errs_add(errors, ERR_INVALID, pointer, "%s must be a string", field->name);
		else
			check_word(field, pointer, json_string_value(value), errors);
	} else if (field->type == FIELD_TEXT) {
		check_text(field, pointer, value, errors);
	} else if (!json_is_boolean(value)) {
		errs_add(errors, ERR_INVALID, pointer, "%s must be true or false", field->name);
	}
}

static void check_fields(json_t *body, const struct field *fields, struct errs *errors)
{
	const struct field *field;
	const char *key;
	json_t *value;

	json_object_foreach (body, key, value) {
		char pointer[80];

		snprintf(pointer, sizeof(pointer), "/%.70s", key);
		field = find_field(fields, key);
		if (field)
			check_value(field, value, errors);
		else
			check_unknown(key, fields, pointer, errors);
	}
	for (field = fields; field->name; field++) {
		char pointer[64];

		if (!field->is_required || json_object_get(body, field->name))
			continue;
		snprintf(pointer, sizeof(pointer), "/%s", field->name);
		err_hint(errs_add(errors, ERR_INVALID, pointer, "%s is missing", field->name), "%s",
			 field->help);
	}
}

static json_t *load(const char *text, size_t length, struct errs *errors)
{
	json_error_t error;
	json_t *body = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
	struct err *e;

	if (body)
		return body;
	if (json_error_code(&error) == json_error_duplicate_key) {
		e = errs_add(errors, ERR_DUPLICATE, "/", "%s", error.text);
		err_hint(e, "write each field once");
	} else {
		e = errs_add(errors, ERR_SYNTAX, "/", "the body is not JSON: %s", error.text);
	}
	e->line = error.line;
	e->column = error.column;
	return NULL;
}

int body_parse(const char *text, size_t length, const struct field *fields, json_t **ret_body,
	       struct errs *errors)
{
	size_t before = errors->count;
	json_t *body;

	if (!fields) {
		if (!length)
			return 0;
		errs_add(errors, ERR_INVALID, "/", "this request takes no body");
		return -EINVAL;
	}
	if (body_is_deeper(text, length, BODY_DEPTH_MAX)) {
		errs_add(errors, ERR_INVALID, "/", "the body nests deeper than %d levels",
			 BODY_DEPTH_MAX);
		return -EINVAL;
	}
	body = length ? load(text, length, errors) : json_object();
	if (!body)
		return -EINVAL;
	if (json_is_object(body))
		check_fields(body, fields, errors);
	else
		errs_add(errors, ERR_INVALID, "/", "the body must be a JSON object");
	if (errors->count > before) {
		json_decref(body);
		return -EINVAL;
	}
	*ret_body = body;
	return 0;
}
