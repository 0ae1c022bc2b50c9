/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of supplementary groups: each different one is kept once, for as long as the program lasts, so that
 * credentials are copied without them.
 */
#ifndef FAKEBUILD_GROUPS_H
#define FAKEBUILD_GROUPS_H

#include <stdint.h>

/* The kept list of these groups, in order as getgroups(2) tells them; sorts `groups`.  NULL for none. */
const uint32_t *groups_keep(uint32_t *groups, uint32_t count);

#endif
