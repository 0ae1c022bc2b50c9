/* SPDX-License-Identifier: Apache-2.0 */
/* Names of signals, as STOPSIGNAL has them. */
#ifndef FAKEBUILD_BUILDER_SIGNALS_H
#define FAKEBUILD_BUILDER_SIGNALS_H

#include <stdbool.h>

/* "SIGTERM", "term", "9", "RTMIN+3", "RTMAX-14": is it one that moby/sys/signal knows? */
bool signal_is_known(const char *text);

#endif
