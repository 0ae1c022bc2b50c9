/* SPDX-License-Identifier: Apache-2.0 */
/* Names of signals, for `kill`. */
#ifndef FAKEBUILD_COMPAT_RUNC_SIGNALS_H
#define FAKEBUILD_COMPAT_RUNC_SIGNALS_H

/* "SIGTERM", "term", "15", "RTMIN+3": its number; -1: unknown. */
int signal_number(const char *name);

#endif
