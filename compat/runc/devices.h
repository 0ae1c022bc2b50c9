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

#endif
