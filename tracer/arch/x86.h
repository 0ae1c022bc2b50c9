/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of x86-64 share: registers by their place in struct user. */
#ifndef FAKEBUILD_X86_H
#define FAKEBUILD_X86_H

#include <stddef.h>
#include <stdint.h>
#include <sys/user.h>

#include "tracer/tracee.h"

#define REG(name) offsetof(struct user, regs.name)
extern const size_t x86_argument[ABI_COUNT][6];

/* Set one: 0 or -errno. */
int x86_poke(struct tracee *t, size_t offset, uint64_t value);

#endif
