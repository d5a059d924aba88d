/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The unix socket of the control API. */
#pragma once

#include "base/err.h"

struct peer_policy;

/* Listens, in place of what may have been left there. Returns the descriptor or a negative errno. */
int socket_open(const char *path, const struct peer_policy *policy, struct err *e);
/* Lets in those whom the policy gives a role. */
int socket_set_mode(const char *path, const struct peer_policy *policy, struct err *e);
