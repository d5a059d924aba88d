/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "cli/pcapng.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

#define BLOCK_SECTION 0x0a0d0d0aU
#define BLOCK_INTERFACE 1U
#define BLOCK_PACKET 6U
#define BYTE_ORDER_MAGIC 0x1a2b3c4dU
#define LINK_ETHERNET 1U

#define OPTION_END 0U
#define OPTION_COMMENT 1U
#define OPTION_APPLICATION 4U
#define OPTION_NAME 2U
#define OPTION_RESOLUTION 9U

/* A block is collected first: its length stands at both of its ends. */
struct block {
	uint8_t *data;
	size_t length, capacity;
};

static void put(struct block *block, const void *data, size_t length)
{
	size_t padded = (length + 3) / 4 * 4;

	block->data = util_grow(block->data, &block->capacity, block->length + padded, 1);
	if (length)
		memcpy(block->data + block->length, data, length);
	memset(block->data + block->length + length, 0, padded - length);
	block->length += padded;
}

/* In the byte order of this machine: the section's header tells which one that is. */
static void put32(struct block *block, uint32_t value)
{
	put(block, &value, sizeof(value));
}

static void put_option(struct block *block, uint16_t code, const void *value, size_t length)
{
	const uint16_t head[2] = {code, (uint16_t)length};

	put(block, head, sizeof(head));
	put(block, value, length);
}

static void put_text(struct block *block, uint16_t code, const char *text)
{
	put_option(block, code, text, MIN(strlen(text), UINT16_MAX));
}

static void write_block(FILE *out, uint32_t type, struct block *block)
{
	uint32_t total = (uint32_t)block->length + 12;

	fwrite(&type, sizeof(type), 1, out);
	fwrite(&total, sizeof(total), 1, out);
	fwrite(block->data, 1, block->length, out);
	fwrite(&total, sizeof(total), 1, out);
	free(block->data);
}

void pcapng_begin(struct pcapng *file, FILE *out, uint32_t snap, const char *application)
{
	const uint16_t version[2] = {1, 0};
	const uint64_t unknown_length = UINT64_MAX;
	struct block block = {0};

	memset(file, 0, sizeof(*file));
	file->out = out;
	file->snap = snap;
	put32(&block, BYTE_ORDER_MAGIC);
	put(&block, version, sizeof(version));
	put(&block, &unknown_length, sizeof(unknown_length));
	put_text(&block, OPTION_APPLICATION, application);
	put32(&block, OPTION_END);
	write_block(out, BLOCK_SECTION, &block);
}

static uint32_t find_interface(struct pcapng *file, const char *name)
{
	const uint16_t head[2] = {LINK_ETHERNET, 0};
	const uint8_t nanoseconds = 9;
	struct block block = {0};
	uint32_t i;

	for (i = 0; i < file->interface_count; i++)
		if (!strcmp(file->interfaces[i], name))
			return i;
	if (i == PCAPNG_INTERFACES_MAX)
		return i - 1;
	util_copy(file->interfaces[i], sizeof(file->interfaces[i]), name);
	file->interface_count++;
	put(&block, head, sizeof(head));
	put32(&block, file->snap);
	put_text(&block, OPTION_NAME, name);
	put_option(&block, OPTION_RESOLUTION, &nanoseconds, 1);
	put32(&block, OPTION_END);
	write_block(file->out, BLOCK_INTERFACE, &block);
	return i;
}

void pcapng_add(struct pcapng *file, const struct pcapng_packet *packet)
{
	uint32_t interface = find_interface(file, packet->interface);
	struct block block = {0};

	put32(&block, interface);
	put32(&block, (uint32_t)(packet->time_ns >> 32));
	put32(&block, (uint32_t)packet->time_ns);
	put32(&block, packet->kept);
	put32(&block, packet->bytes);
	put(&block, packet->data, packet->kept);
	if (packet->comment) {
		put_text(&block, OPTION_COMMENT, packet->comment);
		put32(&block, OPTION_END);
	}
	write_block(file->out, BLOCK_PACKET, &block);
}
