/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Macros of libraries, for cppcheck, which does not read their headers. */
#pragma once

#define SEC(name)
#define __always_inline inline
#define __noinline
#define __uint(name, value) int(*name)[value]
#define __type(name, value) value *name
#define LIBBPF_OPTS(type, name, ...) struct type name = {__VA_ARGS__}
#define json_array_foreach(array, i, value)                                                        \
	for (i = 0; i < json_array_size(array) && (value = json_array_get(array, i)); i++)
#define json_object_foreach(object, key, value)                                                    \
	for (key = "", value = json_object_get(object, key); value; value = 0)
#define DECLARE_LIBXDP_OPTS(type, name, ...) struct type name = {__VA_ARGS__}
#define HASH_ITER(hh, head, element, next)                                                         \
	for (element = head, next = head; element; element = next)
#define HASH_FIND(hh, head, key, length, out) out = head
#define HASH_ADD(hh, head, field, length, element) head = element
#define HASH_DEL(head, element) head = element
