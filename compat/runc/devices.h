/* SPDX-License-Identifier: Apache-2.0 */
/* A container's /dev: config-linux.md, "Default Devices", those of the spec, and their links. */
#ifndef FAKEBUILD_COMPAT_RUNC_DEVICES_H
#define FAKEBUILD_COMPAT_RUNC_DEVICES_H

#include "compat/runc/spec.h"

/*
 * Make them below spec->root, once its mounts are there; none when /dev itself is bound.  A device that the host has
 * under the same name is that one, shown there.  console is the terminal's host path, or NULL.
 */
int devices_make(const struct spec *spec, const char *console, struct error *err);
/* Give a new terminal the group and mode that terminals of the config's devpts have: as if it had been made there. */
int devices_own_terminal(struct json *config, int fd, struct error *err);

#endif
