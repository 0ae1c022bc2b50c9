/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop of stops.
 */
#ifndef FAKEBUILD_LOOP_H
#define FAKEBUILD_LOOP_H

/* Serve the stops of all tracees until none is left. */
void loop_serve(void);

#endif
