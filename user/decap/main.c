/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* sluice-decap: takes tunnel headers off on a backend. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <sluice/gue.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/util.h"
#include "dataplane/decap.h"

enum exit_code { EXIT_OK, EXIT_REFUSED, EXIT_USAGE, EXIT_NO_OBJECT };

struct arguments {
	const char *interface;
	struct decap_prefix from[SLUICE_DECAP_PREFIXES_MAX];
	size_t from_count;
	struct decap_prefix to[SLUICE_DECAP_PREFIXES_MAX];
	size_t to_count;
	uint16_t gue_port;
	bool is_generic;
	bool is_json;
};

static const char *const results[] = {
#define X(name, help) #name,
	SLUICE_DECAP_RESULTS(X)
#undef X
};

static const char *const result_helps[] = {
#define X(name, help) help,
	SLUICE_DECAP_RESULTS(X)
#undef X
};

static void usage(FILE *f)
{
	fputs("sluice-decap: take tunnel headers (IPIP, IP6IP6, 4in6, 6in4, GUE) off on a backend, "
	      "in XDP\n"
	      "\n"
	      "  sluice-decap attach INTERFACE --from PREFIX [--from PREFIX ...]\n"
	      "                                [--to PREFIX ...] [--gue-port PORT]\n"
	      "                                [--generic]\n"
	      "  sluice-decap detach INTERFACE\n"
	      "  sluice-decap show INTERFACE [--json]\n"
	      "\n"
	      "  --from PREFIX   balancer addresses whose tunnels are accepted, as 10.0.0.0/24 or\n"
	      "                  2001:db8::1; packets from anybody else are passed untouched\n"
	      "  --to PREFIX     accept only these inner destinations (the service addresses)\n"
	      "  --gue-port PORT UDP port of mode gue: 6080 without, 0 for none\n"
	      "  --generic       where the driver cannot run XDP; slower\n"
	      "  --json          machine-readable output\n"
	      "  --help, --version\n"
	      "\n"
	      "Attaching again replaces prefixes without a gap and keeps the counters. The "
	      "attachment\n"
	      "ends with the interface or a reboot: start it from the interface's configuration.\n"
	      "The service addresses must also be configured on this host (on lo), as for any "
	      "tunnel.\n"
	      "Exit codes: 0 done, 1 refused, 2 wrong usage, 3 no such interface or program.\n",
	      f);
}

static int fail(const struct err *e)
{
	char text[900];

	err_format(e, NULL, text, sizeof(text));
	fprintf(stderr, "sluice-decap: %s\n", text);
	return e->code == ERR_NOT_FOUND ? EXIT_NO_OBJECT : EXIT_REFUSED;
}

static int misuse(const char *what, const char *value)
{
	fprintf(stderr, "sluice-decap: %s%s%s (see --help)\n", what, value ? ": " : "",
		value ? value : "");
	return EXIT_USAGE;
}

/* "10.0.0.0/24" or a single address; bits behind the length are an error, for they are usually a
 * slip of the length. */
static int parse_prefix(const char *text, struct decap_prefix *ret_prefix, struct err *e)
{
	char address[ADDR_TEXT_MAX], *end = NULL;
	const char *slash = strchr(text, '/');
	struct decap_prefix prefix;
	struct sluice_addr masked;
	unsigned long length;
	unsigned int bits;

	util_copy(address,
		  MIN(sizeof(address), slash ? (size_t)(slash - text) + 1 : sizeof(address)), text);
	if (addr_parse(address, &prefix.addr)) {
		err_set(e, ERR_INVALID, "", "%s is not an address or prefix", text);
		err_hint(e, "write it as 10.0.0.0/24 or 2001:db8::/64");
		return -EINVAL;
	}
	bits = addr_family(&prefix.addr) == SLUICE_FAMILY_V4 ? 32 : 128;
	length = slash ? strtoul(slash + 1, &end, 10) : bits;
	if (slash &&
	    (end == slash + 1 || *end || slash[1] == '-' || slash[1] == '+' || length > bits)) {
		err_set(e, ERR_INVALID, "", "%s: the prefix length must be 0 to %u", text, bits);
		return -EINVAL;
	}
	prefix.length = (unsigned int)length;
	masked = prefix.addr;
	addr_mask(&masked, prefix.length);
	if (!addr_equal(&masked, &prefix.addr)) {
		err_set(e, ERR_INVALID, "", "%s has bits set behind its prefix length", text);
		err_hint(e, "meant %s/%u?", addr_format(&masked, address), prefix.length);
		return -EINVAL;
	}
	*ret_prefix = prefix;
	return 0;
}

static int add_prefix(const char *text, struct decap_prefix *prefixes, size_t *count, struct err *e)
{
	if (*count == SLUICE_DECAP_PREFIXES_MAX)
		return err_set(e, ERR_CAPACITY, "", "more than %u prefixes; give wider ones",
			       SLUICE_DECAP_PREFIXES_MAX);
	if (parse_prefix(text, &prefixes[*count], e))
		return -EINVAL;
	(*count)++;
	return 0;
}

static int parse_port(const char *text, uint16_t *ret_port, struct err *e)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || port > UINT16_MAX)
		return err_set(e, ERR_INVALID, "", "--gue-port %s: must be 0 to 65535", text);
	*ret_port = (uint16_t)port;
	return 0;
}

