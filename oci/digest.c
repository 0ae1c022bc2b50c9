/* SPDX-License-Identifier: Apache-2.0 */
/* Owns SHA-256: the only user of libcrypto. */
#include "oci/digest.h"

#include <openssl/evp.h>
#include <openssl/opensslv.h>
#include <stdio.h>
#include <string.h>

#include "tracer/base/mem.h"

#if OPENSSL_VERSION_NUMBER < 0x10100000L /* CentOS 7 has 1.0.2 */
#define EVP_MD_CTX_new EVP_MD_CTX_create
#define EVP_MD_CTX_free EVP_MD_CTX_destroy
#endif

struct digest_state {
	EVP_MD_CTX *evp;
};

bool digest_is_valid(const char *text)
{
	if (strncmp(text, "sha256:", 7) != 0)
		return false;
	return strspn(text + 7, "0123456789abcdef") == 64 && text[7 + 64] == '\0';
}

const char *digest_hex(const char *digest)
{
	return digest + 7;
}

static int release(struct digest_state *s)
{
	EVP_MD_CTX_free(s->evp);
	return 0;
}

struct digest_state *digest_begin(const void *ctx)
{
	struct digest_state *s = mem_new(ctx, struct digest_state);
	s->evp = mem_must(EVP_MD_CTX_new());
	talloc_set_destructor(s, release);
	if (EVP_DigestInit_ex(s->evp, EVP_sha256(), NULL) != 1)
		mem_must(NULL);
	return s;
}

void digest_update(struct digest_state *s, const void *bytes, size_t size)
{
	EVP_DigestUpdate(s->evp, bytes, size);
}

void digest_end(struct digest_state *s, char ret[DIGEST_ROOM])
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	EVP_DigestFinal_ex(s->evp, hash, NULL);
	memcpy(ret, "sha256:", 7);
	for (unsigned i = 0; i < 32; i++)
		snprintf(ret + 7 + 2 * i, 3, "%02x", hash[i]);
}

void digest_of(const void *bytes, size_t size, char ret[DIGEST_ROOM])
{
	CLEANUP_TALLOC struct digest_state *s = digest_begin(NULL);
	digest_update(s, bytes, size);
	digest_end(s, ret);
}
