/* SPDX-License-Identifier: Apache-2.0 */
/* What each fuzzer has. */
#ifndef FAKEBUILD_TESTS_FUZZ_H
#define FAKEBUILD_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* libFuzzer's, and main.c's; 0. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static inline void must(bool is_so)
{
	if (!is_so)
		abort();
}

#endif
