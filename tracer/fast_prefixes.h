/* SPDX-License-Identifier: Apache-2.0 */
/* Where typed directory parts lead, as the shim reads it (struct shim_prefix of shim/abi.h). */
#ifndef FAKEBUILD_FAST_PREFIXES_H
#define FAKEBUILD_FAST_PREFIXES_H

#include "tracer/path.h"

/*
 * A directory part, as typed, led here from the root, from the cwd, or from the directory whose host path is
 * `start`; or a whole path led to a file that is bound there.
 */
enum fast_start { FROM_ROOT, FROM_CWD, FROM_DESCRIPTOR };
void fast_publish(const struct tracee *t, enum fast_start from, const char *start, const char *typed, size_t length,
		  const struct object *at);
/* A walk that may be published goes through this inode; NULL: all prefixes are void. */
void fast_walked(const struct stat *st);
/* The path, as typed, is SHIM_OWN_DESCRIPTORS and the number of a descriptor of the tracee's own. */
void fast_tell_descriptors(const struct tracee *t);
/* The path, as typed, is of a file that is to be opened as the host has it (procfs_is_hosts). */
void fast_tell_proc_file(const struct tracee *t, const char *path);

#endif
