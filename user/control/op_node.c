/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The daemon itself: version, readiness, configuration, detach, metrics, and the API's own
 * description. */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "control/audit.h"
#include "control/reply.h"

#include <sluice/abi.h>

/* For those who read it themselves, whatever their working directory; "" when ours is gone. */
static char *absolute_path(const char *path)
{
	AUTO_FREE char *directory = NULL;

	if (path[0] == '/')
		return util_strdup(path);
	directory = getcwd(NULL, 0);
	return directory ? util_printf("%s/%s", directory, path) : util_strdup("");
}

int op_version(const struct request *request, struct reply *reply, struct errs *errors)
{
	AUTO_FREE char *path = absolute_path(request->host->config_path);

	(void)errors;
	reply->json = json_pack("{s:s, s:s, s:i}", "version", SLUICE_VERSION, "api", "v1", "abi",
				SLUICE_ABI);
	/* What is no UTF-8 has no words in JSON. */
	json_object_set_new(reply->json, "config_path", json_string(path));
	return 0;
}

int op_ready(const struct request *request, struct reply *reply, struct errs *errors)
{
	struct control_node node = {0};

	(void)errors;
	request->host->node(request->host->arg, &node);
	if (node.is_ready) {
		reply->json = json_pack("{s:b}", "ready", 1);
	} else {
		reply->status = 503;
		reply->json = json_pack("{s:b, s:s}", "ready", 0, "reason", node.not_ready);
	}
	return 0;
}

int op_config_check(const struct request *request, struct reply *reply, struct errs *errors)
{
	const struct control_host *host = request->host;
	struct control_check check = {0};
	int r = host->check(host->arg, request->raw, request->raw_length, &check, errors);

	if (r) {
		/* Whatever the mistake, it is the text's: one status for all of them. */
		reply->status = 422;
		return r;
	}
	reply->json = json_pack("{s:b, s:I, s:I, s:I}", "ok", 1, "services",
				(json_int_t)check.services, "members", (json_int_t)check.members,
				"limits", (json_int_t)check.limits);
	return 0;
}

/* With confirm_s != 0 on trial; text NULL: what the file has. */
static int reload(const struct request *request, const json_t *text, struct reply *reply,
		  struct errs *errors)
{
	const struct control_host *host = request->host;
	uint64_t before = model_revision(host->model);
	const char *name = json_string_value(json_object_get(request->body, "name"));
	char by[56];
	const struct control_reload wanted = {
		.is_forced = json_is_true(json_object_get(request->body, "force")),
		.confirm_s = (uint64_t)json_integer_value(
			json_object_get(request->body, "confirm_within_s")),
		.text = json_string_value(text),
		.length = json_string_length(text),
		.name = name ? name : "the configuration on trial",
		.by = by,
	};
	bool is_changed = false;
	int r;

	peer_name(&request->peer, by, sizeof(by));
	r = host->reload(host->arg, &wanted, &is_changed, errors);
	if (r == -EAGAIN && !errors->count)
		return r;
	audit_say(request, "reload%s%s: revision %llu -> %llu", wanted.is_forced ? " (forced)" : "",
		  wanted.confirm_s ? " on trial" : "", (unsigned long long)before,
		  (unsigned long long)model_revision(host->model));
	if (r) {
		if (!text)
			reply->file = host->config_path;
		reply->status = errors->count && errors->list[0].code == ERR_CONFLICT ? 409 : 422;
		return r;
	}
	reply->json = json_pack("{s:I, s:b}", "revision", (json_int_t)model_revision(host->model),
				"changed", is_changed);
	if (wanted.confirm_s && is_changed)
		json_object_set_new(reply->json, "confirm_within_s",
				    json_integer((json_int_t)wanted.confirm_s));
	return 0;
}

int op_config_reload(const struct request *request, struct reply *reply, struct errs *errors)
{
	return reload(request, NULL, reply, errors);
}

int op_config_try(const struct request *request, struct reply *reply, struct errs *errors)
{
	return reload(request, json_object_get(request->body, "config"), reply, errors);
}

int op_detach(const struct request *request, struct reply *reply, struct errs *errors)
{
	const struct control_host *host = request->host;
	json_t *list;
	char names[512] = "";
	char *cursor = names;
	struct err e = {0};
	char *name;
	int r;

	r = host->detach(host->arg, names, sizeof(names), &e);
	if (r) {
		errs_add_err(errors, &e);
		return r;
	}
	audit_say(request, "detached from %s", names[0] ? names : "nothing");
	list = json_array();
	while ((name = strsep(&cursor, ", ")))
		if (*name)
			json_array_append_new(list, json_string(name));
	reply->json = json_pack("{s:o}", "detached", list);
	return 0;
}

