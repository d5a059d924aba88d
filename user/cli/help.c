/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Help texts at every level, from the command table. */
#include "cli/command.h"

#include <string.h>

#include "cli/text.h"

#define HELP_WIDTH 80

size_t command_usage(const struct command *command, char *buffer, size_t size)
{
	size_t used = (size_t)snprintf(buffer, size, "%s", command->path);

	for (int i = 0; command->args[i] != ARG_NONE && used < size; i++) {
		const struct arg_def *def = &arg_defs[command->args[i]];

		used += (size_t)snprintf(buffer + used, size - used,
					 def->is_optional ? " [%s]" : " %s", def->name);
	}
	for (int id = 0; id < OPTION_MAX && used < size; id++) {
		const struct option_def *def = &option_defs[id];

		if (def->is_global || !command_has_option(command, id))
			continue;
		used += (size_t)snprintf(buffer + used, size - used, " [--%s%s%s]", def->name,
					 def->value != ARG_NONE ? " " : "",
					 def->value != ARG_NONE ? arg_defs[def->value].name : "");
	}
	return used;
}

static void print_options(FILE *out, const struct command *command, bool is_global)
{
	for (int id = 0; id < OPTION_MAX; id++) {
		const struct option_def *def = &option_defs[id];
		char left[48];
		char letter[8] = "";

		if (def->is_global != is_global ||
		    (command != NULL && !command_has_option(command, id)))
			continue;
		if (def->letter != 0)
			snprintf(letter, sizeof(letter), "-%c, ", def->letter);
		snprintf(left, sizeof(left), "  %s--%s%s%s", letter, def->name,
			 def->value != ARG_NONE ? " " : "",
			 def->value != ARG_NONE ? arg_defs[def->value].name : "");
		fprintf(out, "%-22s %s\n", left, def->help);
	}
}

static void print_commands(FILE *out, const struct command_group *group)
{
	size_t length = group != NULL ? strlen(group->name) : 0;

	for (size_t i = 0; i < command_count; i++) {
		char text[160];

		if (group != NULL && (strncmp(commands[i].path, group->name, length) != 0 ||
				      commands[i].path[length] != ' '))
			continue;
		if (group == NULL)
			snprintf(text, sizeof(text), "%s", commands[i].path);
		else
			command_usage(&commands[i], text, sizeof(text));
		if (strlen(text) > 18)
			fprintf(out, "  %s\n%-22s %s\n", text, "", commands[i].help);
		else
			fprintf(out, "  %-20s %s\n", text, commands[i].help);
	}
}

static void help_program(FILE *out)
{
	fputs("sluicectl: see and change what sluiced does\n\n"
	      "usage: sluicectl [OPTION]... COMMAND [ARGUMENT]...\n\ncommands:\n",
	      out);
	print_commands(out, NULL);
	fputs("\noptions:\n", out);
	print_options(out, NULL, true);
	fputs("\nsluicectl COMMAND --help explains one command.\n"
	      "exit status: 0 ok, 1 refused or false, 2 usage, 3 no such object, 4 daemon\n"
	      "unreachable, 5 not permitted, 6 conflict, 7 timeout\n",
	      out);
}

void command_help(FILE *out, const struct command *command, const struct command_group *group)
{
	char usage[160];

	if (command == NULL && group == NULL) {
		help_program(out);
		return;
	}
	if (command == NULL) {
		fprintf(out, "sluicectl %s: %s\n\ncommands:\n", group->name, group->help);
		print_commands(out, group);
		return;
	}
	command_usage(command, usage, sizeof(usage));
	fprintf(out, "sluicectl %s: %s\n\nusage: sluicectl %s\n", command->path, command->help,
		usage);
	if (command->detail != NULL) {
		fputc('\n', out);
		text_wrap(out, "", 0, command->detail, HELP_WIDTH);
	}
	if (command->options != 0) {
		fputs("\noptions:\n", out);
		print_options(out, command, false);
	}
	fputs("\noptions of every command:\n", out);
	print_options(out, command, true);
}
