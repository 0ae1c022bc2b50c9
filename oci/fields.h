/* SPDX-License-Identifier: Apache-2.0 */
/* Options that are lists of fields, "type=oci,\"name=a,b\"", as buildx reads them: one line of CSV. */
#ifndef FAKEBUILD_OCI_FIELDS_H
#define FAKEBUILD_OCI_FIELDS_H

#include <stdbool.h>

#include "tracer/base/error.h"
#include "tracer/base/mem.h"

/* The fields, without their quotes; a quote that is not closed is an error. */
int fields_split(const void *ctx, const char *text, struct strlist **ret, struct error *err);
/* Go's strconv.ParseBool; fails naming the key. */
int fields_flag(const char *key, const char *value, bool *ret, struct error *err);

#endif
