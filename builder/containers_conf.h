/* SPDX-License-Identifier: Apache-2.0 */
/* What `fakebuild root` tells programs of containers/storage (podman, buildah, skopeo) by their own variables. */
#ifndef FAKEBUILD_BUILDER_CONTAINERS_CONF_H
#define FAKEBUILD_BUILDER_CONTAINERS_CONF_H

#include "tracer/base/error.h"
#include "tracer/base/mem.h"

/*
 * Add the variables that are not set yet.  One names a containers.conf(5), made in `run_dir`, that says what can be had here;
 * what the caller's own files say of that stays.
 */
int containers_conf_environment(struct strlist *env, const char *run_dir, struct error *err);

#endif
