/* SPDX-License-Identifier: Apache-2.0 */
/* Names of signals, as people and images write them. */
#ifndef FAKEBUILD_BASE_SIGNALS_H
#define FAKEBUILD_BASE_SIGNALS_H

/* "SIGTERM", "term", "15", "RTMIN+3": its number; -1: unknown. */
int signal_number(const char *name);
/* "TERM", "term", and no other form: its number; -1: unknown. */
int signal_named(const char *name);

#endif
