/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* limit suggest: what the sources of a service send, and a limit that would have refused none. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "cli/client.h"
#include "cli/field.h"
#include "cli/render.h"
#include "cli/run.h"
#include "cli/table.h"
#include "cli/text.h"
#include "core/measurement.h"

#define POLL_US 500000

static volatile sig_atomic_t is_interrupted;

static void on_interrupt(int number)
{
	(void)number;
	is_interrupted = 1;
}

static const char *text_value(const char *unit, double value, char buffer[TEXT_MAX])
{
	return strcmp(unit, "bytes") == 0 ? text_bytes(value, buffer) : text_si(value, buffer);
}

static void add_ranks(struct table *table, const char *unit, const char *title, const json_t *ranks)
{
	static const char *const keys[] = {"p50", "p99", "p99_9", "max"};
	char text[TEXT_MAX];

	table_row(table);
	table_textf(table, "%s/s", unit);
	table_text(table, title);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		table_text(table, text_value(unit, field_number(ranks, keys[i], 0), text));
}

static void render_percentiles(const struct view *view, const json_t *units)
{
	static const struct table_column columns[] = {
		{"OF EACH SOURCE", false, 0, 0},
		{"", false, 0, 0},
		{"50TH", true, 0, 0},
		{"99TH", true, 0, 0},
		{"99.9TH", true, 0, 0},
		{"MAX", true, 0, 0},
	};
	AUTO_TABLE struct table *table = table_new(columns, ARRAY_SIZE(columns));
	const json_t *unit;
	size_t i;

	json_array_foreach (units, i, unit) {
		const char *name = field_text(unit, "unit", "?");

		add_ranks(table, name, "average", json_object_get(unit, "average"));
		add_ranks(table, name, "busiest second", json_object_get(unit, "busiest_second"));
	}
	table_print(table, view);
}

static void render_limit_line(const struct view *view, const char *label, const json_t *document,
			      const char *unit, const json_t *limit)
{
	const json_t *list = json_object_get(limit, "loudest_above"), *loud;
	char all[TEXT_MAX], above[TEXT_MAX], text[TEXT_MAX], names[400] = "";
	size_t used = 0, i;

	render_field(view, label,
		     "{count: %s, rate: %s, burst: %s, per: {ipv4: %u, ipv6: %u}, mode: shadow}",
		     unit, field_text(limit, "rate", "?"), field_text(limit, "burst", "?"),
		     (unsigned int)field_count(document, "prefix4"),
		     (unsigned int)field_count(document, "prefix6"));
	json_array_foreach (list, i, loud) {
		if (used < sizeof(names))
			used += (size_t)snprintf(
				names + used, sizeof(names) - used, "%s%s (%s/s)", i ? ", " : ": ",
				field_text(loud, "source", "?"),
				text_value(unit, field_number(loud, "per_s", 0), text));
	}
	if (json_is_true(json_object_get(limit, "is_short")))
		render_field(view, "",
			     "careful: the largest that a limit can be; it may refuse others than "
			     "those above it");
	render_field(view, "", "%s of %s sources were above it%s",
		     text_count(field_count(limit, "sources_above"), above),
		     text_count(field_count(document, "sources"), all), names);
}

static void render_suggestion(const struct view *view, const json_t *document, const json_t *unit)
{
	const json_t *suggestion = json_object_get(unit, "suggestion");
	const json_t *lower = json_object_get(unit, "lower");
	const char *name = field_text(unit, "unit", "?");
	const char *label = strcmp(name, "new-connections") == 0 ? "new conn" : name;

	if (!json_is_object(suggestion)) {
		render_field(view, label, "none: %s", field_text(unit, "why_not", "?"));
		return;
	}
	render_limit_line(view, label, document, name, suggestion);
	if (!json_is_object(lower))
		return;
	render_field(view, "",
		     "careful: the 99.9th percentile is more than 10 times the 99th; "
		     "if those sources are not honest, from the 99th:");
	render_limit_line(view, "", document, name, lower);
}

static bool is_any_short(const json_t *units)
{
	const json_t *unit;
	size_t i;

	json_array_foreach (units, i, unit) {
		if (json_is_true(json_object_get(json_object_get(unit, "suggestion"), "is_short")))
			return true;
	}
	return false;
}

