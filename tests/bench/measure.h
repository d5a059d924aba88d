/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every measurement needs: one CPU, running programs many times, medians, a JSON file. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#define MEASURE_ROUNDS 9
#define MEASURE_ROUNDS_MIN 7
#define MEASURE_ROUNDS_MAX 99

/* Ties this thread to the last CPU it may run on. Returns the CPU or a negative errno. */
int measure_pin(void);

struct measure_run {
	int program_fd;
	const void *frame;
	uint32_t frame_bytes;
	uint32_t repeat;
	uint32_t batch; /* live frames a batch; 0: ordinary run */
};

struct measure_result {
	double cpu_ns;	/* of this thread, all passes */
	double wall_ns; /* all passes */
	uint32_t action;
	uint8_t frame[256]; /* as the last pass left it; ordinary runs only */
	uint32_t frame_bytes;
};

/* 0 or a negative errno. */
int measure_program(const struct measure_run *run, struct measure_result *ret_result);

double measure_median(double *values, size_t count); /* sorts values */

/* Writes the list to DIRECTORY/NAME and frees it. 0, or -1 after saying why. */
int measure_save(json_t *list, const char *directory, const char *name);

/* Rounds from --rounds N, the directory from the first other argument. 0, or -1 after saying why. */
int measure_arguments(int argc, char **argv, uint32_t *ret_rounds, const char **ret_directory);
