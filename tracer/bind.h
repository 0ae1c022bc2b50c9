/* SPDX-License-Identifier: Apache-2.0 */
/* From the bindings of a run's configuration to its mounts. */
#ifndef FAKEBUILD_BIND_H
#define FAKEBUILD_BIND_H

#include <stddef.h>

#include "tracer/base/error.h"
#include "tracer/mounts.h"
#include "tracer/tracee.h"

/* Of another session: what was found of the host's folders before does not count any more. */
void bind_reset(void);
/* Add the bindings from number `from` on to the mounts of `t`, as it sees their places. */
int bind_config(const struct tracer_config *config, size_t from, struct tracee *t, struct error *err);
/* Take the mounts that bind_config has made in an earlier session of the same configuration; its groups are made again. */
struct mounts *bind_again(struct mounts *known);

#endif
