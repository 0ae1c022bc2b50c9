/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modes that files were left more of than the guest has given them, so that the invoking user could work on them as
 * root can.  With TRACER_LEAVE_MODES they get what they are owed when the run ends, for no table keeps it.
 */
#ifndef FAKEBUILD_MODES_H
#define FAKEBUILD_MODES_H

#include <stdbool.h>
#include <sys/types.h>

/* The file at this host path is owed its mode. */
void modes_owe(const char *host);
/* Does a file of this real mode owe something to the mode that it shows? */
bool modes_differ(mode_t real, mode_t shown);
/* Give all the permission bits that the table has of them, where they still are; forgets them. */
void modes_pay(void);

#endif
