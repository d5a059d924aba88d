/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sim/sequence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

#define SECONDS_MAX 7200
#define FORGED_MAX 100000000

enum argument { ARGUMENT_NONE, ARGUMENT_MEMBERS, ARGUMENT_WEIGHT, ARGUMENT_FORGED };

static const struct {
	const char *name;
	enum argument argument;
} verbs[SEQUENCE_VERB_MAX] = {
	[SEQUENCE_ADD] = {"add", ARGUMENT_MEMBERS},
	[SEQUENCE_WEIGHT] = {"weight", ARGUMENT_WEIGHT},
	[SEQUENCE_DRAIN] = {"drain", ARGUMENT_MEMBERS},
	[SEQUENCE_READY] = {"ready", ARGUMENT_MEMBERS},
	[SEQUENCE_MAINT] = {"maint", ARGUMENT_MEMBERS},
	[SEQUENCE_REMOVE] = {"remove", ARGUMENT_MEMBERS},
	[SEQUENCE_DIE] = {"die", ARGUMENT_MEMBERS},
	[SEQUENCE_REFUSE] = {"refuse", ARGUMENT_MEMBERS},
	[SEQUENCE_UP] = {"up", ARGUMENT_MEMBERS},
	[SEQUENCE_RESTART] = {"restart", ARGUMENT_NONE},
	[SEQUENCE_SYNS] = {"syns", ARGUMENT_FORGED},
	[SEQUENCE_ACKS] = {"acks", ARGUMENT_FORGED},
};

/* "60" or "60.5", in ticks. */
static bool parse_time(const char *word, uint32_t *ret_tick)
{
	double second;
	char *end;

	second = strtod(word, &end);
	if (end == word || *end || second < 0 || second > SECONDS_MAX)
		return false;
	*ret_tick = (uint32_t)(second * 1000 / SEQUENCE_TICK_MS + 0.5);
	return true;
}

static bool parse_number(const char *word, uint32_t min, uint32_t max, uint32_t *ret_number)
{
	unsigned long number;
	char *end;

	if (!word || *word < '0' || *word > '9')
		return false;
	number = strtoul(word, &end, 10);
	if (*end || number < min || number > max)
		return false;
	*ret_number = (uint32_t)number;
	return true;
}

/* "5" or "5-9" */
static bool parse_members(char *word, struct sequence_step *step)
{
	char *dash = word ? strchr(word, '-') : NULL;

	if (dash)
		*dash = 0;
	if (!parse_number(word, 1, SEQUENCE_MEMBERS_MAX, &step->first))
		return false;
	step->last = step->first;
	return !dash || parse_number(dash + 1, step->first, SEQUENCE_MEMBERS_MAX, &step->last);
}

static bool parse_step(char *word, char **rest, struct sequence_step *step)
{
	uint32_t verb = 0;

	while (verb < SEQUENCE_VERB_MAX && strcmp(word, verbs[verb].name))
		verb++;
	if (verb == SEQUENCE_VERB_MAX)
		return false;
	step->verb = (enum sequence_verb)verb;
	switch (verbs[verb].argument) {
	case ARGUMENT_NONE:
		return true;
	case ARGUMENT_FORGED:
		return parse_number(strtok_r(NULL, " ", rest), 1, FORGED_MAX, &step->count) &&
		       parse_number(strtok_r(NULL, " ", rest), 1, SECONDS_MAX, &step->seconds);
	default:
		return parse_members(strtok_r(NULL, " ", rest), step) &&
		       (verbs[verb].argument == ARGUMENT_MEMBERS ||
			parse_number(strtok_r(NULL, " ", rest), 0, UINT16_MAX, &step->weight));
	}
}

static bool parse_line(char *line, struct sequence *s, size_t *capacity)
{
	struct sequence_step step = {0};
	char *rest = NULL, *word = strtok_r(line, " ", &rest);
	uint32_t last_tick = s->count ? s->steps[s->count - 1].tick : 0;

	if (!word || *word == '#')
		return true;
	if (s->end_tick)
		return false;
	if (strcmp(word, "members") == 0)
		return !s->members &&
		       parse_number(strtok_r(NULL, " ", &rest), 1, SEQUENCE_MEMBERS_MAX,
				    &s->members) &&
		       !strtok_r(NULL, " ", &rest);
	if (!s->members || !parse_time(word, &step.tick) || step.tick < last_tick)
		return false;
	word = strtok_r(NULL, " ", &rest);
	if (word && strcmp(word, "end") == 0) {
		word = strtok_r(NULL, " ", &rest);
		s->end_tick = step.tick;
		return step.tick && (!word || parse_number(word, 1, 100, &s->waiting_percent)) &&
		       !strtok_r(NULL, " ", &rest);
	}
	if (!word || !parse_step(word, &rest, &step) || strtok_r(NULL, " ", &rest))
		return false;
	s->steps = util_grow(s->steps, capacity, s->count + 1, sizeof(*s->steps));
	s->steps[s->count++] = step;
	return true;
}

static void set_name(struct sequence *s, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dot;

	util_copy(s->name, sizeof(s->name), slash ? slash + 1 : path);
	dot = strrchr(s->name, '.');
	if (dot)
		*dot = 0;
}

struct sequence *sequence_read(const char *path)
{
	struct sequence *s = util_alloc(sizeof(*s));
	AUTO_FCLOSE FILE *file = fopen(path, "r");
	char line[200], text[200];
	size_t capacity = 0;
	int number = 0;

	if (!file) {
		fprintf(stderr, "%s: cannot be read\n", path);
		sequence_free(s);
		return NULL;
	}
	set_name(s, path);
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = 0;
		util_copy(text, sizeof(text), line);
		number++;
		if (parse_line(line, s, &capacity))
			continue;
		fprintf(stderr, "%s:%d: cannot understand: %s\n", path, number, text);
		sequence_free(s);
		return NULL;
	}
	if (!s->end_tick) {
		fprintf(stderr, "%s: has no end\n", path);
		sequence_free(s);
		return NULL;
	}
	return s;
}

void sequence_free(struct sequence *sequence)
{
	if (!sequence)
		return;
	free(sequence->steps);
	free(sequence);
}
