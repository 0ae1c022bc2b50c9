/* SPDX-License-Identifier: Apache-2.0 */
/* What users.c and usermaps.c share: namespaces as they can be changed, by their maps. */
#ifndef FAKEBUILD_USERMAPS_H
#define FAKEBUILD_USERMAPS_H

#include "tracer/users.h"

struct kept_users {
	struct kept_users *next;
	struct user_namespace is; /* its maps' extents are on this */
};

/* NULL for the first. */
struct kept_users *users_to_change(const struct user_namespace *ns);
void usermaps_close(void);

#endif
