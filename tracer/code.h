/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patched copies of code (patch.h), one a file for as long as it does not change, in a folder that runs
 * share; and the table (struct shim_file) by which the shim finds them.
 */
#ifndef FAKEBUILD_CODE_H
#define FAKEBUILD_CODE_H

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
/* What of the code in use was patched, and what was not and why. */
void code_print(FILE *out);
/* The host path of the file that this copy was made of; NULL when it is no copy. */
const char *code_origin(const char *copy);

#endif
