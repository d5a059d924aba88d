/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/config_yaml.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "core/config.h"

struct line {
	const char *text;
	size_t length;
};

/* The line of a 1-based number; empty if there is none. */
static struct line find_line(const char *text, size_t length, int number)
{
	const char *end = text + length, *next;

	for (; number > 1 && text < end; number--) {
		next = memchr(text, '\n', (size_t)(end - text));
		text = next ? next + 1 : end;
	}
	next = text < end ? memchr(text, '\n', (size_t)(end - text)) : NULL;
	return (struct line){text, (size_t)((next ? next : end) - text)};
}

/* Number of the line that holds the text's last byte. */
static int last_line(const char *text, size_t length)
{
	int line = 1;

	for (size_t i = 0; i + 1 < length; i++)
		line += text[i] == '\n';
	return line;
}

static bool line_has(struct line line, const char *what)
{
	return line.length > 0 && memmem(line.text, line.length, what, strlen(what)) != NULL;
}

static void hint_for_line(struct err *e, struct line line)
{
	if (line_has(line, "{{") || line_has(line, "{%") || line_has(line, "<%"))
		err_hint(e, "this looks like a template that was not filled in");
	else if (line_has(line, "\t"))
		err_hint(e, "YAML indents with spaces: replace the tab");
	else if (line_has(line, "[") && line_has(line, "::"))
		err_hint(e, "inside [...] or {...} put an IPv6 address with "
			    "brackets or a colon at its end in quotes");
	else if (line_has(line, "<<<<<<<") || line_has(line, ">>>>>>>"))
		err_hint(e, "this looks like an unresolved merge conflict");
}

/* libyaml's own account of what it could not read. */
static void add_parser_error(const yaml_parser_t *parser, const char *text, size_t length,
			     struct errs *errors)
{
	const char *problem = parser->problem ? parser->problem : "cannot be read as YAML";
	struct err *e;
	int line;

	if (parser->error == YAML_READER_ERROR) { /* has an offset instead of a mark */
		size_t offset = MIN(parser->problem_offset, length);

		line = last_line(text, offset + 1);
		e = errs_add(errors, ERR_SYNTAX, NULL, "not UTF-8 text: %s at byte %zu", problem,
			     offset);
		e->line = line;
		err_hint(e, "save the file as UTF-8 without control characters");
		return;
	}
	/* where the text ends, libyaml may be a line further */
	line = MIN((int)parser->problem_mark.line + 1, last_line(text, length));
	if (parser->context && parser->context_mark.line != parser->problem_mark.line)
		e = errs_add(errors, ERR_SYNTAX, NULL, "not YAML: %s, %s that began in line %zu",
			     problem, parser->context, parser->context_mark.line + 1);
	else
		e = errs_add(errors, ERR_SYNTAX, NULL, "not YAML: %s%s%s", problem,
			     parser->context ? ", " : "", parser->context ? parser->context : "");
	e->line = line;
	e->column = (int)parser->problem_mark.column + 1;
	hint_for_line(e, find_line(text, length, line));
}

static int add_at(struct errs *errors, yaml_mark_t mark, enum err_code code, const char *text,
		  const char *hint)
{
	struct err *e = errs_add(errors, code, NULL, "%s", text);

	e->line = (int)mark.line + 1;
	e->column = (int)mark.column + 1;
	err_hint(e, "%s", hint);
	return code == ERR_TOO_LARGE ? -EFBIG : -EINVAL;
}

struct bounds {
	size_t nodes, depth, documents;
};

static const yaml_char_t *event_tag(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return event->data.scalar.tag;
	case YAML_SEQUENCE_START_EVENT:
		return event->data.sequence_start.tag;
	case YAML_MAPPING_START_EVENT:
		return event->data.mapping_start.tag;
	default:
		return NULL;
	}
}

static int check_event(const yaml_event_t *event, struct bounds *bounds, struct errs *errors)
{
	const yaml_char_t *tag = event_tag(event);

	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (++bounds->documents > 1)
			return add_at(errors, event->start_mark, ERR_SYNTAX,
				      "a second document begins here",
				      "a configuration is one document: remove the --- line");
		break;
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		if (++bounds->depth > CONFIG_DEPTH_MAX)
			return add_at(errors, event->start_mark, ERR_TOO_LARGE,
				      "nested deeper than 16 levels", "no key needs more than 6");
		bounds->nodes++;
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		bounds->depth--;
		break;
	case YAML_SCALAR_EVENT:
	case YAML_ALIAS_EVENT:
		bounds->nodes++;
		break;
	default:
		break;
	}
	if (bounds->nodes > CONFIG_NODES_MAX)
		return add_at(errors, event->start_mark, ERR_TOO_LARGE,
			      "more than 1048576 keys and values", "make the file smaller");
	if (tag && strncmp((const char *)tag, "tag:yaml.org,2002:", 18) != 0)
		return add_at(errors, event->start_mark, ERR_SYNTAX,
			      "tags such as !include have no meaning here",
			      "render the file before it gets here");
	return 0;
}

static void parser_start(yaml_parser_t *parser, const char *text, size_t length)
{
	yaml_parser_initialize(parser); /* fails only without memory: then parsing does, too */
	yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(parser, (const unsigned char *)text, length);
}

/* One pass in constant memory: only a text within bounds is made into a tree. */
static int check_events(const char *text, size_t length, struct errs *errors)
{
	struct bounds bounds = {};
	yaml_parser_t parser;
	yaml_event_t event;
	bool is_end = false;
	int r = 0;

	parser_start(&parser, text, length);
	while (r == 0 && !is_end) {
		if (!yaml_parser_parse(&parser, &event)) {
			add_parser_error(&parser, text, length, errors);
			r = -EINVAL;
			break;
		}
		is_end = event.type == YAML_STREAM_END_EVENT;
		r = check_event(&event, &bounds, errors);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	if (r == 0 && bounds.documents == 0) {
		err_hint(errs_add(errors, ERR_SYNTAX, NULL, "the configuration is empty"),
			 "it needs at least version, interfaces and services");
		r = -EINVAL;
	}
	return r;
}

int config_yaml_load(const char *text, size_t length, yaml_document_t *ret_document,
		     struct errs *errors)
{
	yaml_document_t document;
	yaml_parser_t parser;
	int r;

	if (length > CONFIG_BYTES_MAX) {
		errs_add(errors, ERR_TOO_LARGE, NULL,
			 "the configuration has %zu bytes, more than %u", length, CONFIG_BYTES_MAX);
		return -EFBIG;
	}
	r = check_events(text, length, errors);
	if (r < 0)
		return r;
	parser_start(&parser, text, length);
	if (!yaml_parser_load(&parser, &document)) { /* such as an alias without its anchor */
		add_parser_error(&parser, text, length, errors);
		yaml_parser_delete(&parser);
		return -EINVAL;
	}
	yaml_parser_delete(&parser);
	*ret_document = document;
	return 0;
}
