/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where the person sits who has called us. */
#pragma once

#include <stdbool.h>

#include "base/addr.h"

/* The address that sshd told, in our environment or, as sudo and others drop it there, in that of the
 * nearest process above us that has it. False: nobody knows, such as at the console. */
bool caller_find(char ret_text[ADDR_TEXT_MAX]);
