/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing a tracee's memory.  All return 0 or -EFAULT (strings: also -ENAMETOOLONG). */
#ifndef FAKEBUILD_MEMORY_H
#define FAKEBUILD_MEMORY_H

#include <stddef.h>

#include "tracer/tracee.h"

int memory_read(const struct tracee *t, taddr from, void *to, size_t size);
int memory_write(const struct tracee *t, taddr to, const void *from, size_t size);
/* A NUL-terminated string of at most room - 1 bytes; -ENAMETOOLONG when there is no NUL in room bytes. */
int memory_read_string(const struct tracee *t, taddr from, char *to, size_t room);
/* `count` of struct iovec of the program's ABI; their addresses are the tracee's. */
struct iovec;
int memory_read_vector(const struct tracee *t, taddr from, struct iovec *ret, size_t count);

#endif
