/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/names.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/util.h"

/* ---- the table ------------------------------------------------------------------------------- */

static const char *lower(const char *text, char buffer[HOST_NAME_MAX_LENGTH + 2])
{
	char *c;

	util_copy(buffer, HOST_NAME_MAX_LENGTH + 2, text);
	for (c = buffer; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return buffer;
}

struct name *names_find(const struct names *names, const char *text)
{
	char key[HOST_NAME_MAX_LENGTH + 2];
	struct name *name;

	lower(text, key);
	HASH_FIND_STR(names->list, key, name);
	return name;
}

struct name *names_add(struct names *names, const char *text)
{
	struct name *name = names_find(names, text);

	if (name)
		return name;
	name = util_alloc(sizeof(*name));
	lower(text, name->text);
	HASH_ADD_STR(names->list, text, name);
	return name;
}

void names_remove(struct names *names, struct name *name)
{
	HASH_DEL(names->list, name);
	free(name->list);
	free(name);
}

void names_done(struct names *names)
{
	struct name *name, *tmp;

	HASH_ITER (hh, names->list, name, tmp)
		names_remove(names, name);
}

/* ---- one name -------------------------------------------------------------------------------- */

bool name_is_known(const struct name *name)
{
	return name->count > 0;
}

static bool has(const struct check_addresses *answer, const struct sluice_addr *addr)
{
	size_t i;

	for (i = 0; i < answer->count; i++)
		if (addr_equal(&answer->list[i], addr))
			return true;
	return false;
}

static struct name_address *find(const struct name *name, const struct sluice_addr *addr)
{
	size_t i;

	for (i = 0; i < name->count; i++)
		if (addr_equal(&name->list[i].addr, addr))
			return &name->list[i];
	return NULL;
}

static void remove_at(struct name *name, size_t i)
{
	memmove(&name->list[i], &name->list[i + 1], (--name->count - i) * sizeof(*name->list));
}

/* What went last is behind what went before. */
static void go(struct name *name, size_t i)
{
	struct name_address gone = name->list[i];

	gone.is_gone = true;
	remove_at(name, i);
	name->list[name->count++] = gone;
}

static void forget_oldest(struct name *name)
{
	size_t gone = 0, i;

	for (i = 0; i < name->count; i++)
		gone += name->list[i].is_gone;
	for (i = 0; gone > NAME_GONE_MAX; i++)
		while (gone > NAME_GONE_MAX && name->list[i].is_gone) {
			remove_at(name, i);
			name->forgotten++;
			gone--;
		}
}

static struct name_address *append(struct name *name)
{
	name->list = util_grow(name->list, &name->capacity, name->count + 1, sizeof(*name->list));
	return &name->list[name->count++];
}

bool name_take(struct name *name, const struct check_addresses *answer)
{
	size_t i, left = name->count;
	bool is_changed = false;

	for (i = 0; left--;) {
		if (name->list[i].is_gone || has(answer, &name->list[i].addr)) {
			i++;
			continue;
		}
		go(name, i);
		is_changed = true;
	}
	for (i = 0; i < answer->count; i++) {
		struct name_address *there = find(name, &answer->list[i]);

		if (there && !there->is_gone)
			continue;
		is_changed = true;
		if (!there)
			there = append(name);
		*there = (struct name_address){.addr = answer->list[i]};
	}
	name->answers++;
	for (i = 0; i < name->count; i++)
		if (!name->list[i].is_gone)
			name->list[i].answer = name->answers;
	forget_oldest(name);
	return is_changed;
}

void name_add_gone(struct name *name, const struct sluice_addr *addr, uint32_t answer)
{
	if (!find(name, addr))
		*append(name) =
			(struct name_address){.addr = *addr, .is_gone = true, .answer = answer};
	forget_oldest(name);
}

void name_keep(struct name *name)
{
	size_t i;

	for (i = 0; i < name->count; i++)
		name->list[i].is_kept = true;
}

void name_refuse(struct name *name, const struct sluice_addr *addr)
{
	struct name_address *there = find(name, addr);

	if (there)
		there->is_refused = true;
}

void name_drop(struct name *name, const struct sluice_addr *addr)
{
	struct name_address *there = find(name, addr);

	if (there && there->is_gone)
		remove_at(name, (size_t)(there - name->list));
}
