/* SPDX-License-Identifier: Apache-2.0 */
/* http and https URLs as registries hand them out: taken apart, compared, resolved (RFC 3986). */
#ifndef FAKEBUILD_OCI_URL_H
#define FAKEBUILD_OCI_URL_H

#include <stdbool.h>

#include "tracer/base/mem.h"

/*
 * The "host[:port]" of an http(s) URL, lower-case, without a port that is the scheme's own; NULL when it
 * is no such URL, names a user, or has a blank or a control character anywhere.
 */
char *url_host(const void *ctx, const char *url);
bool url_is_https(const char *url);
/* Do both have the same scheme, host and port? */
bool url_same_origin(const char *a, const char *b);
/* What `location` means on the page `base`; NULL when that is no http(s) URL. */
char *url_resolve(const void *ctx, const char *base, const char *location);
/* Append "?name=value" or "&name=value", the value quoted, to a string of mem_*; returns where it is. */
char *url_add_query(char *url, const char *name, const char *value);
/* Append "name=value" as in a form, with "&" before it when there is something before it. */
char *url_add_field(char *form, const char *name, const char *value);

#endif
