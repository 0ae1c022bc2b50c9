/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What seccomp filters around us refuse: a container's profile, a service's.  The kernel takes the strictest answer
 * of all filters, and an errno is stricter than SECCOMP_RET_TRACE: a call that we would answer would fail before we
 * are asked.  SECCOMP_RET_TRAP is stricter still, so that filter.c traps such calls instead.
 */
#ifndef FAKEBUILD_CONFINED_H
#define FAKEBUILD_CONFINED_H

#include <stdbool.h>

#include "tracer/call.h"

/* Find out, once in a process, by a child that tries all calls that we trace and executes none. */
void confined_find(void);
/* The errno that a row's call gets around us; 0: it comes to us. */
int confined_refusal(enum abi abi, unsigned row);
/*
 * At the stop before a signal is delivered: is it our filter's trap?  Then *ret_row_data is what the filter said:
 * the row's number, bit 15 set for ABI_32.
 */
bool confined_is_trap(const struct tracee *t, int signal, unsigned *ret_row_data);

#endif
