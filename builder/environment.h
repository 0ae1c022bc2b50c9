/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's environment, by Docker's rules for ENV, -e and --env-file. */
#ifndef FAKEBUILD_BUILDER_ENVIRONMENT_H
#define FAKEBUILD_BUILDER_ENVIRONMENT_H

#include "tracer/base/error.h"
#include "tracer/base/mem.h"

/* Set "KEY=VALUE", in the place of an earlier KEY; "KEY" alone takes it away. */
void environment_set(struct strlist *env, const char *entry);
void environment_set_all(struct strlist *env, const struct strlist *entries);
/* Set KEY only when it is not there yet. */
void environment_default(struct strlist *env, const char *key, const char *value);
/* The value of KEY, or NULL. */
const char *environment_get(const struct strlist *env, const char *key);
/*
 * One -e option: "KEY=VALUE"; "KEY" takes the caller's own value, and unsets KEY when there is
 * none. Fails on an empty KEY.
 */
int environment_option(struct strlist *env, const char *option, struct error *err);
/* --env-file: a line per variable as -e has them, '#' begins a comment line, values are taken as
 * they are. */
int environment_file(struct strlist *env, const char *host_path, struct error *err);
/* http_proxy and its kin of the caller, as Docker builds and podman hand them on. */
void environment_proxies(struct strlist *env);

#endif
