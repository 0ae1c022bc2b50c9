/* SPDX-License-Identifier: Apache-2.0 */
/* The faces for others: command lines of other programs that ours understands.  The room's whole face. */
#ifndef FAKEBUILD_COMPAT_PROGRAM_H
#define FAKEBUILD_COMPAT_PROGRAM_H

/* An OCI runtime with runc's command line.  argv[0] is the name it was called by; the exit status. */
int runc_main(int argc, char **argv);
/* PRoot's command line; the exit status. */
int proot_main(int argc, char **argv);

#endif
