/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which addresses has a host name? The C library says, by whatever this host is configured to ask
 * (files, name servers, ...). It blocks, for as long as it likes: each name has a thread of its own,
 * which is left behind when it takes too long.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

#include "base/addr.h"
#include "check/worker.h"

#define THREADS_MAX 64 /* at once, those left behind, too */
#define STACK_BYTES (512U << 10)

struct lookup {
	struct worker *worker;
	struct job *job; /* NULL: nobody waits any more */
	struct lookup *next;
	uv_thread_t thread;
	uv_async_t done;
	uv_timer_t timer;
	int handles; /* not yet closed */
	bool is_begun;
	/* The thread's own until it is done. */
	char name[254];
	struct addrinfo *found, *found6;
	int error, system_error;
};

static void on_closed(uv_handle_t *handle)
{
	struct lookup *lookup = handle->data;

	if (!--lookup->handles)
		free(lookup);
}

static void end(struct lookup *lookup)
{
	if (lookup->is_begun)
		uv_close((uv_handle_t *)&lookup->done, on_closed);
	uv_close((uv_handle_t *)&lookup->timer, on_closed);
}

/* ---- the thread ------------------------------------------------------------------------------ */

static bool is_none(int error)
{
	return error == EAI_NONAME || error == EAI_NODATA || error == EAI_ADDRFAMILY;
}

static int ask(struct lookup *lookup, int family, struct addrinfo **ret_found)
{
	const struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM};
	int error = getaddrinfo(lookup->name, NULL, &hints, ret_found);

	lookup->system_error = errno;
	return error;
}

/* Asked for both families at once the library is content with one of them, and the addresses of the
 * other seem to be gone when only their answer is. */
static void run(void *arg)
{
	struct lookup *lookup = arg;
	int error = ask(lookup, AF_INET, &lookup->found), error6;

	if (error && !is_none(error)) {
		lookup->error = error;
	} else {
		error6 = ask(lookup, AF_INET6, &lookup->found6);
		lookup->error = error6 && (error || !is_none(error6)) ? error6 : 0;
	}
	uv_async_send(&lookup->done);
}

/* ---- its answer ------------------------------------------------------------------------------ */

static bool take(const struct sockaddr *from, struct sluice_addr *ret_addr)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)from;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)from;

	*ret_addr = (struct sluice_addr){0};
	if (from->sa_family == AF_INET6) {
		memcpy(ret_addr->b, &v6->sin6_addr, 16);
		/* A link-local address says nothing without its interface, and no route leads there. */
		return !v6->sin6_scope_id;
	}
	if (from->sa_family != AF_INET)
		return false;
	ret_addr->b[10] = ret_addr->b[11] = 0xff;
	memcpy(ret_addr->b + 12, &v4->sin_addr, 4);
	return true;
}

/* The lowest ones, so that the same are left out each time. */
static size_t collect(const struct lookup *lookup, struct check_addresses *addresses)
{
	const struct addrinfo *const lists[] = {lookup->found, lookup->found6}, *found;
	AUTO_FREE struct sluice_addr *all = NULL;
	size_t count = 0, capacity = 0, i;

	for (i = 0; i < ARRAY_SIZE(lists); i++)
		for (found = lists[i]; found; found = found->ai_next) {
			all = util_grow(all, &capacity, count + 1, sizeof(*all));
			count += take(found->ai_addr, &all[count]);
		}
	count = addr_sort(all, count);
	addresses->count = MIN(count, CHECK_ADDRESSES_MAX);
	if (count)
		memcpy(addresses->list, all, addresses->count * sizeof(*all));
	return count;
}

