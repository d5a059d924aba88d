/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bans over a packet path in memory, and what became of them, for their tests. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "core/bans.h"
#include "fake/sync_world.h"

#define CONFIG(limits)                                                                             \
	"version: 1\ninterfaces: [eth0]\n"                                                         \
	"management: {prefixes: [10.9.0.0/24]}\n"                                                  \
	"services:\n"                                                                              \
	"  web: {listen: 'tcp 192.0.2.10:80', mode: ipip, members: [10.1.0.11]}\n"                 \
	"lists:\n"                                                                                 \
	"  partners: {action: exempt, prefixes: [203.0.113.0/24]}\n"                               \
	"  bad: {action: deny, prefixes: [203.0.0.0/16]}\n"                                        \
	"limits:\n" limits
#define LIMIT(name, mode, prefix)                                                                  \
	"  " name ": {count: new-connections, rate: 10/s, mode: " mode                             \
	", sources: 1024, per: {ipv4: " prefix ", ipv6: 64}}\n"
#define BOTH CONFIG(LIMIT("client", "enforce", "32") LIMIT("network", "enforce", "24"))

struct fixture {
	struct world *w;
	struct bans *bans;
	struct bans_now now;
	unsigned int count[BANS_NEWS_MAX];
	struct ban last;
	char text[256];
};

static inline void on_news(void *arg, enum bans_news news, const struct ban *ban, const char *text)
{
	struct fixture *f = arg;

	f->count[news]++;
	f->last = *ban;
	util_copy(f->text, sizeof(f->text), text);
}

static inline struct limit_ban *rule(const struct fixture *f, const char *limit)
{
	return &model_find_limit(f->w->model, limit)->config.ban;
}

static inline void begin(struct fixture *f, const struct dp_capacity *capacity)
{
	*f = (struct fixture){.w = world_new_sized(1, capacity), .now = {1000000, 1700000000}};
	world_load_text(f->w, BOTH);
	world_resolve_all(f->w);
	world_settle(f->w);
	*rule(f, "client") = (struct limit_ban){5, 10, 60, 600, 100, false};
	f->now.ms = f->w->fake->now_ms;
	f->bans = bans_new(&f->w->port, f->w->model, capacity->bans, on_news, f);
}

static inline int set_up(void **state)
{
	const struct dp_capacity capacity = fake_dataplane_capacity();
	struct fixture *f = util_alloc(sizeof(*f));

	begin(f, &capacity);
	*state = f;
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;

	bans_free(f->bans);
	world_free(f->w);
	free(f);
	return 0;
}

static inline uint32_t id_of(const struct fixture *f, const char *limit)
{
	return model_find_limit(f->w->model, limit)->id;
}

static inline struct prefix source_of(const struct fixture *f, const char *limit, const char *text)
{
	struct prefix source;
	struct err e = {0};

	if (bans_source(model_find_limit(f->w->model, limit), text, &source, &e))
		fail_msg("%s: %s", text, e.text);
	return source;
}

static inline void refuse(struct fixture *f, const char *limit, const char *address,
			  enum sluice_refusal_kind kind, uint64_t packets)
{
	struct dp_refusal refusal = {.limit = id_of(f, limit), .kind = kind, .packets = packets};

	assert_int_equal(addr_parse(address, &refusal.source), 0);
	bans_refused(f->bans, &refusal, &f->now);
}

static inline void refuse_times(struct fixture *f, const char *limit, const char *address,
				unsigned int n)
{
	while (n--)
		refuse(f, limit, address, SLUICE_REFUSAL_LIMIT, 1);
}

static inline void pass(struct fixture *f, uint64_t ms)
{
	f->now.ms += ms;
	f->now.wall_s += ms / 1000;
	f->w->fake->now_ms += ms;
	bans_tick(f->bans, &f->now);
}

static inline bool is_banned(const struct fixture *f, const char *limit, const char *text)
{
	const struct prefix source = source_of(f, limit, text);
	bool is_known = bans_find(f->bans, id_of(f, limit), &source);

	/* The packet path and the list agree. */
	assert_int_equal(is_known,
			 fake_dataplane_ban(f->w->fake, id_of(f, limit), &source) != NULL);
	return is_known;
}

static inline int order(struct fixture *f, const char *limit, const char *text, uint32_t for_s,
			struct err *e)
{
	const struct ban_order wanted = {
		.limit = model_find_limit(f->w->model, limit),
		.source = source_of(f, limit, text),
		.for_s = for_s,
		.reason = "abuse desk\x1b[31m",
		.by = "alice",
	};

	return bans_set(f->bans, &wanted, &f->now, e);
}