void render_measurement(const struct view *view, const json_t *document)
{
	uint64_t sources = field_count(document, "sources"), part, missed;
	const json_t *units = json_object_get(document, "units"), *unit;
	char count[TEXT_MAX];
	size_t i;

	part = field_count(document, "sampled_one_in");
	missed = field_count(document, "packets_missed");
	fprintf(view->out, "service %s: %s source%s (IPv4 /%u, IPv6 /%u) in %u s",
		field_text(document, "service", "?"), text_count(sources, count),
		sources == 1 ? "" : "s", (unsigned int)field_count(document, "prefix4"),
		(unsigned int)field_count(document, "prefix6"),
		(unsigned int)field_count(document, "measured_s"));
	if (part > 1)
		fprintf(view->out, ", one in %u of them all", (unsigned int)part);
	if (missed > 0)
		fprintf(view->out, "; %s packets of others were not looked at",
			text_count(missed, count));
	fputs("\n\n", view->out);
	render_percentiles(view, units);
	fprintf(view->out, "\na limit%s:\n",
		is_any_short(units) ? "" : " that would have refused none of them");
	json_array_foreach (units, i, unit) {
		render_suggestion(view, document, unit);
	}
	fputs("\nThe rate is 1.5 times the 99.9th percentile of busiest seconds, the burst twice "
	      "that,\nor the least or most that a limit can have; with a burst of twice the rate "
	      "no "
	      "source is refused\nwhose busiest second is not above the rate. On this node "
	      "alone.\n",
	      view->out);
}

/* Until the measurement is over; an interrupt ends it, with what there is. */
static int follow(const struct cli *cli, const char *path, struct answer *ret_answer)
{
	struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESETHAND};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	for (;;) {
		int r = client_call(cli, is_interrupted ? "DELETE" : "GET", path, NULL, ret_answer);

		if (r != CLI_OK ||
		    strcmp(field_text(ret_answer->document, "state", "?"), "running") != 0)
			return r;
		answer_done(ret_answer);
		if (!is_interrupted)
			usleep(POLL_US);
	}
}

static int add_number(const struct cli *cli, json_t *body, enum option_id id, const char *key,
		      long max)
{
	const char *text = cli_option(cli, id);
	long value = text != NULL ? atol(text) : 0;

	if (text == NULL)
		return CLI_OK;
	if (value < 1 || value > max) {
		cli_error("--%s %s: 1 to %ld", option_defs[id].name, text, max);
		return CLI_USAGE;
	}
	json_object_set_new(body, key, json_integer(value));
	return CLI_OK;
}

static int make_body(const struct cli *cli, json_t *body)
{
	const char *text = cli_option(cli, OPTION_FOR);
	uint64_t seconds = MEASUREMENT_S_DEFAULT;
	int r = add_number(cli, body, OPTION_PREFIX4, "prefix4", 32);

	if (r == CLI_OK)
		r = add_number(cli, body, OPTION_PREFIX6, "prefix6", 128);
	if (r != CLI_OK)
		return r;
	if (text != NULL && text_parse_duration(text, &seconds) == 0 &&
	    seconds > MEASUREMENT_S_MAX) {
		cli_error("--for %s: a measurement lasts an hour at most", text);
		return CLI_USAGE;
	}
	json_object_set_new(body, "service", json_string(cli_arg(cli, 0)));
	json_object_set_new(body, "for_s", json_integer((json_int_t)seconds));
	return CLI_OK;
}

int run_limit_suggest(struct cli *cli)
{
	AUTO_ANSWER struct answer started = {0}, last = {0};
	AUTO_FREE char *path = NULL;
	json_t *body = json_object();
	int r = make_body(cli, body);

	if (r == CLI_OK)
		r = client_call(cli, "POST", "/v1/measurements", body, &started);
	json_decref(body);
	if (r != CLI_OK)
		return r;
	path = util_printf("/v1/measurements/%llu",
			   (unsigned long long)field_count(started.document, "id"));
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "measuring for %u s; interrupt to end it now\n",
			(unsigned int)field_count(started.document, "for_s"));
	r = follow(cli, path, &last);
	if (r != CLI_OK)
		return r;
	if (cli->is_json)
		client_print_body(cli, &last);
	else
		render_measurement(&cli->view, last.document);
	return CLI_OK;
}
