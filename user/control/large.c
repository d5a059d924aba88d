/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "control/large.h"

#include <string.h>

#include "base/util.h"

#define LARGE (1U << 20)
#define UNSENT_MAX (32U << 20) /* then those who ask for more wait */

struct large {
	struct MHD_Response *shared; /* NULL: none */
	size_t length;
	char *request; /* that it answers */
	size_t unsent; /* bytes of all that are kept */
	bool has_room;
	bool *was_large; /* the last answer of each operation that says so */
};

/* What goes when the last who gets it has it. */
struct unsent {
	struct large *large;
	char *text;
	size_t length;
};

struct large *large_new(void)
{
	struct large *large = util_alloc(sizeof(*large));

	large->was_large = util_alloc_array(operation_count, sizeof(*large->was_large));
	return large;
}

void large_free(struct large *large)
{
	if (!large)
		return;
	free(large->request);
	free(large->was_large);
	free(large);
}

struct MHD_Response *large_find(const struct large *large, const char *request, size_t *ret_length)
{
	if (!large->shared || strcmp(large->request, request) != 0)
		return NULL;
	*ret_length = large->length;
	return large->shared;
}

bool large_must_wait(const struct large *large, const struct operation *operation)
{
	return large->was_large[operation - operations] && large->unsent > UNSENT_MAX;
}

static void on_sent(void *arg)
{
	struct unsent *unsent = arg;

	unsent->large->unsent -= unsent->length;
	unsent->large->has_room = true;
	free(unsent->text);
	free(unsent);
}

struct MHD_Response *large_response(struct large *large, const struct operation *operation,
				    const char *request, struct reply *reply)
{
	struct MHD_Response *response;
	struct unsent *unsent;
	char *text = TAKE_PTR(reply->text);

	/* A mistake, or a part of it, says nothing of the next one while there is no room. */
	if (operation && (reply->text_length >= LARGE || large->unsent <= UNSENT_MAX))
		large->was_large[operation - operations] = reply->text_length >= LARGE;
	if (reply->text_length < LARGE)
		return MHD_create_response_from_buffer(reply->text_length, text,
						       MHD_RESPMEM_MUST_FREE);
	unsent = util_alloc(sizeof(*unsent));
	*unsent = (struct unsent){large, text, reply->text_length};
	large->unsent += unsent->length;
	response = MHD_create_response_from_buffer_with_free_callback_cls(unsent->length, text,
									  on_sent, unsent);
	if (!response) {
		on_sent(unsent);
		return NULL;
	}
	if (request) {
		large_forget(large);
		large->shared = response;
		large->length = reply->text_length;
		large->request = util_strdup(request);
	}
	return response;
}

void large_release(const struct large *large, struct MHD_Response *response)
{
	if (response != large->shared)
		MHD_destroy_response(response);
}

void large_forget(struct large *large)
{
	if (large->shared)
		MHD_destroy_response(large->shared);
	large->shared = NULL;
	free(TAKE_PTR(large->request));
}

bool large_take_room(struct large *large)
{
	bool has_room = large->has_room;

	large->has_room = false;
	return has_room;
}
