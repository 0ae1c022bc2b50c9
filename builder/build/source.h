/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where files of a build come from: a folder of the host (a context), or a workspace (a stage or an image).
 * One way to look at both.  Nothing of it can lead out of its root.
 */
#ifndef FAKEBUILD_BUILDER_SOURCE_H
#define FAKEBUILD_BUILDER_SOURCE_H

#include "oci/layerdir.h"
#include "oci/workspace.h"

struct source;

/* A folder of the host; owners are shown as 0:0.  The path stays the caller's. */
int source_of_folder(const void *ctx, const char *host_path, struct source **ret, struct error *err);
struct source *source_of_workspace(const void *ctx, struct workspace *w);
bool source_is_context(const struct source *s);

#endif
