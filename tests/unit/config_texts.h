/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Texts of several files, as one configuration. For tests that include cmocka.h before. */
#pragma once

#include <string.h>

#include "core/config.h"

#define FILES_MAX 8

/* What others are added to. */
static const char MAIN[] = "version: 1\n"
			   "interfaces: [eth0]\n"
			   "services:\n"
			   "  web:\n"
			   "    listen: tcp 192.0.2.10:80\n"
			   "    mode: l2\n"
			   "    members: [10.0.0.1, {address: 10.0.0.2, weight: 50}, 10.0.0.3]\n"
			   "  dns:\n"
			   "    listen: udp 192.0.2.53:53\n"
			   "    mode: ipip\n"
			   "    pools:\n"
			   "      blue: {members: [10.1.0.1]}\n"
			   "      green: {share: 0, members: [\"2001:db8::1\"]}\n"
			   "limits:\n"
			   "  all: {count: packets, rate: 1000/s, mode: enforce}\n";

#define LISTS                                                                                      \
	"management: {prefixes: [10.9.0.0/24]}\n"                                                  \
	"lists:\n"                                                                                 \
	"  bad: {action: deny, prefixes: [203.0.113.0/24]}\n"                                      \
	"  good: {action: exempt}\n"

static inline int parse(const char *const *texts, struct config **ret_config, struct errs *errors)
{
	static const char *const paths[FILES_MAX] = {"/c/main.yaml", "/c/main.d/1.yaml",
						     "/c/main.d/2.yaml", "/c/main.d/3.yaml"};
	struct config_file files[FILES_MAX];
	size_t count;

	for (count = 0; texts[count]; count++)
		files[count] =
			(struct config_file){paths[count], texts[count], strlen(texts[count])};
	return config_parse_files(files, count, ret_config, errors);
}

static inline struct config *parsed(const char *const *texts)
{
	struct config *config = NULL;
	struct errs errors = {0};

	if (parse(texts, &config, &errors))
		fail_msg("%s:%d: %s: %s", errors.list[0].file, errors.list[0].line,
			 errors.list[0].path, errors.list[0].text);
	return config;
}
