/* SPDX-License-Identifier: Apache-2.0 */
/* Docker's daemon, when there is one: --load. */
#ifndef FAKEBUILD_OCI_DAEMON_H
#define FAKEBUILD_OCI_DAEMON_H

#include "tracer/base/error.h"

/*
 * Send it a docker-archive, as docker load does.  Its socket is $DOCKER_HOST (unix://PATH), else
 * /var/run/docker.sock.  Fails with its own sentence when it refuses.
 */
int daemon_load(int archive_fd, struct error *err);

#endif
