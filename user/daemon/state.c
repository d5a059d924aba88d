/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/state.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/daemon.h"
#include "daemon/kept.h"
#include "state/ban_file.h"
#include "state/seal.h"
#include "state/store.h"

#define RETRY_MS 5000
#define TEXT_KEPT_MAX (1U << 20) /* a larger one is written again rather than compared */

static const struct state_file files[STATE_MAX] = {
	[STATE_CHANGES] = {"changes.json", kept_save_changes, kept_load_changes},
	[STATE_LISTS] = {"lists.json", kept_save_lists, kept_load_lists},
	[STATE_BANS] = {BAN_FILE, kept_save_bans, kept_load_bans},
	[STATE_SHIFTS] = {"shifts.json", kept_save_shifts, kept_load_shifts},
	[STATE_NAMES] = {"names.json", kept_save_names, kept_load_names},
	[STATE_LAST_GOOD] = {"last-good.json", kept_save_last_good, kept_load_last_good},
};

struct state {
	struct daemon *daemon;
	char directory[256];
	char problem[400];
	char notice[400];
	int notice_id; /* of the file that was set aside */
	bool is_begun;
	uint64_t failed_ms; /* of the last try */
	struct {
		bool is_dirty, is_writing;
		char *text; /* as on the disk, NULL: unknown */
	} kept[STATE_MAX];
};

struct write {
	uv_work_t request;
	struct state *state;
	enum state_id id;
	char *text;
	size_t length;
	int result;
};

/* ---- reporting ----------------------------------------------------------------------------- */

static void add_event(struct state *state, enum event_type type, const char *text)
{
	struct event event = {.type = type};

	util_copy(event.text, sizeof(event.text), text);
	event_log_add(state->daemon->events, &event);
}

static void report_problem(struct state *state, const char *fmt, ...) PRINTF(2, 3);
static void report_problem(struct state *state, const char *fmt, ...)
{
	char text[sizeof(state->problem)];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	state->failed_ms = clock_now_ms();
	if (!strcmp(text, state->problem))
		return; /* said already */
	util_copy(state->problem, sizeof(state->problem), text);
	add_event(state, EVENT_state_problem, text);
	log_error("state", "%s: runtime changes would be lost at the next start", text);
}

static void report_written(struct state *state)
{
	if (!state->problem[0])
		return;
	state->problem[0] = '\0';
	add_event(state, EVENT_state_problem, "the state is written again");
	log_info("state", "the state is written again directory=%s", state->directory);
}

static void report_notice(struct state *state, enum state_id id, const char *why)
{
	state->notice_id = (int)id;
	snprintf(state->notice, sizeof(state->notice),
		 "%s/%s.corrupt was not used: %s; look at it, then remove it", state->directory,
		 files[id].name, why);
	add_event(state, EVENT_state_problem, state->notice);
	log_error("state", "%s", state->notice);
}

const char *state_problem(const struct state *state)
{
	return state->problem;
}

const char *state_notice(const struct state *state)
{
	return state->notice;
}

const char *state_directory(const struct state *state)
{
	return state->directory;
}

/* ---- reading ------------------------------------------------------------------------------- */

struct state *state_open(const char *directory, const char *instance, struct daemon *daemon)
{
	struct state *state = util_alloc(sizeof(*state));
	int r;

	state->daemon = daemon;
	snprintf(state->directory, sizeof(state->directory), "%s/%s", directory, instance);
	r = store_make_directory(state->directory);
	if (r)
		report_problem(state, "cannot use the state directory %s: %s", state->directory,
			       strerror(-r));
	return state;
}

static void set_aside(struct state *state, enum state_id id, const char *why)
{
	int r = store_set_aside(state->directory, files[id].name);

	if (r)
		report_problem(state, "%s/%s was not used (%s), and cannot be kept aside: %s",
			       state->directory, files[id].name, why, strerror(-r));
	else
		report_notice(state, id, why);
}

