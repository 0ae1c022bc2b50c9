/* SPDX-License-Identifier: Apache-2.0 */
/* Who a command runs as: `-u` and the image's USER, looked up in the guest's own passwd and group.
 */
#ifndef FAKEBUILD_BUILDER_USER_H
#define FAKEBUILD_BUILDER_USER_H

#include "tracer/base/mem.h"
#include "tracer/tracer.h"

struct user {
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* the primary group first, as initgroups(3) has it */
	size_t group_count;
	char *home; /* from passwd, "/" without an entry */
};

/*
 * `spec` is "", USER, UID, USER:GROUP ... with names or numbers; "" is root.  The rules are runc's
 * and BuildKit's: numbers need no entry; a number without entry has group 0; a group given means no
 * supplementary groups; ids of 2^31 and more are refused (CVE-2024-40635).  passwd and group are
 * read only when they are regular files of at most 10 MiB (CVE-2024-9676).  Fails naming the user
 * or group.
 */
int user_lookup(const void *ctx, const struct tracer_config *guest, const char *spec,
		struct user **ret, struct error *err);

#endif
