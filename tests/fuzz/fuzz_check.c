/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fuzz target for the messages between sluiced and sluice-check, for libFuzzer (make fuzz): the first
 * byte says which one the others are.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/check_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_true)
{
	if (!is_true)
		abort();
}

static void try_request(const uint8_t *data, size_t size)
{
	static struct check_request request;
	struct check_spec *spec;
	size_t i;

	if (!check_request_read(data, size, &request))
		return;
	must(check_type_is_apart(request.type));
	must(request.details.expect.count <= CHECK_STATUSES_MAX);
	must(strlen(request.details.path) < sizeof(request.details.path));
	must(strlen(request.details.ca) < sizeof(request.details.ca));
	for (i = 0; i < request.details.command.count; i++)
		must(check_command_word(&request.details, i) <
		     request.details.command.words + request.details.command.length);
	spec = check_spec_encode(request.type, &request.details);
	must(spec != NULL); /* what can be read can be written */
	free(spec);
}

static void try_answer(const uint8_t *data, size_t size)
{
	uint8_t message[CHECK_MESSAGE_MAX];
	struct check_answer answer;

	if (!check_answer_read(data, size, &answer))
		return;
	must(answer.result < PROBE_RESULT_MAX);
	must(memchr(answer.text, 0, sizeof(answer.text)) != NULL);
	must(check_answer_write(message, &answer) == size);
	must(!memcmp(message, data, size)); /* nothing is in it that is not understood */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (data[0] & 1)
		try_answer(data + 1, size - 1);
	else
		try_request(data + 1, size - 1);
	return 0;
}
