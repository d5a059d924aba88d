/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "fake/flow_cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/map_types.h>

#define CELLS 7

static const char *const table_names[FLOW_CASE_TABLES] = {"flows", "pending", "tracked"};

/* 0, A, B, C; or "none". */
static bool member_of(char letter, uint32_t *ret_member)
{
	if (letter == '0')
		*ret_member = 0;
	else if (letter >= 'A' && letter < 'A' + FLOW_CASES_MEMBERS)
		*ret_member = (uint32_t)(letter - 'A' + 1);
	else
		return false;
	return true;
}

static bool parse_flags(const char *text, uint64_t *ret_flags)
{
	uint64_t flags = 0;

	for (; *text; text++) {
		switch (*text) {
		case 'E':
			flags |= SLUICE_SLOT_F_EXC;
			break;
		case 'L':
			flags |= SLUICE_SLOT_F_LEARN;
			break;
		case 'P':
			flags |= SLUICE_SLOT_F_PRE;
			break;
		case 'D':
			flags |= SLUICE_SLOT_F_DIRTY;
			break;
		default:
			return false;
		}
	}
	*ret_flags = flags;
	return true;
}

/* "B/A EL" */
static bool parse_slot(const char *text, struct flow_case *c)
{
	if (strlen(text) < 3 || text[1] != '/' || !member_of(text[0], &c->cur) ||
	    !member_of(text[2], &c->def))
		return false;
	return text[3] == 0 || (text[3] == ' ' && parse_flags(text + 4, &c->flags));
}

/* "flows=A@130!~" */
static bool parse_entry(const char *word, struct flow_case_entry entries[FLOW_CASE_TABLES])
{
	const char *value = strchr(word, '=');
	struct flow_case_entry entry = {0};
	char *end;
	int t;

	if (!value || !member_of(value[1], &entry.member))
		return false;
	end = (char *)value + 2;
	if (*end == '@')
		entry.idle_s = (uint32_t)strtoul(end + 1, &end, 10);
	for (; *end; end++) {
		if (*end == '!')
			entry.is_stale = true;
		else if (*end == '~')
			entry.is_closing = true;
		else
			return false;
	}
	for (t = 0; t < FLOW_CASE_TABLES; t++) {
		if (strncmp(word, table_names[t], (size_t)(value - word)) == 0) {
			entries[t] = entry;
			return true;
		}
	}
	return false;
}

static bool parse_free(const char *table, int ways, struct flow_case *c)
{
	int t;

	for (t = 0; t < FLOW_CASE_TABLES; t++) {
		if (strcmp(table, table_names[t]) == 0) {
			c->free_ways[t] = ways;
			return true;
		}
	}
	return false;
}

static bool parse_before(const char *word, struct flow_case *c)
{
	uint32_t member;

	if (strcmp(word, "pressure") == 0)
		return c->is_pressure = true;
	if (strcmp(word, "track") == 0)
		return c->is_tracked = true;
	if (strncmp(word, "full=", 5) == 0)
		return parse_free(word + 5, 0, c);
	if (strncmp(word, "tight=", 6) == 0)
		return parse_free(word + 6, 1, c);
	if (!strchr(word, '=') || !member_of(strchr(word, '=')[1], &member))
		return false;
	if (strncmp(word, "dead=", 5) == 0)
		return c->is_dead[member] = true;
	if (strncmp(word, "drains=", 7) == 0)
		return c->is_draining[member] = true;
	if (strncmp(word, "refuses=", 8) == 0)
		return c->is_refusing[member] = true;
	if (strncmp(word, "runner=", 7) == 0) {
		c->runner = member;
		return true;
	}
	return false;
}

static bool parse_after(const char *word, struct flow_case *c)
{
	struct flow_case slot = {0};
	char text[16];

	if (strncmp(word, "slot=", 5))
		return parse_entry(word, c->after);
	snprintf(text, sizeof(text), "0/0 %.8s", word + 5);
	if (!parse_slot(text, &slot))
		return false;
	c->flags_after = slot.flags;
	return true;
}

static bool parse_packet(const char *text, struct flow_case *c)
{
	static const struct {
		const char *name;
		bool is_udp;
		uint8_t flags;
	} packets[] = {{"syn", false, 0x02},
		       {"ack", false, 0x10},
		       {"fin", false, 0x11},
		       {"rst", false, 0x04},
		       {"udp", true, 0}};
	size_t i;

	for (i = 0; i < sizeof(packets) / sizeof(packets[0]); i++) {
		if (strcmp(text, packets[i].name) == 0) {
			c->is_udp = packets[i].is_udp;
			c->tcp_flags = packets[i].flags;
			return true;
		}
	}
	return false;
}

/* Splits "| a | b |" into its cells, trimmed. */
static int split(char *line, char *cells[CELLS + 1])
{
	int count = 0;
	char *cell;

	for (line++; (cell = strsep(&line, "|")) && line && count <= CELLS;) {
		while (*cell == ' ')
			cell++;
		while (*cell && cell[strlen(cell) - 1] == ' ')
			cell[strlen(cell) - 1] = 0;
		cells[count++] = cell;
	}
	return count;
}

