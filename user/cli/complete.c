/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "cli/complete.h"

#include <dirent.h>
#include <net/if.h>
#include <string.h>

#include "base/util.h"
#include "cli/client.h"
#include "cli/field.h"
#include "cli/render.h"

#define WORDS_MAX 16
#define TIMEOUT_S 1

struct complete {
	FILE *out;
	const char *current;
	struct cli cli;
	struct invocation call;
	const char *words[WORDS_MAX];
	int word_count;
	enum arg_kind value; /* of an option whose value is being typed */
};

static void offer(const struct complete *c, const char *candidate)
{
	if (strncmp(candidate, c->current, strlen(c->current)) == 0)
		fprintf(c->out, "%s\n", candidate);
}

static void offer_options(const struct complete *c, const struct command *command)
{
	for (int id = 0; id < OPTION_MAX; id++) {
		char text[40];

		if (command == NULL ? !option_defs[id].is_global : !command_has_option(command, id))
			continue;
		snprintf(text, sizeof(text), "--%s", option_defs[id].name);
		offer(c, text);
	}
}

static void offer_commands(const struct complete *c, const struct command_group *group)
{
	size_t length = group != NULL ? strlen(group->name) : 0;

	for (size_t i = 0; i < command_count; i++) {
		const char *path = commands[i].path;

		if (group == NULL && strchr(path, ' ') == NULL)
			offer(c, path);
		if (group != NULL && strncmp(path, group->name, length) == 0 && path[length] == ' ')
			offer(c, path + length + 1);
	}
	for (size_t i = 0; group == NULL && i < command_group_count; i++)
		offer(c, command_groups[i].name);
}

/* Names that the daemon knows: the texts at `field` in the array `key`. */
static void offer_names(const struct complete *c, char *path, const char *key, const char *field)
{
	AUTO_FREE char *owned = path;
	AUTO_ANSWER struct answer answer;
	const json_t *item;
	char text[96];
	size_t i;

	if (client_request(&c->cli, "GET", owned, NULL, &answer) != CLIENT_ANSWERED)
		return;
	json_array_foreach (json_object_get(answer.document, key), i, item) {
		offer(c, field != NULL ? field_text(item, field, "")
				       : render_endpoint(item, text, sizeof(text)));
	}
}

static void offer_members(const struct complete *c, const char *service)
{
	AUTO_FREE char *path = client_path("v1", "services", service, "pools");
	AUTO_ANSWER struct answer answer;
	const json_t *pool;
	size_t i;

	if (client_request(&c->cli, "GET", path, NULL, &answer) != CLIENT_ANSWERED)
		return;
	json_array_foreach (json_object_get(answer.document, "pools"), i, pool) {
		const json_t *member;
		char text[96];
		size_t m;

		json_array_foreach (json_object_get(pool, "members"), m, member) {
			offer(c, render_endpoint(member, text, sizeof(text)));
		}
	}
}

static void offer_instances(const struct complete *c)
{
	DIR *directory = opendir("/run/sluice");
	const struct dirent *entry;

	if (directory == NULL)
		return;
	while ((entry = readdir(directory)) != NULL)
		if (util_name_is_valid(entry->d_name))
			offer(c, entry->d_name);
	closedir(directory);
}

static void offer_interfaces(const struct complete *c)
{
	struct if_nameindex *all = if_nameindex();

	for (size_t i = 0; all != NULL && all[i].if_index != 0; i++)
		offer(c, all[i].if_name);
	if (all != NULL)
		if_freenameindex(all);
}

static void offer_values(const struct complete *c, enum arg_kind kind, const char *service)
{
	const char *const *choice = arg_defs[kind].choices;

	for (; choice != NULL && *choice != NULL; choice++)
		offer(c, *choice);
	switch (kind) {
	case ARG_SERVICE:
		offer_names(c, client_path("v1", "services"), "services", "name");
		break;
	case ARG_POOL:
		if (service != NULL)
			offer_names(c, client_path("v1", "services", service, "pools"), "pools",
				    "name");
		break;
	case ARG_MEMBER:
		if (service != NULL)
			offer_members(c, service);
		break;
	case ARG_LIMIT:
	case ARG_LIMIT_OR_ALL:
		offer_names(c, client_path("v1", "limits"), "limits", "name");
		break;
	case ARG_LIST:
		offer_names(c, client_path("v1", "lists"), "lists", "name");
		break;
	case ARG_INSTANCE:
		offer_instances(c);
		break;
	case ARG_INTERFACE:
	case ARG_INTERFACES:
		offer_interfaces(c);
		break;
	default: /* files are the shell's own */
		break;
	}
}

/* Sorts the complete words into options and words; tolerant, unlike command_parse(). */
static void scan(struct complete *c, int argc, char *const *argv)
{
	for (int i = 0; i < argc; i++) {
		int id;

		if (strncmp(argv[i], "--", 2) != 0) {
			if (c->word_count < WORDS_MAX)
				c->words[c->word_count++] = argv[i];
			continue;
		}
		for (id = 0; id < OPTION_MAX; id++)
			if (strcmp(argv[i] + 2, option_defs[id].name) == 0)
				break;
		if (id == OPTION_MAX || option_defs[id].value == ARG_NONE)
			continue;
		if (i + 1 == argc)
			c->value = option_defs[id].value;
		else
			c->call.options[id] = argv[++i];
	}
}

static void set_target(struct complete *c)
{
	const char *instance = c->call.options[OPTION_INSTANCE];
	const char *socket = c->call.options[OPTION_SOCKET];

	c->cli.call = &c->call;
	c->cli.instance = instance != NULL ? instance : "default";
	c->cli.timeout_s = TIMEOUT_S;
	if (socket != NULL)
		util_copy(c->cli.socket, sizeof(c->cli.socket), socket);
	else
		snprintf(c->cli.socket, sizeof(c->cli.socket), CLI_SOCKET_FORMAT, c->cli.instance);
}

void complete_print(FILE *out, int argc, char *const *argv)
{
	struct complete c = {.out = out, .current = argc > 0 ? argv[argc - 1] : ""};
	const struct command *command;
	const struct command_group *group;
	const char *service = NULL;
	int used, position;

	scan(&c, argc - 1, argv);
	set_target(&c);
	used = command_match(c.word_count, (char *const *)c.words, &command, &group);
	position = c.word_count - used;
	if (command != NULL && command->args[0] == ARG_SERVICE && position > 0)
		service = c.words[used];
	if (c.value != ARG_NONE)
		offer_values(&c, c.value, service);
	else if (c.current[0] == '-')
		offer_options(&c, command);
	else if (command == NULL && (c.word_count == 0 || group != NULL))
		offer_commands(&c, group);
	else if (command != NULL)
		offer_values(&c, command_arg(command, position), service);
}
