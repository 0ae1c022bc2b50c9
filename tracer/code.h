/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patched copies of code (patch.h), one a file for as long as it does not change, in a folder that runs
 * share; and the table (struct shim_file) by which the shim finds them.
 */
#ifndef FAKEBUILD_CODE_H
#define FAKEBUILD_CODE_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

#include "tracer/shim/abi.h"

/* Where the copies are; made when missing. */
void code_open(const char *dir);
/*
 * What is known of a file's code.  A new file is opened by host_path, looked at and perhaps copied.
 * NULL when it cannot be said: it is then run as it is.
 */
const struct shim_file *code_of(const struct stat *st, const char *host_path);
/*
 * The copy of a program or loader that our own loader maps, and which bytes of that it maps in front of it (patch.h;
 * 0: none).  NULL: it is mapped as it is.
 */
const char *code_to_load(const struct stat *st, const char *host_path, uint32_t *ret_front_at);
/* What of the code in use was patched, and what was not and why. */
void code_print(FILE *out);
/* The host path of the file that this copy was made of; NULL when it is no copy. */
const char *code_origin(const char *copy);
/* Is what lies there in a copy nothing of the file, but stubs in front of it? */
bool code_is_front(const char *copy, uint64_t offset);

#endif
