/* SPDX-License-Identifier: Apache-2.0 */
/* When an exchange is worth another try, and how long to wait before it. */
#ifndef FAKEBUILD_OCI_RETRY_H
#define FAKEBUILD_OCI_RETRY_H

#include "oci/http.h"

enum { RETRY_TRIES = 5 };

/*
 * 429 and 5xx that pass, connections that broke.  Nobody there (connection refused, no such host) is worth it
 * only when somebody has been there before.
 */
bool retry_is_worth(const struct http_reply *reply, bool was_reached);
/*
 * Sleep before try number `attempt` (1 is the first repetition): 1, 2, 4, 8 s, or what Retry-After asks,
 * at most a minute.  Ends early when *is_cancelled (may be NULL).
 */
void retry_wait(unsigned attempt, const struct http_reply *reply, const int *is_cancelled);

#endif
