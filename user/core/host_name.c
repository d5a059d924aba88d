/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/host_name.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "core/config.h"

#define LABEL_MAX 63

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static const char *label_problem(const char *label, size_t length)
{
	size_t i;

	if (!length)
		return "has an empty part";
	if (length > LABEL_MAX)
		return "has a part of more than 63 characters";
	for (i = 0; i < length; i++)
		if (!is_letter_or_digit(label[i]) && label[i] != '-')
			return "has a character that no host name has: letters, digits and - it is";
	if (label[0] == '-' || label[length - 1] == '-')
		return "has a part that begins or ends with -";
	return NULL;
}

const char *host_name_problem(const char *text, const char **ret_hint)
{
	size_t length = strlen(text), last = 0, i;
	const char *problem;

	*ret_hint = NULL;
	for (i = 0; i < length; i++)
		if ((unsigned char)text[i] > 127) {
			*ret_hint = "write it as DNS has it, in ASCII: xn--…";
			return "has letters beyond ASCII";
		}
	if (length && text[length - 1] == '.')
		length--;
	if (length > HOST_NAME_MAX_LENGTH)
		return "has more than 253 characters";
	for (i = 0; i <= length; i = last + 1) {
		for (last = i; last < length && text[last] != '.'; last++)
			;
		problem = label_problem(text + i, last - i);
		if (problem)
			return problem;
		if (last == length && strspn(text + i, "0123456789") >= last - i)
			return "ends in a number, as addresses do";
	}
	return NULL;
}

/* ---- sets ------------------------------------------------------------------------------------ */

struct name_set *name_set_new(void)
{
	struct name_set *set = util_alloc(sizeof(*set));

	set->references = 1;
	return set;
}

struct name_set *name_set_ref(struct name_set *set)
{
	if (set)
		set->references++;
	return set;
}

void name_set_unref(struct name_set *set)
{
	if (!set || --set->references)
		return;
	free(set->list);
	free(set);
}

struct named_member *name_set_add(struct name_set *set)
{
	set->list = util_grow(set->list, &set->capacity, set->count + 1, sizeof(*set->list));
	memset(&set->list[set->count], 0, sizeof(*set->list));
	return &set->list[set->count++];
}

const char *name_set_at(const struct name_set *set, uint32_t position)
{
	return set && position && position <= set->count ? set->list[position - 1].name : "";
}
