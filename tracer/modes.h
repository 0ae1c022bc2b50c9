/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modes that files were left more of than the guest has given them, so that the invoking user could work on them as
 * root can.  With TRACER_LEAVE_MODES they get what they are owed when the run ends, for no table keeps it.
 */
#ifndef FAKEBUILD_MODES_H
#define FAKEBUILD_MODES_H

/* The file at this host path is owed its mode. */
void modes_owe(const char *host);
/* Give all the permission bits that the table has of them, where they still are; forgets them. */
void modes_pay(void);

#endif
