/* SPDX-License-Identifier: Apache-2.0 */
/* The options of file systems as /proc/PID/mounts shows them. */
#ifndef FAKEBUILD_MOUNTOPTIONS_H
#define FAKEBUILD_MOUNTOPTIONS_H

/*
 * What a file system of this type shows of mount(2)'s last argument, each option behind a comma: ",size=64k,mode=755".
 * "" when it shows none.  On ctx.
 */
char *mount_options_shown(const void *ctx, const char *type, const char *options);

#endif
