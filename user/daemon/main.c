/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* sluiced(8): options, and the two things it does without becoming a daemon. */
#include "daemon/daemon.h"

#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <string.h>

#include <sluice/abi.h>

#include "base/clock.h"
#include "base/program.h"
#include "core/overhead.h"
#include "daemon/lock.h"
#include "dataplane/claim.h"
#include "daemon/privileges.h"

#define EXIT_USAGE 2

static const char help[] =
	"usage: sluiced [OPTION]...\n"
	"Balances and limits traffic in XDP; stays in the foreground, logs to standard error.\n"
	"\n"
	"  --config FILE      configuration, " DAEMON_CONFIG_PATH "\n"
	"  --check FILE       check a configuration, print every mistake, and exit\n"
	"  --instance NAME    separates pins, sockets and locks of several daemons\n"
	"  --run-dir DIR      directory of sockets and locks, " DAEMON_RUN_DIRECTORY "\n"
	"  --state-dir DIR    directory of what outlives the daemon, " DAEMON_STATE_DIRECTORY "\n"
	"  --log-level LEVEL  error, warning, info (default) or debug\n"
	"  --try SECONDS      on trial: detach and end by itself after so long, 1 to 86400, "
	"unless\n"
	"                     sluicectl confirm comes first\n"
	"  --cold-start       where pinned maps cannot be adopted (another ABI, another "
	"hash_seed,\n"
	"                     damage), let new ones take over: some connections break, see "
	"sluicectl\n"
	"                     upgrade-check\n"
	"  --cleanup          detach the program, remove the instance's pins, and exit\n"
	"  --version          print the version and exit\n"
	"  --help             print this and exit\n"
	"\n"
	"SIGHUP reads the configuration again; SIGTERM and SIGINT end the daemon and leave "
	"packets\n"
	"flowing. Without a daemon: sluiced --cleanup, or sluicectl detach.\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage.\n";

enum action { ACTION_RUN, ACTION_CHECK, ACTION_CLEANUP, ACTION_VERSION, ACTION_HELP };

struct command {
	enum action action;
	const char *check_path;
	struct daemon_options daemon;
};

static void print_overhead(const struct config *config)
{
	struct overhead_use uses[OVERHEAD_USES_MAX];
	size_t count = overhead_collect(config, uses), i;
	char text[256];

	for (i = 0; i < count; i++) {
		overhead_describe(&uses[i], OVERHEAD_MTU, text, sizeof(text));
		printf("%s\n", text);
	}
}

static void complain_of(const struct err *e, const char *path)
{
	char line[1100];

	err_format(e, path, line, sizeof(line));
	fprintf(stderr, "%s\n", line);
}

static void print_mistakes(const char *path, struct errs *errors)
{
	char line[1100];
	size_t i;

	for (i = 0; i < errors->count; i++) {
		err_format(&errors->list[i], path, line, sizeof(line));
		fprintf(stderr, "%s\n", line);
	}
	fprintf(stderr, "%s: %zu error%s\n", path, errors->count, errors->count == 1 ? "" : "s");
	errs_done(errors);
}

static int check_file(const char *path)
{
	struct sources sources = {0};
	struct errs errors = {0};
	struct config *config = NULL;
	struct err e = {0};
	int r = sources_read(path, util_read_file, &sources, &e);

	if (r) {
		complain_of(&e, path);
		return 1;
	}
	r = config_parse_files(sources.list, sources.count, &config, &errors);
	if (!r)
		r = config_load_lists(config, util_read_file, &errors);
	if (!r)
		r = config_check_files(config, program_look, &errors);
	if (!r)
		r = model_check_config(config, clock_jiffy_ns(), &errors);
	if (r) {
		print_mistakes(path, &errors);
	} else {
		printf("%s: ok (services %zu, members %zu, limits %zu)\n", path,
		       config->service_count, config_member_count(config), config->limit_count);
		print_overhead(config);
	}
	config_free(config);
	sources_done(&sources);
	return r ? 1 : 0;
}

static int complain(const struct err *e)
{
	char line[800];

	err_format(e, NULL, line, sizeof(line));
	fprintf(stderr, "sluiced: %s\n", line);
	return 1;
}

