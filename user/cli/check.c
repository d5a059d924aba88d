/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `sluicectl check`: the rules of the daemon, without the daemon. */
#include "cli/check.h"

#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/program.h"
#include "base/util.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/field.h"
#include "cli/render.h"
#include "cli/run.h"
#include "cli/table.h"
#include "cli/text.h"
#include "core/config.h"
#include "core/limit_bound.h"
#include "core/model.h"
#include "core/overhead.h"
#include "dataplane/doctor.h"
#include "state/sources.h"

/* Bytes in front of a packet to members of either family, the most that a pool adds. */
struct cost {
	uint32_t bytes4, bytes6;
	size_t members;
};

static struct cost service_cost(const struct service_config *service)
{
	struct cost cost = {0};

	for (size_t p = 0; p < service->pool_count; p++) {
		const struct pool_config *pool = &service->pools[p];

		cost.members += pool->member_count;
		for (size_t m = 0; m < pool->member_count; m++) {
			enum sluice_family outer = addr_family(&pool->members[m].addr);

			uint32_t *bytes = outer == SLUICE_FAMILY_V4 ? &cost.bytes4 : &cost.bytes6;

			*bytes = MAX(*bytes, overhead_bytes(pool->mode, outer));
		}
	}
	return cost;
}

static void table_cost(struct table *table, const struct cost *cost)
{
	if (cost->bytes4 && cost->bytes6)
		table_textf(table, "%u bytes, %u to IPv6 members", cost->bytes4, cost->bytes6);
	else if (cost->bytes4 || cost->bytes6)
		table_textf(table, "%u bytes", cost->bytes4 + cost->bytes6);
	else
		table_text(table, "nothing");
}

static const char *mode_name(const struct service_config *service)
{
	for (size_t p = 1; p < service->pool_count; p++)
		if (service->pools[p].mode != service->pools[0].mode)
			return "mixed";
	return overhead_mode_name(service->pool_count > 0 ? service->pools[0].mode : service->mode);
}

static void print_services(const struct view *view, const struct config *config)
{
	static const struct table_column columns[] = {
		{"SERVICE", false, 0, 12},
		{"LISTEN", false, 0, 24},
		{"MODE", false, 0, 0},
		{"MEMBERS", true, 0, 0},
		{"EACH PACKET GROWS BY", false, 0, 0},
	};
	AUTO_TABLE struct table *table = table_new(columns, ARRAY_SIZE(columns));

	for (size_t i = 0; i < config->service_count; i++) {
		const struct service_config *service = &config->services[i];
		struct cost cost = service_cost(service);
		char endpoint[ENDPOINT_TEXT_MAX];

		table_row(table);
		table_text(table, service->name);
		table_textf(table, "%s %s", service->proto == IPPROTO_UDP ? "udp" : "tcp",
			    addr_format_endpoint(&service->addr, service->port, endpoint));
		table_text(table, mode_name(service));
		table_textf(table, "%zu", cost.members);
		table_cost(table, &cost);
	}
	table_print(table, view);
}

static const char *plural(size_t count)
{
	return count == 1 ? "" : "s";
}

/* What each mode costs, and what the backends have to be told. */
static void print_uses(const struct cli *cli, const struct overhead_use *uses, size_t count)
{
	bool is_tunnelled = false;
	char text[256];

	fputc('\n', cli->view.out);
	for (size_t i = 0; i < count; i++) {
		overhead_describe(&uses[i], OVERHEAD_MTU, text, sizeof(text));
		text_wrap(cli->view.out, "", 2, text, cli->view.width);
		is_tunnelled |= uses[i].bytes > 0;
	}
	if (is_tunnelled)
		text_wrap(cli->view.out, "", 2,
			  "Set that advmss on the backends' routes to clients, or raise the MTU "
			  "between here and the backends.",
			  cli->view.width);
}

