/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Requests to the daemon over its unix socket, and what to tell when there is no answer. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "cli/cli.h"

enum client_result {
	CLIENT_ANSWERED,  /* any HTTP status */
	CLIENT_NO_SOCKET, /* no daemon has been here, or it ended orderly */
	CLIENT_NO_DAEMON, /* a socket, but nobody listens */
	CLIENT_NO_PERMISSION,
	CLIENT_NO_ANSWER, /* not in time */
	CLIENT_BROKEN,	  /* closed early, not HTTP, too large: see text */
	CLIENT_RESULT_MAX
};

struct answer {
	long status;
	char *body; /* terminated */
	size_t length;
	json_t *document; /* NULL when the body is not JSON */
	char text[160];	  /* what went wrong when CLIENT_BROKEN */
};

void answer_done(struct answer *answer);
#define AUTO_ANSWER CLEANUP(answer_done)

/* "/v1/services/web": percent-encoded segments, up to the first NULL. Owned by the caller. */
#define client_path(...) client_join_path((const char *const[]){__VA_ARGS__, NULL})
char *client_join_path(const char *const *segments);

/* What mistakes shall call the text that came from a file, or from "-". */
void client_name_text(json_t *body, const char *file);

/* body may be NULL. Prints nothing. */
enum client_result client_request(const struct cli *cli, const char *method, const char *path,
				  const json_t *body, struct answer *ret_answer);
/* Says on standard error why there was no answer; returns the exit code. */
int client_explain(const struct cli *cli, enum client_result result, const struct answer *answer);
void client_hint_start(const struct cli *cli); /* how this instance's daemon is started */

/* Says on standard error why there was no answer, or what errors the daemon reports; returns the exit
 * code. CLI_OK means: an answer of success with a JSON document. */
int client_finish(const struct cli *cli, enum client_result result, const struct answer *answer);
/* client_request() and client_finish(). */
int client_call(const struct cli *cli, const char *method, const char *path, const json_t *body,
		struct answer *ret_answer);
/* Prints the errors of an answer and returns the exit code for its status. */
int client_report_errors(const struct answer *answer);
/* One error with its place, as compilers print them, in a line. */
void client_print_placed(FILE *out, const char *indent, const json_t *error);
/* The body as it came, one newline at its end. */
void client_print_body(const struct cli *cli, const struct answer *answer);
