/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The command line: parsing, suggestions, help, and that the manual page knows every row. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "cli/command.h"
#include "cli/complete.h"
#include "core/doctor.h"

#define MANUAL "docs/man/sluicectl.1.scd"

static struct invocation call;
static char message[256];
static char hint[256];

/* Splits at spaces, so a test reads like a shell. */
static int parse(const char *line)
{
	static char text[256];
	static char *words[32];
	int count = 0;
	char *rest;

	util_copy(text, sizeof(text), line);
	for (char *w = strtok_r(text, " ", &rest); w != NULL; w = strtok_r(NULL, " ", &rest))
		words[count++] = w;
	call = (struct invocation){0};
	return command_parse(count, words, &call, message, hint, sizeof(message));
}

static void assert_refused(const char *line, const char *wanted, const char *wanted_hint)
{
	assert_int_equal(parse(line), -EINVAL);
	assert_null(call.command); /* untouched */
	if (strstr(message, wanted) == NULL || strstr(hint, wanted_hint) == NULL)
		fail_msg("%s: got '%s' and '%s'", line, message, hint);
}

static void options_stand_anywhere(void **state)
{
	static const char *const lines[] = {
		"--pool blue member weight web 10.0.0.1 50 --json",
		"member --json weight web --pool=blue 10.0.0.1 50",
		"member weight web 10.0.0.1 --json --pool blue -- 50",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		assert_int_equal(parse(lines[i]), 0);
		assert_string_equal(call.command->path, "member weight");
		assert_int_equal(call.arg_count, 3);
		assert_string_equal(call.args[0], "web");
		assert_string_equal(call.args[2], "50");
		assert_string_equal(call.options[OPTION_POOL], "blue");
		assert_string_equal(call.options[OPTION_JSON], "");
		assert_null(call.options[OPTION_INSTANCE]);
	}
}

static void arguments_have_kinds(void **state)
{
	(void)state;
	assert_int_equal(parse("member show web [2001:db8::1]:443"), 0);
	assert_int_equal(parse("member show web 2001:db8::1"), 0);
	assert_int_equal(parse("pool show web -"), 0);
	assert_int_equal(parse("check"), 0);
	assert_int_equal(call.arg_count, 0);
	assert_int_equal(parse("check some/file.yaml"), 0);
	assert_int_equal(parse("status -v"), 0);
	assert_non_null(call.options[OPTION_VERBOSE]);
}

static void mistakes_are_named(void **state)
{
	(void)state;
	assert_refused("statsu", "unknown command 'statsu'", "did you mean 'stat");
	assert_refused("member wieght web", "unknown command 'member wieght'",
		       "did you mean 'member weight'?");
	assert_refused("zzzzzz", "unknown command 'zzzzzz'", "--help lists");
	assert_refused("member", "a command is missing", "sluicectl member --help");
	assert_refused("status --jsno", "unknown option --jsno", "did you mean --json?");
	assert_refused("status -x", "unknown option -x", "");
	assert_refused("status --pool blue", "status does not take --pool", "usage: ");
	assert_refused("status extra", "unexpected argument 'extra'", "usage: sluicectl status");
	assert_refused("member show web", "MEMBER is missing",
		       "usage: sluicectl member show SERVICE MEMBER [--pool POOL]");
	assert_refused("member show web host.example", "'host.example' is not ADDRESS", "usage");
	assert_refused("member show w/b 10.0.0.1", "SERVICE: 'w/b' is not a name", "usage");
	assert_refused("member weight web 10.0.0.1 -5", "'-5' is not a whole number", "usage");
	assert_refused("member weight web 10.0.0.1 5x", "'5x' is not a whole number", "usage");
	assert_refused("limit mode per-client shadwo", "not one of enforce|shadow|disabled",
		       "did you mean 'shadow'?");
	assert_refused("--pool", "--pool needs POOL", "");
	assert_refused("--json=yes status", "--json takes no value", "");
	assert_refused("bypass limts", "not one of limits|lists|all|none|show",
		       "did you mean 'limits'?");
	assert_refused("bypass all --for 15", "--for: '15' is not a whole number and its unit", "");
	assert_refused("bypass all --for 0s", "'0s' is not long enough: 1s is the least", "");
	assert_refused("--timeout 0 status", "'0' is not seconds", "");
	assert_refused("--pool a --pool b status", "given twice", "");
	assert_refused("a b c d e f g h i j k l m n o p q r s t", "too many arguments", "");
}

static char *help_of(const char *line)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	assert_int_equal(parse(line), 0);
	assert_non_null(call.options[OPTION_HELP]);
	command_help(out, call.command, call.group);
	fclose(out);
	return text;
}

