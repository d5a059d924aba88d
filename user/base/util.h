/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Small helpers that every layer uses: sizes, cleanup attributes, allocation that cannot fail. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#ifndef MIN /* <sys/param.h>, which <uv.h> includes, has the same two */
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#endif
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Cleanup attributes: release at the end of the scope unless taken. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define AUTO_FREE CLEANUP(util_free_p)
#define AUTO_CLOSE CLEANUP(util_close_p)
#define AUTO_FCLOSE CLEANUP(util_fclose_p)

#define TAKE_PTR(p)                                                                                \
	({                                                                                         \
		__auto_type taken_ = (p);                                                          \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int taken_ = (fd);                                                                 \
		(fd) = -1;                                                                         \
		taken_;                                                                            \
	})

void util_free_p(void *p);    /* p: address of a pointer */
void util_close_p(int *fd);   /* closes when >= 0 */
void util_fclose_p(FILE **f); /* accepts NULL */

/* Allocation: zeroed, aborts when memory is exhausted (the daemon's memory is bounded by its
 * configuration; the kernel's overcommit makes a graceful path untestable). */
void *util_alloc(size_t bytes);
void *util_alloc_array(size_t count, size_t size);
void *util_grow(void *p, size_t *capacity, size_t needed, size_t size); /* new cells zeroed */
/* Gives back what was taken beyond so many cells; NULL for none. */
void *util_shrink(void *p, size_t count, size_t size);
char *util_strdup(const char *s); /* NULL gives NULL */
char *util_printf(const char *fmt, ...) PRINTF(1, 2);
/* A text that is mostly empty, NULL then, in what there are thousands of. text may be NULL. */
void util_set_text(char **at, const char *text);
const char *util_text(const char *text); /* "" for NULL */

/* Copies with truncation, always terminated. */
void util_copy(char *dst, size_t size, const char *src);

/* Reads a whole file of at most max bytes; the result is terminated and owned by the caller.
 * Returns 0, or -errno (-EFBIG when longer, -ESPIPE when it is no regular file). */
int util_read_file(const char *path, size_t max, char **ret_text, size_t *ret_length);
/* The same of what is open already, whatever it is; -ETIMEDOUT when nothing comes for so long, -1:
 * waits. */
int util_read_fd(int fd, size_t max, int silence_ms, char **ret_text, size_t *ret_length);
/* As util_read_file(), for a person's command: pipes and terminals, too, and "-" for what comes in;
 * a pipe may be silent for so long. */
#define UTIL_SILENCE_MS 30000
int util_read_input(const char *path, size_t max, char **ret_text, size_t *ret_length);
const char *util_read_error(int ret); /* of all of them, in words */

/* Edit distance, for "did you mean"; the candidate nearest to word within 1/3 of its length. */
const char *util_nearest(const char *word, const char *const *candidates, size_t count);

/* "30 d", "1 h 30 min 5 s": each unit as often as it fits, to the second. */
#define UTIL_DURATION_MAX 48
const char *util_format_duration(uint64_t seconds, char buffer[UTIL_DURATION_MAX]);

/* Object names: 1..63 of [a-z0-9._-], first a letter or digit (case kept as written; A-Z too). */
bool util_name_is_valid(const char *name);