/* The configuration is not needed: it may be what is broken. */
static int cleanup(const struct daemon_options *options)
{
	const char *instance = options->instance ? options->instance : "default";
	AUTO_CLOSE int lock = -1;
	int claim = -1, r;
	char directory[256], names[512] = "";
	struct err e = {0};

	if (privileges_check(&e))
		return complain(&e);
	snprintf(directory, sizeof(directory), "%s/%s", options->run_directory, instance);
	lock = lock_take(directory, instance, false, &e);
	if (lock == -EBUSY)
		err_hint(&e, "sluicectl detach ends it and removes everything");
	if (lock < 0)
		return complain(&e);
	claim = claim_take(instance, &e);
	if (claim < 0)
		return complain(&e);
	r = dp_bpf_cleanup(instance, names, sizeof(names), &e);
	claim_end(claim, instance);
	if (r)
		return complain(&e);
	if (names[0])
		printf("detached: %s; pins of instance %s removed\n", names, instance);
	else
		printf("nothing was attached; pins of instance %s removed\n", instance);
	return 0;
}

static int set_level(const char *word)
{
	static const char *const words[LOG_LEVEL_MAX] = {"error", "warning", "info", "debug"};
	enum log_level level;

	for (level = 0; level < LOG_LEVEL_MAX; level++) {
		if (!strcmp(words[level], word)) {
			log_set_level(level);
			return 0;
		}
	}
	fprintf(stderr, "sluiced: log level %s is not one of error, warning, info, debug\n", word);
	return -EINVAL;
}

static int set_try(const char *text, uint64_t *ret_seconds)
{
	size_t digits = strspn(text, "0123456789");
	uint64_t seconds = digits && digits < 10 && !text[digits] ? strtoull(text, NULL, 10) : 0;

	if (!seconds || seconds > CONTROL_TRIAL_MAX_S) {
		fprintf(stderr, "sluiced: --try %s: seconds, 1 to %d\n", text, CONTROL_TRIAL_MAX_S);
		return -EINVAL;
	}
	*ret_seconds = seconds;
	return 0;
}

static int parse(int argc, char **argv, struct command *command)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", required_argument, NULL, 'k'},
		{"instance", required_argument, NULL, 'i'},
		{"run-dir", required_argument, NULL, 'r'},
		{"state-dir", required_argument, NULL, 's'},
		{"log-level", required_argument, NULL, 'l'},
		{"try", required_argument, NULL, 't'},
		{"cold-start", no_argument, NULL, 'o'},
		{"cleanup", no_argument, NULL, 'x'},
		{"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			command->daemon.config_path = optarg;
			break;
		case 'k':
			command->action = ACTION_CHECK;
			command->check_path = optarg;
			break;
		case 'i':
			command->daemon.instance = optarg;
			break;
		case 'r':
			command->daemon.run_directory = optarg;
			break;
		case 's':
			command->daemon.state_directory = optarg;
			break;
		case 'l':
			if (set_level(optarg))
				return -EINVAL;
			break;
		case 't':
			if (set_try(optarg, &command->daemon.try_s))
				return -EINVAL;
			break;
		case 'o':
			command->daemon.may_start_cold = true;
			break;
		case 'x':
			command->action = ACTION_CLEANUP;
			break;
		case 'v':
			command->action = ACTION_VERSION;
			break;
		case 'h':
			command->action = ACTION_HELP;
			break;
		default:
			return -EINVAL;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "sluiced: unexpected argument %s\n", argv[optind]);
		return -EINVAL;
	}
	if (command->daemon.instance && !util_name_is_valid(command->daemon.instance)) {
		fprintf(stderr, "sluiced: instance %s: a name is 1..63 of letters, digits, . _ -\n",
			command->daemon.instance);
		return -EINVAL;
	}
	return 0;
}

/* What is larger is given back as soon as it is freed. Without being told, the C library moves this limit up with
 * what it sees freed, and keeps the records of a storm between others that stay. */
#define MAPPED_BYTES 65536

int main(int argc, char **argv)
{
	struct command command = {
		.daemon = {.config_path = DAEMON_CONFIG_PATH,
			   .run_directory = DAEMON_RUN_DIRECTORY,
			   .state_directory = DAEMON_STATE_DIRECTORY},
	};

	if (parse(argc, argv, &command)) {
		fprintf(stderr, "sluiced --help shows the options\n");
		return EXIT_USAGE;
	}
	switch (command.action) {
	case ACTION_CHECK:
		return check_file(command.check_path);
	case ACTION_CLEANUP:
		return cleanup(&command.daemon);
	case ACTION_VERSION:
		printf("sluiced %s (abi %d)\n", SLUICE_VERSION, SLUICE_ABI);
		return 0;
	case ACTION_HELP:
		fputs(help, stdout);
		return 0;
	default:
		mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);
		return daemon_run(&command.daemon);
	}
}