static int run_attach(const struct arguments *args)
{
	struct decap_options options = {
		.interface = args->interface,
		.from = args->from,
		.from_count = args->from_count,
		.to = args->to,
		.to_count = args->to_count,
		.gue_port = args->gue_port,
		.is_generic = args->is_generic,
	};
	struct err e = {};
	bool is_replaced;

	if (!args->from_count)
		return misuse("attach needs at least one --from PREFIX", NULL);
	if (decap_attach(&options, &is_replaced, &e))
		return fail(&e);
	printf("%s: %s, %s mode, %zu balancer prefix%s\n", args->interface,
	       is_replaced ? "replaced" : "attached", args->is_generic ? "generic" : "native",
	       args->from_count, args->from_count == 1 ? "" : "es");
	return EXIT_OK;
}

static int run_detach(const struct arguments *args)
{
	struct err e = {};

	if (decap_detach(args->interface, &e))
		return fail(&e);
	printf("%s: detached\n", args->interface);
	return EXIT_OK;
}

static json_t *prefixes_json(const struct decap_prefix *prefixes, size_t count)
{
	json_t *list = json_array();
	char text[ADDR_TEXT_MAX];
	size_t i;

	for (i = 0; i < count; i++)
		json_array_append_new(list,
				      json_sprintf("%s/%u", addr_format(&prefixes[i].addr, text),
						   prefixes[i].length));
	return list;
}

static void show_json(const struct decap_state *state)
{
	json_t *counters = json_object();
	json_t *root;
	size_t i;

	for (i = 0; i < SLUICE_DECAP_MAX; i++)
		json_object_set_new(counters, results[i],
				    json_pack("{s:I, s:I}", "packets",
					      (json_int_t)state->stats[i].packets, "bytes",
					      (json_int_t)state->stats[i].bytes));
	root = json_pack("{s:s, s:s, s:i, s:I, s:o, s:o, s:o}", "interface", state->interface,
			 "mode", state->is_generic ? "generic" : "native", "program_id",
			 (int)state->program_id, "since", (json_int_t)state->since_s, "from",
			 prefixes_json(state->from, state->from_count), "to",
			 prefixes_json(state->to, state->to_count), "counters", counters);
	json_dumpf(root, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(root);
}

static void show_prefixes(const char *label, const struct decap_prefix *prefixes, size_t count)
{
	char text[ADDR_TEXT_MAX];
	size_t i;

	printf("%-9s", label);
	for (i = 0; i < count; i++)
		printf("%s%s/%u", i ? ", " : "", addr_format(&prefixes[i].addr, text),
		       prefixes[i].length);
	puts(count ? "" : "any");
}

static int run_show(const struct arguments *args)
{
	AUTO_FREE struct decap_state *state = util_alloc(sizeof(*state));
	struct err e = {};
	size_t i;

	if (decap_read(args->interface, state, &e))
		return fail(&e);
	if (args->is_json) {
		show_json(state);
		return EXIT_OK;
	}
	printf("%s: %s XDP, program %u\n", state->interface,
	       state->is_generic ? "generic" : "native", state->program_id);
	show_prefixes("from", state->from, state->from_count);
	show_prefixes("to", state->to, state->to_count);
	printf("\n%-14s %14s %16s\n", "RESULT", "PACKETS", "BYTES");
	for (i = 0; i < SLUICE_DECAP_MAX; i++)
		printf("%-14s %14" PRIu64 " %16" PRIu64 "  %s\n", results[i],
		       (uint64_t)state->stats[i].packets, (uint64_t)state->stats[i].bytes,
		       result_helps[i]);
	return EXIT_OK;
}

static const struct {
	const char *name;
	int (*run)(const struct arguments *args);
	const char *options; /* of parse_arguments(), that it takes */
} commands[] = {
	{"attach", run_attach, "ftgu"},
	{"detach", run_detach, ""},
	{"show", run_show, "j"},
};

static int parse_arguments(int argc, char **argv, const char *allowed, struct arguments *args)
{
	static const struct option options[] = {
		{"from", required_argument, NULL, 'f'},	    {"to", required_argument, NULL, 't'},
		{"gue-port", required_argument, NULL, 'u'}, {"generic", no_argument, NULL, 'g'},
		{"json", no_argument, NULL, 'j'},	    {},
	};
	struct err e = {};
	int option, ret = 0;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == '?')
			return EXIT_USAGE; /* getopt has said why */
		if (!strchr(allowed, option))
			return misuse("this command does not take the option", argv[optind - 1]);
		if (option == 'f')
			ret = add_prefix(optarg, args->from, &args->from_count, &e);
		else if (option == 't')
			ret = add_prefix(optarg, args->to, &args->to_count, &e);
		else if (option == 'u')
			ret = parse_port(optarg, &args->gue_port, &e);
		else if (option == 'g')
			args->is_generic = true;
		else
			args->is_json = true;
		if (ret) {
			fail(&e);
			return EXIT_USAGE;
		}
	}
	if (optind + 1 != argc)
		return misuse(optind == argc ? "which interface?" : "one interface at a time",
			      NULL);
	args->interface = argv[optind];
	return EXIT_OK;
}

int main(int argc, char **argv)
{
	AUTO_FREE struct arguments *args = util_alloc(sizeof(*args));
	size_t i;
	int ret;

	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		usage(stdout);
		return EXIT_OK;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("sluice-decap " SLUICE_VERSION);
		return EXIT_OK;
	}
	args->gue_port = SLUICE_GUE_PORT;
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[1], commands[i].name))
			continue;
		if (argc == 3 && !strcmp(argv[2], "--help")) {
			usage(stdout);
			return EXIT_OK;
		}
		argv[1] = argv[0]; /* getopt names the program in its messages */
		ret = parse_arguments(argc - 1, argv + 1, commands[i].options, args);
		return ret ? ret : commands[i].run(args);
	}
	return misuse("unknown command", argv[1]);
}