int op_metrics(const struct request *request, struct reply *reply, struct errs *errors)
{
	const struct control_host *host = request->host;
	bool is_openmetrics = request->accept &&
			      strstr(request->accept, "application/openmetrics-text");

	(void)errors;
	host->refresh(host->arg);
	reply->text = host->metrics(host->arg, is_openmetrics, &reply->text_length);
	reply->content_type = is_openmetrics
				      ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
				      : "text/plain; version=0.0.4; charset=utf-8";
	return 0;
}

int op_operations(const struct request *request, struct reply *reply, struct errs *errors)
{
	struct reply_list *list = reply_list_begin("operations");
	size_t i;

	(void)request;
	(void)errors;
	for (i = 0; i < operation_count; i++)
		reply_list_add(list, json_pack("{s:s, s:s, s:s, s:s}", "method",
					       operations[i].method, "path", operations[i].path,
					       "role", role_name(operations[i].role), "help",
					       operations[i].help));
	reply_list_end(list, reply);
	return 0;
}

static json_t *field_schema(const struct field *field)
{
	json_t *schema = json_pack("{s:s}", "description", field->help);
	json_t *words;
	size_t i;

	switch (field->type) {
	case FIELD_INTEGER:
		json_object_set_new(schema, "type", json_string("integer"));
		json_object_set_new(schema, "minimum", json_integer(field->min));
		json_object_set_new(schema, "maximum", json_integer(field->max));
		break;
	case FIELD_WORD:
		words = json_array();
		for (i = 0; field->words[i]; i++)
			json_array_append_new(words, json_string(field->words[i]));
		json_object_set_new(schema, "type", json_string("string"));
		json_object_set_new(schema, "enum", words);
		break;
	case FIELD_TEXT:
		json_object_set_new(schema, "type", json_string("string"));
		json_object_set_new(schema, "minLength", json_integer(field->min));
		json_object_set_new(schema, "maxLength", json_integer(field->max));
		break;
	case FIELD_BOOLEAN:
		json_object_set_new(schema, "type", json_string("boolean"));
		break;
	}
	return schema;
}

static json_t *body_schema(const struct operation *operation)
{
	json_t *properties = json_object(), *required = json_array(), *schema;
	const struct field *field;
	bool is_needed = false;

	if (operation->body == BODY_YAML) {
		json_decref(properties);
		json_decref(required);
		return json_pack("{s:b, s:{s:{s:{s:s}}}}", "required", 1, "content",
				 "application/yaml", "schema", "type", "string");
	}
	for (field = operation->fields; field->name; field++) {
		json_object_set_new(properties, field->name, field_schema(field));
		if (field->is_required)
			json_array_append_new(required, json_string(field->name));
		is_needed |= field->is_required;
	}
	schema = json_pack("{s:s, s:o, s:b}", "type", "object", "properties", properties,
			   "additionalProperties", 0);
	if (is_needed)
		json_object_set(schema, "required", required);
	json_decref(required);
	return json_pack("{s:b, s:{s:{s:o}}}", "required", is_needed, "content", "application/json",
			 "schema", schema);
}

/* Path parameters are what stands in braces. */
static json_t *parameters(const struct operation *operation)
{
	json_t *list = json_array();
	const char *open = operation->path;

	while ((open = strchr(open, '{'))) {
		char name[32];

		open++;
		util_copy(name, MIN(sizeof(name), strcspn(open, "}") + 1), open);
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:b, s:{s:s}}", "name", name, "in",
						"path", "required", 1, "schema", "type", "string"));
	}
	if (operation->handler == op_events || operation->handler == op_capture_show)
		json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:{s:s}}", "name", "since",
						      "in", "query", "required", 0, "schema",
						      "type", "integer"));
	return list;
}

int op_openapi(const struct request *request, struct reply *reply, struct errs *errors)
{
	json_t *paths = json_object();
	size_t i;

	(void)request;
	(void)errors;
	for (i = 0; i < operation_count; i++) {
		const struct operation *operation = &operations[i];
		json_t *path = json_object_get(paths, operation->path);
		char method[8] = "";
		json_t *entry;
		size_t c;

		for (c = 0; c < sizeof(method) - 1 && operation->method[c]; c++)
			method[c] = (char)tolower((unsigned char)operation->method[c]);
		if (!path) {
			path = json_object();
			json_object_set_new(paths, operation->path, path);
		}
		entry = json_pack("{s:s, s:s, s:o, s:{s:{s:s}, s:{s:s}}}", "summary",
				  operation->help, "x-role", role_name(operation->role),
				  "parameters", parameters(operation), "responses", "200",
				  "description", "done", "default", "description",
				  "an error: {\"error\":{code,message,hint,pointer}}");
		if (operation->body != BODY_NONE)
			json_object_set_new(entry, "requestBody", body_schema(operation));
		json_object_set_new(path, method, entry);
	}
	reply->json = json_pack("{s:s, s:{s:s, s:s}, s:[{s:s}], s:o}", "openapi", "3.0.3", "info",
				"title", "Sluice control API", "version", SLUICE_VERSION, "servers",
				"url", "http://sluice", "paths", paths);
	return 0;
}
