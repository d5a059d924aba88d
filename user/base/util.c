/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "base/util.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_LENGTH_MAX 63
#define NEAREST_WORD_MAX 64 /* longer words are nobody's typing mistake */

void util_free_p(void *p)
{
	void **pointer = p;

	free(*pointer);
	*pointer = NULL;
}

void util_close_p(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void util_fclose_p(FILE **f)
{
	if (*f)
		fclose(*f);
	*f = NULL;
}

static void die_out_of_memory(size_t bytes)
{
	fprintf(stderr, "util: out of memory (%zu bytes wanted)\n", bytes);
	abort();
}

void *util_alloc(size_t bytes)
{
	void *p = calloc(1, bytes ? bytes : 1);

	if (!p)
		die_out_of_memory(bytes);
	return p;
}

void *util_alloc_array(size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		die_out_of_memory(SIZE_MAX);
	return util_alloc(bytes);
}

void *util_grow(void *p, size_t *capacity, size_t needed, size_t size)
{
	size_t cells = *capacity, bytes;

	if (needed <= cells)
		return p;
	cells = MAX(cells, (size_t)1);
	while (cells < needed) {
		if (__builtin_mul_overflow(cells, (size_t)2, &cells))
			die_out_of_memory(SIZE_MAX);
	}
	if (__builtin_mul_overflow(cells, size, &bytes))
		die_out_of_memory(SIZE_MAX);
	p = realloc(p, bytes);
	if (!p)
		die_out_of_memory(bytes);
	memset((char *)p + *capacity * size, 0, (cells - *capacity) * size);
	*capacity = cells;
	return p;
}

void *util_shrink(void *p, size_t count, size_t size)
{
	void *smaller = count ? realloc(p, count * size) : NULL;

	if (!count)
		free(p);
	return smaller || !count ? smaller : p;
}

char *util_strdup(const char *s)
{
	char *copy;

	if (!s)
		return NULL;
	copy = strdup(s);
	if (!copy)
		die_out_of_memory(strlen(s) + 1);
	return copy;
}

char *util_printf(const char *fmt, ...)
{
	va_list args;
	char *text;
	int n;

	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n < 0)
		die_out_of_memory(0);
	return text;
}

void util_set_text(char **at, const char *text)
{
	char *old = *at;

	if (!strcmp(util_text(old), util_text(text)))
		return;
	*at = *util_text(text) ? util_strdup(text) : NULL;
	free(old); /* last: text may be part of it */
}

const char *util_text(const char *text)
{
	return text ? text : "";
}

void util_copy(char *dst, size_t size, const char *src)
{
	size_t n;

	if (size == 0)
		return;
	n = strnlen(src, size - 1);
	/* Not in the middle of a UTF-8 character. */
	if (src[n]) {
		while (n > 0 && ((unsigned char)src[n] & 0xc0) == 0x80)
			n--;
	}
	memcpy(dst, src, n);
	dst[n] = '\0';
}

/* 0: there is something to read, or the end. */
static int wait_readable(int fd, int silence_ms)
{
	struct pollfd one = {.fd = fd, .events = POLLIN};
	int n;

	do
		n = poll(&one, 1, silence_ms);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n == 0 ? -ETIMEDOUT : 0;
}

int util_read_fd(int fd, size_t max, int silence_ms, char **ret_text, size_t *ret_length)
{
	AUTO_FREE char *text = NULL;
	size_t length = 0, capacity = 0;
	ssize_t n;

	for (;;) {
		int r = wait_readable(fd, silence_ms);

		if (r)
			return r;
		text = util_grow(text, &capacity, length + 4096, 1);
		n = read(fd, text + length, capacity - length - 1);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		length += (size_t)n;
		if (length > max)
			return -EFBIG;
	}
	text[length] = '\0';
	*ret_text = TAKE_PTR(text);
	*ret_length = length;
	return 0;
}

int util_read_file(const char *path, size_t max, char **ret_text, size_t *ret_length)
{
	/* Opening a FIFO would wait until somebody writes. */
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -ESPIPE;
	return util_read_fd(fd, max, -1, ret_text, ret_length);
}

int util_read_input(const char *path, size_t max, char **ret_text, size_t *ret_length)
{
	AUTO_CLOSE int fd = strcmp(path, "-")
				    ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
				    : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (S_ISBLK(st.st_mode))
		return -ESPIPE;
	/* Who types may think as long as he likes. */
	return util_read_fd(fd, max, isatty(fd) ? -1 : UTIL_SILENCE_MS, ret_text, ret_length);
}

const char *util_read_error(int ret)
{
	if (ret == -ETIMEDOUT)
		return "nothing came for 30 seconds";
	return ret == -ESPIPE ? "not a regular file" : strerror(-ret);
}

static bool is_same_letter(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Optimal string alignment: insert, delete, replace and swap of neighbours cost one each, for
 * these are the mistakes of typing. Case costs nothing. */
static size_t edit_distance(const char *a, size_t n, const char *b, size_t m)
{
	size_t rows[3][NEAREST_WORD_MAX + 1];

	for (size_t j = 0; j <= m; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *row = rows[i % 3], *above = rows[(i - 1) % 3], *above2 = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t best = above[j - 1] + !is_same_letter(a[i - 1], b[j - 1]);

			best = MIN(best, above[j] + 1);
			best = MIN(best, row[j - 1] + 1);
			if (i > 1 && j > 1 && is_same_letter(a[i - 1], b[j - 2]) &&
			    is_same_letter(a[i - 2], b[j - 1]))
				best = MIN(best, above2[j - 2] + 1);
			row[j] = best;
		}
	}
	return rows[n % 3][m];
}

const char *util_nearest(const char *word, const char *const *candidates, size_t count)
{
	const char *nearest = NULL;
	size_t length = strlen(word), best;

	if (length == 0 || length > NEAREST_WORD_MAX)
		return NULL;
	best = (length + 2) / 3 + 1; /* a third of the word, rounded up, may be wrong */
	for (size_t i = 0; i < count; i++) {
		size_t m = strlen(candidates[i]), distance;

		if (m > NEAREST_WORD_MAX)
			continue;
		distance = edit_distance(word, length, candidates[i], m);
		if (distance < best && distance < MAX(m, length)) {
			best = distance;
			nearest = candidates[i];
		}
	}
	return nearest;
}

const char *util_format_duration(uint64_t seconds, char buffer[UTIL_DURATION_MAX])
{
	static const struct {
		const char *name;
		uint32_t seconds;
	} units[] = {{"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}};
	size_t used = 0;

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		uint64_t count = seconds / units[i].seconds;

		seconds %= units[i].seconds;
		if (count > 0)
			used += (size_t)snprintf(buffer + used, UTIL_DURATION_MAX - used,
						 "%s%" PRIu64 " %s", used > 0 ? " " : "", count,
						 units[i].name);
	}
	if (used == 0)
		snprintf(buffer, UTIL_DURATION_MAX, "0 s");
	return buffer;
}

bool util_name_is_valid(const char *name)
{
	size_t length = strnlen(name, NAME_LENGTH_MAX + 1);

	if (length == 0 || length > NAME_LENGTH_MAX)
		return false;
	for (size_t i = 0; i < length; i++) {
		char c = name[i];
		bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			       (c >= '0' && c <= '9');

		if (!is_word && (i == 0 || (c != '.' && c != '_' && c != '-')))
			return false;
	}
	return true;
}
