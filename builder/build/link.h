/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire between the scheduling process and a stage's: lines.  Up: events, and "!need N", "!shell", "!done JSON",
 * "!failed JSON"; down: the JSON of a stage's result, or "go".
 */
#ifndef FAKEBUILD_BUILDER_LINK_H
#define FAKEBUILD_BUILDER_LINK_H

#include "builder/build/build.h"

struct link *link_new(const void *ctx, int fd);
void link_done(struct link *l, const struct stage_result *result);
/* exit_status is that of a RUN's command, 0: none. */
void link_failed(struct link *l, const struct error *err, unsigned line, unsigned last_line, int exit_status);

/* Lines that come in pieces. */
struct wire;
struct wire *wire_new(const void *ctx, int fd);
/* Read once; 0: the other end is gone, -1: nothing to be read. */
int wire_read(struct wire *l);
/* The next whole line without its newline, valid until the next call; NULL: none yet. */
char *wire_next(struct wire *l);

int result_load(const void *ctx, struct json *dump, struct stage_result **ret, struct error *err);
int link_send(int fd, const char *text);

#endif
