/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A host name on the command line. */
#pragma once

#include "base/addr.h"

/* The one address of a host, which is told; "" when text is an address itself. An exit code, after an
 * error when the name has none or several. */
int lookup_address(const char *text, char address[ADDR_TEXT_MAX]);
