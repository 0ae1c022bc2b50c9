/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 digests as the OCI image specification writes them: "sha256:" and 64 lower-case hex digits. */
#ifndef FAKEBUILD_OCI_DIGEST_H
#define FAKEBUILD_OCI_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#define DIGEST_ROOM 72 /* bytes of a digest's text, NUL included */

/* Exactly the form above; everything else, other algorithms included, is refused before any use. */
bool digest_is_valid(const char *text);
/* The 64 hex digits of a valid digest. */
const char *digest_hex(const char *digest);

struct digest_state;
struct digest_state *digest_begin(const void *ctx);
void digest_update(struct digest_state *s, const void *bytes, size_t size);
void digest_end(struct digest_state *s, char ret[DIGEST_ROOM]);
/* The digest of these bytes. */
void digest_of(const void *bytes, size_t size, char ret[DIGEST_ROOM]);

#endif
