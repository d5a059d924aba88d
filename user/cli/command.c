/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "cli/command.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/util.h"

#define CANDIDATES_MAX 64
#define TOLD_MAX 60 /* of a value, in an error about it */

struct parse {
	struct invocation call;
	const char *words[2 + COMMAND_WORDS_MAX + 1]; /* command words and arguments */
	int word_count;
	char *message;
	char *hint;
	size_t size;
};

bool command_has_option(const struct command *command, enum option_id id)
{
	return option_defs[id].is_global || (command->options & 1ULL << id) != 0;
}

enum arg_kind command_arg(const struct command *command, int position)
{
	int i = 0;

	if (position >= COMMAND_WORDS_MAX)
		return ARG_NONE;
	while (i < position && command->args[i] != ARG_NONE && command->args[i + 1] != ARG_REPEAT)
		i++;
	return command->args[i];
}

int command_match(int argc, char *const *argv, const struct command **ret_command,
		  const struct command_group **ret_group)
{
	*ret_command = NULL;
	*ret_group = NULL;
	if (argc < 1)
		return 0;
	for (size_t i = 0; i < command_group_count; i++)
		if (strcmp(argv[0], command_groups[i].name) == 0)
			*ret_group = &command_groups[i];
	for (size_t i = 0; i < command_count; i++) {
		const char *second = strchr(commands[i].path, ' ');
		size_t length = second != NULL ? (size_t)(second - commands[i].path)
					       : strlen(commands[i].path);

		if (strlen(argv[0]) != length || strncmp(argv[0], commands[i].path, length) != 0)
			continue;
		if (second != NULL && (argc < 2 || strcmp(argv[1], second + 1) != 0))
			continue;
		*ret_command = &commands[i];
		return second != NULL ? 2 : 1;
	}
	return *ret_group != NULL ? 1 : 0;
}

/* The word of any command nearest to the one typed; of the group's when there is a group. */
static void suggest_command(struct parse *p, const char *word, const struct command_group *group)
{
	const char *names[CANDIDATES_MAX] = {NULL};
	const char *nearest;
	size_t count = 0;
	size_t prefix = group != NULL ? strlen(group->name) : 0;

	for (size_t i = 0; i < command_count && count < CANDIDATES_MAX; i++) {
		const char *path = commands[i].path;

		if (group == NULL && strchr(path, ' ') == NULL)
			names[count++] = path;
		if (group != NULL && strncmp(path, group->name, prefix) == 0 && path[prefix] == ' ')
			names[count++] = path + prefix + 1;
	}
	for (size_t i = 0; group == NULL && i < command_group_count && count < CANDIDATES_MAX; i++)
		names[count++] = command_groups[i].name;
	nearest = util_nearest(word, names, count);
	if (nearest != NULL)
		snprintf(p->hint, p->size, "did you mean '%s%s%s'?",
			 group != NULL ? group->name : "", group != NULL ? " " : "", nearest);
	else
		snprintf(p->hint, p->size, "sluicectl %s%s--help lists the commands",
			 group != NULL ? group->name : "", group != NULL ? " " : "");
}

static enum option_id option_find(const char *name, size_t length)
{
	for (int id = 0; id < OPTION_MAX; id++)
		if (strlen(option_defs[id].name) == length &&
		    strncmp(option_defs[id].name, name, length) == 0)
			return id;
	return OPTION_MAX;
}

static enum option_id option_find_letter(char letter)
{
	for (int id = 0; id < OPTION_MAX; id++)
		if (option_defs[id].letter == letter)
			return id;
	return OPTION_MAX;
}

static int fail_option(struct parse *p, const char *word)
{
	const char *names[OPTION_MAX];
	const char *nearest;
	char name[32];

	for (int id = 0; id < OPTION_MAX; id++)
		names[id] = option_defs[id].name;
	util_copy(name, sizeof(name), word + strspn(word, "-"));
	name[strcspn(name, "=")] = '\0';
	nearest = util_nearest(name, names, OPTION_MAX);
	snprintf(p->message, p->size, "unknown option %s", word);
	if (nearest != NULL)
		snprintf(p->hint, p->size, "did you mean --%s?", nearest);
	return -EINVAL;
}

static int check_value(struct parse *p, enum arg_kind kind, const char *what, const char *text)
{
	const struct arg_def *def = &arg_defs[kind];
	const char *problem = def->problem != NULL ? def->problem(text) : NULL;
	size_t count = 0;

	if (problem != NULL) {
		snprintf(p->message, p->size, "%s: '%.*s%s' is not %s", what, TOLD_MAX, text,
			 strlen(text) > TOLD_MAX ? "..." : "", problem);
		return -EINVAL;
	}
	if (def->choices == NULL)
		return 0;
	for (; def->choices[count] != NULL; count++)
		if (strcmp(text, def->choices[count]) == 0)
			return 0;
	problem = util_nearest(text, def->choices, count);
	snprintf(p->message, p->size, "'%s' is not one of %s", text, def->name);
	if (problem != NULL)
		snprintf(p->hint, p->size, "did you mean '%s'?", problem);
	return -EINVAL;
}

