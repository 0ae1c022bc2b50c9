/* SPDX-License-Identifier: Apache-2.0 */
/* What `fakebuild` does by that name: the room's whole face. */
#ifndef FAKEBUILD_BUILDER_PROGRAM_H
#define FAKEBUILD_BUILDER_PROGRAM_H

/* Find the command, run it, print the one sentence of a failure; the exit status. */
int builder_main(int argc, char **argv);

#endif
