/* SPDX-License-Identifier: Apache-2.0 */
/* File systems being made or changed in steps: the contexts of fsopen(2) and fspick(2). */
#ifndef FAKEBUILD_FSCONTEXT_H
#define FAKEBUILD_FSCONTEXT_H

#include <stdbool.h>

/* Does a descriptor's link tell of a context? */
bool context_is_text(const char *text);
/* Forget all. */
void contexts_close(void);

#endif
