/* SPDX-License-Identifier: Apache-2.0 */
/* Owners by name, as --chown and USER give them, looked up in a stage's own passwd and group. */
#ifndef FAKEBUILD_BUILDER_OWNER_H
#define FAKEBUILD_BUILDER_OWNER_H

#include "oci/workspace.h"

struct owner {
	uid_t uid;
	gid_t gid;
	bool is_unknown; /* a name that the files do not have, taken for 0 as BuildKit takes it */
};

/*
 * `spec` is USER[:GROUP], names or numbers; "" is root.  A name alone has its primary group, a number alone that
 * number as its group (BuildKit's client/llb/fileop.go).  passwd and group are read only when they are regular
 * files of at most 10 MiB (CVE-2024-9676).
 */
int owner_find(struct workspace *w, const char *spec, struct owner *ret, struct error *err);

#endif
