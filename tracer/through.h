/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host's files themselves are given of their metadata: all that the host lets us with TRACER_WRITE_THROUGH,
 * the attribute of rootless tools with TRACER_ROOTLESS_XATTRS.  The table then keeps the rest.
 */
#ifndef FAKEBUILD_THROUGH_H
#define FAKEBUILD_THROUGH_H

#include <stdbool.h>
#include <stddef.h>

#include "tracer/path.h"

/*
 * A run begins: session.writes_through, when config's flags ask for it, we are root with the capabilities that let
 * it work on a file whose owner and mode it has given away, and the table is not of links into shared layers.
 */
void through_open(const struct tracer_config *config);
/*
 * Give the object's file what *entry says.  What the host took is so in o->real then, and attributes are no longer
 * in *entry.  Of what the host refuses nothing is said.
 */
void through_give(struct object *o, struct meta_entry *entry);
/* Make a device node at this host path: the host's own, or an empty file that stands for it.  0 or -errno. */
int through_make_node(const char *host, mode_t type, mode_t mode, dev_t rdev);
/*
 * Is the object a device node of the guest's own root, not one that the host shows there?  As for runc's containers
 * such a one works only when it is of those that everybody may use.
 */
bool through_is_own_node(const struct object *o);

/* Has the host no attribute of this name that the guest may know of? */
bool through_hides(const char *name);
/*
 * An attribute of the file at this host path (the magic link of a descriptor: follows): the table's, or else the
 * host's own.  As meta_xattr_get.
 */
ssize_t through_xattr_get(const char *host, bool follows, const struct meta_entry *entry, const char *name, void *value,
			  size_t size);
/* Take it away from *entry, to be stored then, and from the host's file.  0, -ENODATA, or what the host said. */
int through_xattr_remove(const struct object *o, struct meta_entry *entry, const char *name);

#endif