static void answer(struct lookup *lookup)
{
	struct check_answer answer = {.result = PROBE_PASS};
	struct job *job = lookup->job;
	size_t count;

	if (lookup->error == EAI_SYSTEM || lookup->error == EAI_MEMORY) {
		job_fail(job, PROBE_UNDECIDED, 0, "%s",
			 lookup->error == EAI_MEMORY ? "no memory"
						     : strerror(lookup->system_error));
		return;
	}
	if (lookup->error) {
		job_fail(job, PROBE_FAIL, is_none(lookup->error) ? HEALTH_ANSWERED : HEALTH_SILENT,
			 "%s", gai_strerror(lookup->error));
		return;
	}
	count = collect(lookup, &answer.addresses);
	if (!count) {
		job_fail(job, PROBE_FAIL, HEALTH_ANSWERED, "it has no address");
		return;
	}
	if (count > CHECK_ADDRESSES_MAX)
		snprintf(answer.text, sizeof(answer.text),
			 "it has %zu addresses: the lowest %d are used", count,
			 CHECK_ADDRESSES_MAX);
	answer.times.total_us = job_us(job);
	job_answer(job, &answer);
}

static void begin_next(struct worker *worker);

static void on_done(uv_async_t *async)
{
	struct lookup *lookup = async->data;

	uv_thread_join(&lookup->thread); /* it has nothing left to do */
	lookup->worker->lookups.threads--;
	if (lookup->job)
		answer(lookup);
	if (lookup->found)
		freeaddrinfo(lookup->found);
	if (lookup->found6)
		freeaddrinfo(lookup->found6);
	begin_next(lookup->worker);
	end(lookup);
}

/* ---- the queue ------------------------------------------------------------------------------- */

/* One that still waits leaves the queue. */
static void forget(struct lookup *lookup)
{
	struct lookups *lookups = &lookup->worker->lookups;
	struct lookup **at = &lookups->first, *before = NULL;

	while (*at != lookup) {
		before = *at;
		at = &before->next;
	}
	*at = lookup->next;
	if (lookups->last == lookup)
		lookups->last = before;
}

static void on_timer(uv_timer_t *timer)
{
	struct lookup *lookup = timer->data;

	if (lookup->is_begun) {
		job_fail(TAKE_PTR(lookup->job), PROBE_FAIL, HEALTH_SILENT,
			 "no answer from the resolver");
		return; /* the thread ends when it ends */
	}
	job_fail(TAKE_PTR(lookup->job), PROBE_UNDECIDED, 0, "%d lookups are under way already",
		 THREADS_MAX);
	forget(lookup);
	end(lookup);
}

/* False: it was answered, and is no more. */
static bool begin(struct lookup *lookup)
{
	static const uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE,
						    .stack_size = STACK_BYTES};
	int r = uv_async_init(&lookup->worker->loop, &lookup->done, on_done);

	lookup->done.data = lookup;
	if (!r) {
		lookup->is_begun = true;
		lookup->handles++;
		r = uv_thread_create_ex(&lookup->thread, &options, run, lookup);
	}
	if (r) {
		job_fail(TAKE_PTR(lookup->job), PROBE_UNDECIDED, 0, "no thread: %s",
			 uv_strerror(r));
		end(lookup);
		return false;
	}
	lookup->worker->lookups.threads++;
	return true;
}

static void begin_next(struct worker *worker)
{
	struct lookups *lookups = &worker->lookups;
	struct lookup *lookup;

	while (lookups->first && lookups->threads < THREADS_MAX) {
		lookup = lookups->first;
		lookups->first = lookup->next;
		if (!lookups->first)
			lookups->last = NULL;
		begin(lookup);
	}
}

void lookup_begin(struct job *job)
{
	struct lookup *lookup = util_alloc(sizeof(*lookup));
	struct lookups *lookups = &job->worker->lookups;

	lookup->worker = job->worker;
	lookup->job = job;
	util_copy(lookup->name, sizeof(lookup->name), job->request.details.name);
	uv_timer_init(&job->worker->loop, &lookup->timer);
	lookup->timer.data = lookup;
	lookup->handles = 1;
	uv_timer_start(&lookup->timer, on_timer, job->request.timeout_ms, 0);
	if (lookups->last)
		lookups->last->next = lookup;
	else
		lookups->first = lookup;
	lookups->last = lookup;
	begin_next(job->worker);
}
