/* SPDX-License-Identifier: Apache-2.0 */
/* Directories whose listing by the host is not the guest's. */
#ifndef FAKEBUILD_LISTING_H
#define FAKEBUILD_LISTING_H

#include <stdbool.h>

#include "tracer/path.h"

/*
 * Is this directory's listing to be changed: /proc shows the guest's processes only, mounts show whose points are
 * not there, and device nodes are none on the host?  Its readers are watched (watch.h) from the open on.
 */
bool listing_is_changed(const struct tracee *t, const struct object *o);
/* From now on the listing of this directory of the host's is changed: for those, too, who have it open. */
void listing_changes(const struct stat *directory);

#endif