static bool parse_words(char *text, struct flow_case *c, int cell)
{
	char *rest = NULL, *word;
	bool is_good = true;

	for (word = strtok_r(text, " ", &rest); word && is_good; word = strtok_r(NULL, " ", &rest))
		is_good = cell == 2   ? parse_entry(word, c->before)
			  : cell == 3 ? parse_before(word, c)
				      : parse_after(word, c);
	return is_good;
}

static bool parse_row(char *line, struct flow_case *c)
{
	char *cells[CELLS + 1];

	*c = (struct flow_case){.free_ways = {-1, -1, -1}};
	if (split(line, cells) != CELLS || !parse_slot(cells[1], c) || !parse_packet(cells[4], c))
		return false;
	c->flags_after = c->flags;
	snprintf(c->name, sizeof(c->name), "%s", cells[0]);
	if (strcmp(cells[5], "none") &&
	    (strlen(cells[5]) != 1 || !member_of(cells[5][0], &c->goes_to)))
		return false;
	return parse_words(cells[2], c, 2) && parse_words(cells[3], c, 3) &&
	       parse_words(cells[6], c, 6);
}

int flow_cases_run(const char *path, int (*run)(const struct flow_case *c))
{
	FILE *file = fopen(path, "r");
	int wrong = 0, count = 0;
	bool is_inside = false;
	char line[512], row[512];

	while (file && wrong >= 0 && fgets(line, sizeof(line), file)) {
		struct flow_case c;

		line[strcspn(line, "\n")] = 0;
		if (line[0] == '#')
			is_inside = strcmp(line, "## Every case") == 0;
		if (!is_inside || line[0] != '|' || line[1] == '-' ||
		    strncmp(line, "| case ", 7) == 0)
			continue;
		memcpy(row, line, sizeof(row));
		memset(&c, 0, sizeof(c));
		if (!parse_row(row, &c)) {
			fprintf(stderr, "# %s: cannot understand: %s\n", path, line);
			wrong = -1;
		} else {
			wrong += run(&c);
			count++;
		}
	}
	if (file)
		fclose(file);
	printf("# %d cases\n", count);
	return count ? wrong : -1;
}

int flow_case_differs(const struct flow_case *c, const char *what, uint64_t is, uint64_t should)
{
	if (is == should)
		return 0;
	printf("# %s: %s is %llx, not %llx\n", c->name, what, (unsigned long long)is,
	       (unsigned long long)should);
	return 1;
}

/* Those that the table of cases was made with. */
const struct sluice_flow_settings flow_case_settings = {.pending_life_s = 10,
							.closing_life_s = 60,
							.refresh_s = 4,
							.overwrite_s = 120,
							.pending_per_s = 1000000};

const char *flow_case_table_name(enum flow_case_table table)
{
	return table_names[table];
}

uint64_t flow_case_value(const struct flow_case_entry *entry, uint32_t now_s)
{
	uint32_t epoch = FLOW_CASE_EPOCH(entry->member) - entry->is_stale;

	if (!entry->member)
		return 0;
	return SLUICE_FLOW(entry->member, epoch, now_s - entry->idle_s) |
	       (entry->is_closing ? SLUICE_FLOW_F_CLOSING : 0);
}

/* Others' live flows in the sets of this one, but for so many ways. */
static void fill(struct sluice_flow_set *sets, uint32_t count, uint64_t fingerprint, int free_ways,
		 uint32_t now_s)
{
	uint64_t value = SLUICE_FLOW(1, FLOW_CASE_EPOCH(1), now_s), other = 1000;
	int choice, way, used = 0;

	for (choice = 0; choice < 2; choice++) {
		struct sluice_flow_set *set = &sets[sluice_flow_set(fingerprint, choice, count)];

		for (way = 0; way < SLUICE_FLOW_WAYS; way++) {
			if (set->entry[way].fingerprint ||
			    used++ >= 2 * SLUICE_FLOW_WAYS - free_ways)
				continue;
			set->entry[way] = (struct sluice_flow_entry){other++, value};
		}
	}
}

void flow_case_place(const struct flow_case *c, enum flow_case_table table,
		     struct sluice_flow_set *sets, uint32_t count, uint64_t fingerprint,
		     uint32_t now_s)
{
	struct sluice_flow_set *second = &sets[sluice_flow_set(fingerprint, 1, count)];

	if (c->before[table].member)
		second->entry[0] = (struct sluice_flow_entry){
			fingerprint, flow_case_value(&c->before[table], now_s)};
	if (c->free_ways[table] >= 0)
		fill(sets, count, fingerprint, c->free_ways[table], now_s);
}

uint64_t flow_case_find(const struct sluice_flow_set *sets, uint32_t count, uint64_t fingerprint,
			int *ret_copies)
{
	uint64_t value = 0;
	uint32_t set;
	int way, copies = 0;

	for (set = 0; set < count; set++) {
		for (way = 0; way < SLUICE_FLOW_WAYS; way++) {
			if (sets[set].entry[way].fingerprint != fingerprint)
				continue;
			value = sets[set].entry[way].value;
			copies++;
		}
	}
	if (ret_copies)
		*ret_copies = copies;
	return value;
}