static void help_exists_at_every_level(void **state)
{
	AUTO_FREE char *program = help_of("--help");
	AUTO_FREE char *word = help_of("help member");
	AUTO_FREE char *group = help_of("member -h");

	(void)state;
	assert_string_equal(word, group);
	assert_non_null(strstr(group, "member weight"));
	assert_null(strstr(group, "limit mode"));
	for (size_t i = 0; i < command_count; i++) {
		AUTO_FREE char *line = util_printf("%s --help", commands[i].path);
		AUTO_FREE char *help = help_of(line);
		char usage[160];

		assert_true(command_usage(&commands[i], usage, sizeof(usage)) < sizeof(usage));
		assert_non_null(strstr(help, usage));
		assert_non_null(strstr(help, commands[i].help));
		assert_non_null(strstr(program, commands[i].path));
	}
}

/* "*member weight* _SERVICE_ _MEMBER_ _N_" and "*--pool* _POOL_", as the page marks them up. */
static void manual_knows_every_command_and_option(void **state)
{
	AUTO_FREE char *manual = NULL;
	size_t length;

	(void)state;
	assert_int_equal(util_read_file(MANUAL, 1 << 20, &manual, &length), 0);
	for (size_t i = 0; i < command_count; i++) {
		AUTO_FREE char *line = util_printf("\n*%s*", commands[i].path);

		for (int a = 0; commands[i].args[a] != ARG_NONE; a++) {
			const struct arg_def *def = &arg_defs[commands[i].args[a]];
			char *longer = util_printf(def->is_optional ? "%s [_%s_]" : "%s _%s_", line,
						   def->name);

			util_free_p(&line);
			line = longer;
		}
		if (strstr(manual, line) == NULL)
			fail_msg(MANUAL " has no line that starts with %s", line + 1);
	}
	for (int id = 0; id < OPTION_MAX; id++) {
		AUTO_FREE char *text = util_printf("*--%s*", option_defs[id].name);

		if (strstr(manual, text) == NULL)
			fail_msg(MANUAL " does not know %s", text);
	}
}

static void the_last_argument_may_repeat(void **state)
{
	(void)state;
	assert_int_equal(parse("doctor"), 0);
	assert_int_equal(call.arg_count, 0);
	assert_int_equal(parse("doctor eth0 --json eth1 br-lan.5"), 0);
	assert_int_equal(call.arg_count, 3);
	assert_string_equal(call.args[2], "br-lan.5");
	assert_int_equal(parse("doctor 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"), 0);
	assert_int_equal(call.arg_count, COMMAND_WORDS_MAX);
	assert_refused("doctor 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17",
		       "unexpected argument '17'", "doctor [INTERFACE] [...]");
	assert_refused("doctor eth0 a/b", "INTERFACE: 'a/b' is not the name of a network interface",
		       "usage: sluicectl doctor");
	assert_refused("doctor sixteen-letters-", "is not the name of a network interface", "");
}

static void manual_knows_every_check_of_the_doctor(void **state)
{
	AUTO_FREE char *manual = NULL;
	size_t length;

	(void)state;
	assert_int_equal(util_read_file(MANUAL, 1 << 20, &manual, &length), 0);
	for (size_t i = 0; i < doctor_check_count; i++) {
		AUTO_FREE char *text = util_printf("*%s*", doctor_checks[i].name);

		if (strstr(manual, text) == NULL)
			fail_msg(MANUAL " does not know the check %s", text);
	}
}

static char *completed(int count, ...)
{
	char *words[8];
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	va_list args;

	va_start(args, count);
	for (int i = 0; i < count; i++)
		words[i] = va_arg(args, char *);
	va_end(args);
	complete_print(out, count, words);
	fclose(out);
	return text;
}

static void completion_offers_the_tables(void **state)
{
	AUTO_FREE char *first = completed(1, "me");
	AUTO_FREE char *second = completed(2, "member", "re");
	AUTO_FREE char *option = completed(3, "member", "add", "--w");
	AUTO_FREE char *mode = completed(4, "limit", "mode", "per-client", "");
	AUTO_FREE char *foreign = completed(2, "status", "--po");
	/* Nobody listens there: no names, and no noise. */
	AUTO_FREE char *dead =
		completed(5, "--socket", "/nonexistent/socket", "service", "show", "");

	(void)state;
	assert_string_equal(first, "metrics\nmember\n");
	assert_string_equal(second, "remove\nready\nrestore\n");
	assert_string_equal(option, "--weight\n");
	assert_string_equal(mode, "enforce\nshadow\ndisabled\n");
	assert_string_equal(foreign, "");
	assert_string_equal(dead, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_stand_anywhere),
		cmocka_unit_test(arguments_have_kinds),
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(help_exists_at_every_level),
		cmocka_unit_test(manual_knows_every_command_and_option),
		cmocka_unit_test(manual_knows_every_check_of_the_doctor),
		cmocka_unit_test(the_last_argument_may_repeat),
		cmocka_unit_test(completion_offers_the_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
