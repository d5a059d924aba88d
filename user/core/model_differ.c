/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a file changes of services that stay, told by the names of its keys. Members and their numbers
 * have events of their own. */
#include "core/model_internal.h"

#include <stdio.h>
#include <string.h>

#include "core/check_spec.h"

/* Names of keys, each once, with commas. */
struct key_list {
	char text[256];
	size_t length;
};

static void add_key(struct key_list *keys, bool differs, const char *key)
{
	int length;

	if (!differs)
		return;
	length = snprintf(keys->text + keys->length, sizeof(keys->text) - keys->length, "%s%s",
			  keys->length ? ", " : "", key);
	keys->length = MIN(keys->length + (size_t)length, sizeof(keys->text) - 1);
}

static bool is_rate_other(const struct rate *a, const struct rate *b)
{
	return a->n != b->n || a->s != b->s || a->unit != b->unit;
}

static bool is_spec_other(const struct check_spec *a, const struct check_spec *b)
{
	if (!a || !b)
		return a != b;
	return a->length != b->length || memcmp(a->bytes, b->bytes, a->length) != 0;
}

static bool is_check_other(const struct check_config *a, const struct check_config *b)
{
	return a->type != b->type || a->via != b->via || a->port != b->port ||
	       a->interval_ms != b->interval_ms || a->timeout_ms != b->timeout_ms ||
	       a->fast_ms != b->fast_ms || a->down_ms != b->down_ms || a->fall != b->fall ||
	       a->rise != b->rise || a->jitter_percent != b->jitter_percent ||
	       is_spec_other(a->spec, b->spec);
}

static bool is_circuit_other(const struct circuit_config *a, const struct circuit_config *b)
{
	return a->is_enabled != b->is_enabled || a->open_ms != b->open_ms ||
	       a->open_max_ms != b->open_max_ms || a->trial_ms != b->trial_ms ||
	       a->trial_percent != b->trial_percent || a->ratio_percent != b->ratio_percent ||
	       a->volume != b->volume || a->window_ms != b->window_ms || a->passive != b->passive;
}

static const char *fallback_of(const struct model_service *service)
{
	size_t p;

	for (p = 0; p < service->pool_count; p++)
		if (service->pools[p].is_fallback)
			return service->pools[p].name;
	return "";
}

static void tell_pool(struct apply *apply, const struct model_service *service,
		      const struct model_pool *old, const struct model_pool *now)
{
	struct key_list keys = {};

	add_key(&keys, old->share_file != now->share_file, "share");
	add_key(&keys, old->mode != now->mode, "mode");
	add_key(&keys, old->gue_port != now->gue_port, "gue_port");
	add_key(&keys, is_rate_other(&old->max_new_per_member, &now->max_new_per_member),
		"max_new_per_member");
	add_key(&keys, is_check_other(&old->check, &now->check), "check");
	add_key(&keys, is_circuit_other(&old->circuit, &now->circuit), "circuit");
	if (keys.length)
		model_event(apply, EVENT_service_changed, service, now, NULL,
			    "changed in the file: %s", keys.text);
}

void model_tell_differences(struct apply *apply, const struct model_service *old,
			    const struct model_service *now)
{
	struct key_list keys = {};
	size_t p, q;

	/* Pools tell their own; in mode local there are none. */
	add_key(&keys, old->mode != now->mode && (!old->pool_count || !now->pool_count), "mode");
	add_key(&keys, old->is_unknown_port_passed != now->is_unknown_port_passed, "unknown_port");
	add_key(&keys, old->announce != now->announce, "announce");
	add_key(&keys, old->is_withdrawn_when_down != now->is_withdrawn_when_down, "on_down");
	add_key(&keys, old->slots != now->slots, "slots");
	add_key(&keys, old->affinity != now->affinity, "affinity");
	add_key(&keys, old->learn_s != now->learn_s, "learn");
	add_key(&keys, old->idle_s != now->idle_s, "idle");
	add_key(&keys, old->window_s != now->window_s, "window");
	add_key(&keys, old->slow_start_s != now->slow_start_s, "slow_start");
	add_key(&keys, is_rate_other(&old->max_new, &now->max_new), "max_new");
	add_key(&keys, old->min_healthy != now->min_healthy, "min_healthy");
	add_key(&keys, old->is_panic_dropped != now->is_panic_dropped, "panic");
	add_key(&keys, strcmp(fallback_of(old), fallback_of(now)) != 0, "fallback");
	add_key(&keys, memcmp(old->limits, now->limits, sizeof(now->limits)) != 0, "limits");
	add_key(&keys, memcmp(old->allow, now->allow, sizeof(now->allow)) != 0, "allow");
	if (keys.length)
		model_event(apply, EVENT_service_changed, now, NULL, NULL,
			    "changed in the file: %s", keys.text);
	for (p = 0; p < old->pool_count; p++)
		for (q = 0; q < now->pool_count; q++)
			if (strcmp(old->pools[p].name, now->pools[q].name) == 0)
				tell_pool(apply, now, &old->pools[p], &now->pools[q]);
}

void model_tell_member_differences(struct apply *apply, const struct model_service *service,
				   const struct model_pool *old_pool,
				   const struct model_member *old, const struct model_pool *pool,
				   const struct model_member *member)
{
	bool has_own_check = old->check || member->check;
	bool has_own_max = is_rate_other(&old->max_new, &old_pool->max_new_per_member) ||
			   is_rate_other(&member->max_new, &pool->max_new_per_member);
	struct key_list keys = {};

	add_key(&keys,
		has_own_check &&
			is_check_other(model_check_of(old_pool, old), model_check_of(pool, member)),
		"check");
	add_key(&keys, has_own_max && is_rate_other(&old->max_new, &member->max_new), "max_new");
	if (keys.length)
		model_event(apply, EVENT_service_changed, service, pool, member,
			    "changed in the file: %s", keys.text);
}