/* What the doctor says of room for the maps on this host. */
static void add_memory_warnings(const struct cli *cli, const struct config *config,
				json_t *warnings)
{
	const char *instance = cli_option(cli, OPTION_INSTANCE);
	const struct doctor_question question = {
		.config = config,
		.instance = instance != NULL ? instance : config->instance,
		.is_brief = true,
	};
	struct doctor_facts *facts = doctor_gather(&question);
	struct doctor_report report = {0};

	doctor_judge(facts, &report);
	for (size_t i = 0; i < report.count; i++) {
		const struct finding *finding = &report.list[i];

		if (finding->severity >= DOCTOR_WARNING && strcmp(finding->check, "memory") == 0)
			json_array_append_new(warnings, json_sprintf("%s on this host: %s",
								     finding->text, finding->fix));
	}
	doctor_report_done(&report);
	doctor_facts_free(facts);
}

/* Whether they resolve here says little of the host that the file is for. */
static void add_name_warning(const struct config *config, json_t *warnings)
{
	const char *first = NULL;
	size_t count = 0;

	for (size_t s = 0; s < config->service_count; s++)
		for (size_t p = 0; p < config->services[s].pool_count; p++) {
			const struct name_set *names = config->services[s].pools[p].names;

			if (names != NULL && first == NULL)
				first = name_set_at(names, 1);
			count += names != NULL ? names->count : 0;
		}
	if (count == 1)
		json_array_append_new(
			warnings, json_sprintf("%s is not looked up here; a reload does", first));
	else if (count > 1)
		json_array_append_new(warnings,
				      json_sprintf("%s and other host names, %zu in all, "
						   "are not looked up here; a reload does",
						   first, count));
}

/* What is right, and yet may not be meant. */
static json_t *warnings_of(const struct cli *cli, const struct config *config)
{
	json_t *warnings = json_array();
	uint64_t sources = 0;
	char text[400];

	for (size_t i = 0; i < config->limit_count; i++)
		sources += config->limits[i].sources;
	for (size_t i = 0; i < config->limit_count; i++) {
		const struct limit_config *limit = &config->limits[i];

		if (limit_bound_warn(limit, sources - limit->sources,
				     config->capacity.limit_sources, text, sizeof(text)))
			json_array_append_new(warnings, json_string(text));
	}
	add_name_warning(config, warnings);
	add_memory_warnings(cli, config, warnings);
	return warnings;
}

static void print_warnings(const struct cli *cli, const struct config *config)
{
	json_t *warnings = warnings_of(cli, config), *warning;
	size_t i;

	json_array_foreach (warnings, i, warning) {
		if (i == 0)
			fputc('\n', cli->view.out);
		text_wrap(cli->view.out, "warning: ", 2, json_string_value(warning),
			  cli->view.width);
	}
	json_decref(warnings);
}

static void print_json(const struct cli *cli, const struct config *config,
		       const struct overhead_use *uses, size_t count)
{
	json_t *modes = json_array(), *document;

	for (size_t i = 0; i < count; i++) {
		const struct overhead_use *use = &uses[i];
		uint32_t room = OVERHEAD_MTU - use->bytes;

		json_array_append_new(modes,
				      json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:i}", "mode",
						overhead_mode_name(use->mode), "services",
						(int)use->services, "inner",
						use->inner == SLUICE_FAMILY_V4 ? 4 : 6, "outer",
						use->outer == SLUICE_FAMILY_V4 ? 4 : 6, "bytes",
						(int)use->bytes, "mtu", OVERHEAD_MTU, "advmss",
						(int)overhead_mss(room, use->inner)));
	}
	document = json_pack("{s:b, s:I, s:I, s:I, s:o, s:o}", "ok", 1, "services",
			     (json_int_t)config->service_count, "members",
			     (json_int_t)config_member_count(config), "limits",
			     (json_int_t)config->limit_count, "modes", modes, "warnings",
			     warnings_of(cli, config));
	json_dumpf(document, cli->view.out, JSON_COMPACT);
	fputc('\n', cli->view.out);
	json_decref(document);
}

