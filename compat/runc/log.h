/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the runtime has to tell: lines as runc writes them, text or JSON, to --log or to standard error.  Callers read
 * the last error of the file, so that each line is written at once.
 */
#ifndef FAKEBUILD_COMPAT_RUNC_LOG_H
#define FAKEBUILD_COMPAT_RUNC_LOG_H

#include <stdbool.h>

#include "tracer/base/error.h"

enum log_level { LOG_DEBUG_LEVEL, LOG_INFO_LEVEL, LOG_WARNING_LEVEL, LOG_ERROR_LEVEL };

/* Append to this file from now on; NULL or "": standard error.  Debug lines are left out unless has_debug. */
int runc_log_open(const char *path, bool is_json, bool has_debug, struct error *err);
/* Do lines go to standard error? */
bool runc_log_is_shown(void);
/* Are debug lines written? */
bool runc_log_has_debug(void);
/* Write a line; without a newline at its end. */
void runc_log(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Log the failure that ends the program; people get it, too, when the log is a file. */
void runc_log_failure(const char *text);

#endif
