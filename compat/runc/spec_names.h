/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the runtime-spec and what they are to the kernel.  Each gives -1 for a name that is none. */
#ifndef FAKEBUILD_COMPAT_RUNC_SPEC_NAMES_H
#define FAKEBUILD_COMPAT_RUNC_SPEC_NAMES_H

/* "RLIMIT_NOFILE" */
int spec_rlimit_resource(const char *name);
/* "mount", "pid" ... is a clone flag; its name in /proc/PID/ns is in *ret_file. */
long spec_namespace_flag(const char *name, const char **ret_file);
/* "rslave" is MS_SLAVE | MS_REC. */
long spec_propagation(const char *name);

#endif
