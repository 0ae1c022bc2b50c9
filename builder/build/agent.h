/* SPDX-License-Identifier: Apache-2.0 */
/* An ssh-agent of the host's OpenSSH with one key in it, for --ssh ID=KEY-FILE. */
#ifndef FAKEBUILD_BUILDER_AGENT_H
#define FAKEBUILD_BUILDER_AGENT_H

#include "tracer/base/error.h"

struct agent;
/* Start it; its socket is in `folder`.  It dies with this process. */
int agent_start(const void *ctx, const char *folder, const char *key_path, struct agent **ret, struct error *err);
const char *agent_socket(const struct agent *a);
void agent_stop(struct agent *a);

#endif