/* Returns the number of argv entries used, or -EINVAL. */
static int parse_option(struct parse *p, int argc, char *const *argv)
{
	const char *word = argv[0];
	const char *value = strchr(word, '=');
	enum option_id id;
	char what[40];
	int used = 1;

	if (word[1] == '-')
		id = option_find(word + 2,
				 value != NULL ? (size_t)(value - word - 2) : strlen(word + 2));
	else
		id = word[2] == '\0' ? option_find_letter(word[1]) : OPTION_MAX;
	if (id == OPTION_MAX)
		return fail_option(p, word);
	snprintf(what, sizeof(what), "--%s", option_defs[id].name);
	if (p->call.options[id] != NULL && option_defs[id].value != ARG_NONE) {
		snprintf(p->message, p->size, "%s is given twice", what);
		return -EINVAL;
	}
	if (option_defs[id].value == ARG_NONE) {
		if (value != NULL) {
			snprintf(p->message, p->size, "%s takes no value", what);
			return -EINVAL;
		}
		p->call.options[id] = "";
		return 1;
	}
	if (value != NULL) {
		value++;
	} else if (argc > 1) {
		value = argv[1];
		used = 2;
	} else {
		snprintf(p->message, p->size, "%s needs %s", what,
			 arg_defs[option_defs[id].value].name);
		return -EINVAL;
	}
	if (check_value(p, option_defs[id].value, what, value) != 0)
		return -EINVAL;
	p->call.options[id] = value;
	return used;
}

static bool is_option(const char *word)
{
	/* "-5" is a number that some rule will refuse by name; "-" is a pool. */
	return word[0] == '-' && word[1] != '\0' && !isdigit((unsigned char)word[1]);
}

static int split_words(struct parse *p, int argc, char *const *argv)
{
	bool is_ended = false;

	for (int i = 0; i < argc;) {
		if (!is_ended && strcmp(argv[i], "--") == 0) {
			is_ended = true;
			i++;
		} else if (!is_ended && is_option(argv[i])) {
			int used = parse_option(p, argc - i, argv + i);

			if (used < 0)
				return used;
			i += used;
		} else {
			if (p->word_count == (int)ARRAY_SIZE(p->words)) {
				snprintf(p->message, p->size, "too many arguments: '%s'", argv[i]);
				return -EINVAL;
			}
			p->words[p->word_count++] = argv[i++];
		}
	}
	return 0;
}

static int bind_args(struct parse *p, const struct command *command, int first)
{
	int position = 0;

	for (; command_arg(command, position) != ARG_NONE; position++) {
		const struct arg_def *def = &arg_defs[command_arg(command, position)];
		const char *text;

		if (first + position >= p->word_count) {
			if (def->is_optional)
				return 0;
			snprintf(p->message, p->size, "%s: %s is missing", command->path,
				 def->name);
			return -EINVAL;
		}
		text = p->words[first + position];
		if (check_value(p, command_arg(command, position), def->name, text) != 0)
			return -EINVAL;
		p->call.args[position] = text;
		p->call.arg_count = position + 1;
	}
	if (first + position < p->word_count) {
		snprintf(p->message, p->size, "%s: unexpected argument '%s'", command->path,
			 p->words[first + position]);
		return -EINVAL;
	}
	return 0;
}

static int check_options(struct parse *p, const struct command *command)
{
	for (int id = 0; id < OPTION_MAX; id++) {
		if (p->call.options[id] == NULL || command_has_option(command, id))
			continue;
		snprintf(p->message, p->size, "%s does not take --%s", command->path,
			 option_defs[id].name);
		return -EINVAL;
	}
	return 0;
}

static int bind_command(struct parse *p)
{
	int used = command_match(p->word_count, (char *const *)p->words, &p->call.command,
				 &p->call.group);
	bool is_help = p->call.options[OPTION_HELP] != NULL;

	if (p->word_count > 0 && used == 0) {
		snprintf(p->message, p->size, "unknown command '%s'", p->words[0]);
		suggest_command(p, p->words[0], NULL);
		return -EINVAL;
	}
	if (p->call.command == NULL && p->call.group != NULL && p->word_count > 1) {
		snprintf(p->message, p->size, "unknown command '%s %s'", p->words[0], p->words[1]);
		suggest_command(p, p->words[1], p->call.group);
		return -EINVAL;
	}
	if (is_help || p->call.options[OPTION_VERSION] != NULL)
		return 0;
	if (p->call.command == NULL) {
		snprintf(p->message, p->size, "%s: a command is missing",
			 p->call.group != NULL ? p->call.group->name : "sluicectl");
		snprintf(p->hint, p->size, "sluicectl %s%s--help lists them",
			 p->call.group != NULL ? p->call.group->name : "",
			 p->call.group != NULL ? " " : "");
		return -EINVAL;
	}
	if (check_options(p, p->call.command) == 0 && bind_args(p, p->call.command, used) == 0)
		return 0;
	if (p->hint[0] == '\0') {
		size_t length = (size_t)snprintf(p->hint, p->size, "usage: sluicectl ");

		command_usage(p->call.command, p->hint + length, p->size - length);
	}
	return -EINVAL;
}

int command_parse(int argc, char *const *argv, struct invocation *ret_call, char *message,
		  char *hint, size_t size)
{
	struct parse p = {.message = message, .hint = hint, .size = size};
	char *const *words = argv;
	int r;

	message[0] = hint[0] = '\0';
	if (argc > 0 && strcmp(argv[0], "help") == 0) { /* `help member` is `member --help` */
		p.call.options[OPTION_HELP] = "";
		words++;
		argc--;
	}
	r = split_words(&p, argc, words);
	if (r == 0)
		r = bind_command(&p);
	if (r == 0)
		*ret_call = p.call;
	return r;
}
