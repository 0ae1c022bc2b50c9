/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host names of another container, whose UTS namespace the bundle asks to join, as members of a pod do.  That container is of
 * another session, so that the names are those of now: who changes them later, changes them for itself.
 */
#ifndef FAKEBUILD_COMPAT_RUNC_HOSTNAMES_H
#define FAKEBUILD_COMPAT_RUNC_HOSTNAMES_H

#include "compat/runc/state.h"

enum { HOSTNAME_ROOM = 65 }; /* __NEW_UTS_LEN of linux/utsname.h, and its end */
struct hostnames {
	char host[HOSTNAME_ROOM], domain[HOSTNAME_ROOM]; /* "": none to take over */
};

/* For c, which is about to be made, of a container beside it.  Empty names when its namespace is nobody's there. */
void hostnames_read(const struct runc_container *c, struct hostnames *ret);

#endif