int state_load(struct state *state, enum state_id id)
{
	AUTO_FREE char *text = NULL;
	json_t *content = NULL;
	struct err e = {0};
	size_t length;
	int r = store_read(state->directory, files[id].name, &text, &length);

	if (r == -ENOENT || r == -ENOTDIR) {
		if (store_is_aside(state->directory, files[id].name))
			report_notice(state, id, "an earlier start found it damaged");
		return -ENOENT;
	}
	if (r)
		err_set(&e, ERR_SYSTEM, "", "it cannot be read: %s", strerror(-r));
	else
		r = seal_open(text, length, &content, &e);
	if (!r)
		r = files[id].load(state->daemon, content, &e);
	json_decref(content);
	if (r) {
		set_aside(state, id, e.text);
		state->kept[id].is_dirty = true;
		return r;
	}
	free(state->kept[id].text);
	state->kept[id].text = TAKE_PTR(text);
	return 0;
}

/* ---- writing ------------------------------------------------------------------------------- */

static int write_file(const struct state *state, enum state_id id, const char *text, size_t length)
{
	const char *name = files[id].name;
	int r = store_write(state->directory, name, 0600, text, length);

	if (r != -ENOENT)
		return r;
	r = store_make_directory(state->directory); /* somebody removed it */
	return r ? r : store_write(state->directory, name, 0600, text, length);
}

static void finish(struct state *state, enum state_id id, char *text, int r)
{
	size_t i;

	if (r) {
		free(text);
		state->kept[id].is_dirty = true;
		report_problem(state, "cannot write %s/%s: %s", state->directory, files[id].name,
			       strerror(-r));
		return;
	}
	free(state->kept[id].text);
	if (strlen(text) > TEXT_KEPT_MAX)
		free(TAKE_PTR(text));
	state->kept[id].text = text;
	for (i = 0; i < STATE_MAX; i++)
		if (state->kept[i].is_dirty || (i != id && state->kept[i].is_writing))
			return;
	report_written(state);
}

static void on_write(uv_work_t *request)
{
	struct write *write = request->data;

	write->result = write_file(write->state, write->id, write->text, write->length);
}

static void on_written(uv_work_t *request, int status)
{
	struct write *write = request->data;

	write->state->kept[write->id].is_writing = false;
	finish(write->state, write->id, write->text, status ? status : write->result);
	free(write);
}

/* The text to write, NULL when the disk has it. */
static char *prepare(struct state *state, enum state_id id, size_t *ret_length)
{
	json_t *content = files[id].save(state->daemon);
	char *text;

	state->kept[id].is_dirty = false;
	if (!content) {
		report_problem(state, "cannot write %s/%s: JSON cannot say what it should hold",
			       state->directory, files[id].name);
		return NULL;
	}
	text = seal_close(content, ret_length);
	json_decref(content);
	if (!state->kept[id].text || strcmp(state->kept[id].text, text))
		return text;
	free(text);
	return NULL;
}

static void start_write(struct state *state, enum state_id id)
{
	size_t length;
	char *text = prepare(state, id, &length);
	struct write *write;

	if (!text)
		return;
	write = util_alloc(sizeof(*write));
	*write = (struct write){.state = state, .id = id, .text = text, .length = length};
	write->request.data = write;
	/* What the disk has is unknown until this is done. */
	free(TAKE_PTR(state->kept[id].text));
	state->kept[id].is_writing = true;
	uv_queue_work(&state->daemon->loop, &write->request, on_write, on_written);
}

void state_mark(struct state *state, enum state_id id)
{
	if (state)
		state->kept[id].is_dirty = true;
}

void state_begin(struct state *state)
{
	state->is_begun = true;
}

void state_flush(struct state *state)
{
	enum state_id id;

	if (!state || !state->is_begun ||
	    (state->problem[0] && clock_now_ms() - state->failed_ms < RETRY_MS))
		return;
	for (id = 0; id < STATE_MAX; id++)
		if (state->kept[id].is_dirty && !state->kept[id].is_writing)
			start_write(state, id);
}

void state_tick(struct state *state)
{
	if (!state)
		return;
	if (state->notice[0] && !store_is_aside(state->directory, files[state->notice_id].name))
		state->notice[0] = '\0';
	state_flush(state);
}

void state_close(struct state *state)
{
	enum state_id id;
	size_t length;
	char *text;

	if (!state)
		return;
	for (id = 0; id < STATE_MAX; id++) {
		if (!state->is_begun || !state->kept[id].is_dirty)
			continue;
		text = prepare(state, id, &length);
		if (text)
			finish(state, id, text, write_file(state, id, text, length));
	}
	for (id = 0; id < STATE_MAX; id++)
		free(state->kept[id].text);
	free(state);
}
