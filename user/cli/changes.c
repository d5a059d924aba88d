/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `sluicectl diff` and `sluicectl save`: what runs against what the files say. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"
#include "cli/client.h"
#include "cli/field.h"
#include "cli/run.h"
#include "state/store.h"

static void print_runtime(const struct cli *cli, const json_t *list)
{
	AUTO_FREE char *head = cli_as_told("runtime: changed by commands, not in the file "
					   "(sluicectl save writes it there)");
	const json_t *entry;
	size_t i;

	if (json_array_size(list) == 0) {
		fputs("runtime: nothing differs from the configuration that was loaded\n",
		      cli->view.out);
		return;
	}
	fprintf(cli->view.out, "%s\n", head);
	json_array_foreach (list, i, entry) {
		AUTO_FREE char *told = cli_as_told(field_text(entry, "text", ""));

		fprintf(cli->view.out, "  %s: %s\n", field_text(entry, "object", "?"), told);
	}
}

static void print_change(const struct cli *cli, const json_t *event)
{
	static const char *const keys[] = {"service", "pool", "member"};
	bool is_first = true;

	fputs("  ", cli->view.out);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *text = field_text(event, keys[i], "");

		if (text[0] == '\0')
			continue;
		fprintf(cli->view.out, "%s%s", is_first ? "" : "/", text);
		is_first = false;
	}
	fprintf(cli->view.out, "%s%s\n", is_first ? "" : ": ", field_text(event, "text", ""));
}

static void print_disk(const struct cli *cli, const json_t *disk)
{
	const char *state = field_text(disk, "state", "?");
	const char *settings = field_text(disk, "settings", "");
	const json_t *item;
	size_t i;

	if (strcmp(state, "same") == 0) {
		fputs("disk: the files are those that were loaded\n", cli->view.out);
		return;
	}
	fprintf(cli->view.out, "disk: %s\n",
		strcmp(state, "changed") == 0 ? "a reload would change"
					      : "a reload would be refused");
	json_array_foreach (json_object_get(disk, "errors"), i, item) {
		client_print_placed(cli->view.out, "  ", item);
	}
	if (settings[0] != '\0')
		fprintf(cli->view.out, "  settings: %s\n", settings);
	json_array_foreach (json_object_get(disk, "changes"), i, item) {
		print_change(cli, item);
	}
	if (settings[0] == '\0' && i == 0 && strcmp(state, "changed") == 0)
		fputs("  nothing but the text\n", cli->view.out);
}

int run_diff(struct cli *cli)
{
	AUTO_ANSWER struct answer answer;
	int r = client_call(cli, "GET", "/v1/diff", NULL, &answer);
	const json_t *runtime, *disk;

	if (r != CLI_OK)
		return r;
	runtime = json_object_get(answer.document, "runtime");
	disk = json_object_get(answer.document, "disk");
	if (cli->is_json) {
		client_print_body(cli, &answer);
	} else {
		print_runtime(cli, runtime);
		print_disk(cli, disk);
	}
	return json_array_size(runtime) > 0 || strcmp(field_text(disk, "state", ""), "same") != 0
		       ? CLI_FALSE
		       : CLI_OK;
}

static int cannot(const char *what, const char *path, int error)
{
	cli_error("cannot %s %s: %s", what, path, strerror(error));
	cli_hint("as root, or: sluicectl save --print > FILE");
	return error == EACCES || error == EPERM ? CLI_FORBIDDEN : CLI_FALSE;
}

/* The directory and the name in it; the caller's. */
static char *split(const char *path, const char **ret_name)
{
	char *directory = util_strdup(path);
	char *slash = strrchr(directory, '/');

	if (slash == NULL) {
		cli_error("sluiced named no path to save to, but %s", path);
		free(directory);
		return NULL;
	}
	*slash = '\0';
	*ret_name = slash + 1;
	return directory;
}

static int write_dropin(const char *path, const char *text)
{
	const char *name;
	AUTO_FREE char *directory = split(path, &name);
	int r;

	if (directory == NULL)
		return CLI_FALSE;
	if (mkdir(directory, 0755) && errno != EEXIST)
		return cannot("make", directory, errno);
	r = store_write(directory, name, 0644, text, strlen(text));
	return r < 0 ? cannot("write", path, -r) : CLI_OK;
}

/* What is there now, NULL when nothing is; the caller's. */
static int read_dropin(const char *path, char **ret_text)
{
	const char *name;
	AUTO_FREE char *directory = split(path, &name);
	size_t length;
	int r;

	*ret_text = NULL;
	if (directory == NULL)
		return CLI_FALSE;
	r = store_read(directory, name, ret_text, &length);
	return r < 0 && r != -ENOENT && r != -ENOTDIR ? cannot("read", path, -r) : CLI_OK;
}

/* The daemon may not write there; whoever calls this may. */
static int put(const char *path, const char *text, unsigned long long count)
{
	if (count > 0)
		return write_dropin(path, text);
	if (unlink(path) && errno != ENOENT)
		return cannot("remove", path, errno);
	return CLI_OK;
}

/* What was refused is not left for the next reload. Without an answer nobody knows: the file says
 * what ran, and stays. */
static void put_back(const char *path, const char *before, int result)
{
	if (result == CLI_UNREACHABLE)
		cli_hint("%s is written; the next start or reload takes it", path);
	else if (put(path, before, before != NULL) == CLI_OK)
		cli_hint("nothing is saved: %s is as it was", path);
}

/* What runs and is not for a file; beside --print, where it is no part of the drop-in. */
static void print_left_out(FILE *out, const json_t *answer)
{
	const json_t *item;
	size_t i;

	json_array_foreach (json_object_get(answer, "left_out"), i, item) {
		AUTO_FREE char *told = cli_as_told(field_text(item, "text", ""));

		fprintf(out, "left out: %s: %s\n", field_text(item, "object", "?"), told);
	}
}

int run_save(struct cli *cli)
{
	AUTO_ANSWER struct answer answer, reloaded = {0};
	int r = client_call(cli, "GET", "/v1/config/dropin", NULL, &answer);
	unsigned long long count;
	AUTO_FREE char *before = NULL;
	const char *path, *text;

	if (r != CLI_OK)
		return r;
	path = field_text(answer.document, "path", "");
	text = field_text(answer.document, "text", "");
	count = field_count(answer.document, "changes");
	if (cli_option(cli, OPTION_PRINT) != NULL) {
		fputs(text, cli->view.out);
		print_left_out(stderr, answer.document);
		return CLI_OK;
	}
	r = read_dropin(path, &before);
	if (r == CLI_OK)
		r = put(path, text, count);
	if (r != CLI_OK)
		return r;
	/* Now the files say what runs: the daemon need only know it. */
	r = client_call(cli, "POST", "/v1/config/reload", NULL, &reloaded);
	if (r != CLI_OK) {
		put_back(path, before, r);
		return r;
	}
	if (cli->is_json) {
		client_print_body(cli, &reloaded);
		return CLI_OK;
	}
	if (count > 0)
		fprintf(cli->view.out, "saved %llu change%s to %s; revision %llu is running\n",
			count, count == 1 ? "" : "s", path,
			(unsigned long long)field_count(reloaded.document, "revision"));
	else
		fputs("nothing to save: what runs is what the files say\n", cli->view.out);
	print_left_out(cli->view.out, answer.document);
	return CLI_OK;
}