static void print_good(const struct cli *cli, const char *file, const struct config *config)
{
	struct overhead_use uses[OVERHEAD_USES_MAX];
	size_t use_count = overhead_collect(config, uses);
	size_t members = config_member_count(config);
	char text[512];

	if (cli->is_json) {
		print_json(cli, config, uses, use_count);
		return;
	}
	snprintf(text, sizeof(text), "%s: %zu service%s, %zu member%s, %zu limit%s", file,
		 config->service_count, plural(config->service_count), members, plural(members),
		 config->limit_count, plural(config->limit_count));
	render_verdict(&cli->view, "ok", text);
	if (config->service_count > 0) {
		fputc('\n', cli->view.out);
		print_services(&cli->view, config);
		print_uses(cli, uses, use_count);
	}
	print_warnings(cli, config);
}

static void print_errors(const struct cli *cli, const char *file, const struct errs *errors)
{
	json_t *list = json_array();

	for (size_t i = 0; i < errors->count; i++) {
		const struct err *e = &errors->list[i];
		AUTO_FREE char *told = NULL;
		char text[1024];

		err_format(e, file, text, sizeof(text));
		told = cli_as_told(text);
		fprintf(stderr, "%s\n", told);
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:i}", "code",
						      err_code_name(e->code), "message", e->text,
						      "hint", e->hint, "path", e->path, "file",
						      e->file[0] ? e->file : file, "line", e->line,
						      "column", e->column));
	}
	cli_error("%s: %zu mistake%s", file, errors->count, plural(errors->count));
	if (cli->is_json && errors->count > 0) {
		json_t *document =
			json_pack("{s:O, s:O}", "error", json_array_get(list, 0), "errors", list);

		json_dumpf(document, cli->view.out, JSON_COMPACT);
		fputc('\n', cli->view.out);
		json_decref(document);
	}
	json_decref(list);
}

char *check_file(const struct cli *cli)
{
	AUTO_ANSWER struct answer answer = {0};
	const char *path = "";

	if (cli_arg(cli, 0) != NULL)
		return util_strdup(cli_arg(cli, 0));
	if (client_request(cli, "GET", "/v1/version", NULL, &answer) == CLIENT_ANSWERED)
		path = field_text(answer.document, "config_path", "");
	return util_strdup(path[0] != '\0' ? path : CLI_CONFIG_FILE);
}

int check_load(const struct cli *cli, const char *file, struct sources *ret_sources,
	       struct config **ret_config)
{
	struct errs errors = {0};
	struct config *config = NULL;
	struct sources sources = {0};
	struct err e = {0};
	int r = sources_read(file, util_read_input, &sources, &e);

	if (r < 0) {
		char line[1024];

		err_format(&e, file, line, sizeof(line));
		cli_error("%s", line);
		if (r == -EFBIG)
			cli_hint("a configuration has at most 16 MiB");
		return r == -EACCES ? CLI_FORBIDDEN : r == -ENOENT ? CLI_NOT_FOUND : CLI_FALSE;
	}
	r = config_parse_files(sources.list, sources.count, &config, &errors);
	if (r == 0)
		r = config_load_lists(config, util_read_file, &errors);
	if (r == 0)
		r = config_check_files(config, program_look, &errors);
	if (r == 0)
		r = model_check_config(config, clock_jiffy_ns(), &errors);
	if (r != 0) {
		print_errors(cli, file, &errors);
		config_free(config);
		sources_done(&sources);
	} else {
		*ret_sources = sources;
		*ret_config = config;
	}
	errs_done(&errors);
	return r == 0 ? CLI_OK : CLI_FALSE;
}

int run_check(struct cli *cli)
{
	AUTO_FREE char *file = check_file(cli);
	struct sources sources = {0};
	struct config *config = NULL;
	int r = check_load(cli, file, &sources, &config);

	if (r == CLI_OK)
		print_good(cli, file, config);
	config_free(config);
	sources_done(&sources);
	return r;
}
