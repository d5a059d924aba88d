/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "cli/lookup.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "cli/cli.h"

#define ADDRESSES_MAX 64

static size_t collect(const struct addrinfo *found, struct sluice_addr list[ADDRESSES_MAX])
{
	char text[NI_MAXHOST];
	size_t count = 0;

	/* With its interface, a link-local address is none for a member: it does not parse. */
	for (; found != NULL && count < ADDRESSES_MAX; found = found->ai_next)
		if (getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof(text), NULL, 0,
				NI_NUMERICHOST) == 0 &&
		    addr_parse(text, &list[count]) == 0)
			count++;
	return addr_sort(list, count);
}

static int refuse(const char *name, const struct sluice_addr *list, size_t count)
{
	char text[ADDR_TEXT_MAX], all[512] = "";
	size_t used = 0;

	if (count == 0) {
		cli_error("%s has no address", name);
		return CLI_FALSE;
	}
	for (size_t i = 0; i < count && used < sizeof(all); i++)
		used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", i > 0 ? ", " : "",
					 addr_format(&list[i], text));
	cli_error("%s has %zu addresses: %s", name, count, all);
	cli_hint("name the one that is meant; in the configuration file a name stands for all");
	return CLI_FALSE;
}

int lookup_address(const char *text, char address[ADDR_TEXT_MAX])
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct sluice_addr list[ADDRESSES_MAX];
	struct addrinfo *found = NULL;
	uint16_t port;
	size_t count;
	int r;

	address[0] = '\0';
	if (addr_parse_endpoint(text, &list[0], &port) == 0)
		return CLI_OK;
	r = getaddrinfo(text, NULL, &hints, &found);
	if (r != 0) {
		cli_error("%s does not resolve: %s", text, gai_strerror(r));
		return CLI_FALSE;
	}
	count = collect(found, list);
	freeaddrinfo(found);
	if (count != 1)
		return refuse(text, list, count);
	addr_format(&list[0], address);
	fprintf(stderr, "sluicectl: %s is %s\n", text, address);
	return CLI_OK;
}
