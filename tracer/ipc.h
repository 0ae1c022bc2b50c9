/* SPDX-License-Identifier: Apache-2.0 */
/* System V IPC objects of the run. */
#ifndef FAKEBUILD_IPC_H
#define FAKEBUILD_IPC_H

/* The run is over: what it made goes, as with an IPC namespace. */
void ipc_close(void);

#endif
