/* SPDX-License-Identifier: Apache-2.0 */
/* Owns SHA-256: the only user of libcrypto. */
#include "oci/digest.h"

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/evp.h>
#include <openssl/opensslv.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "oci/library.h"
#include "tracer/base/mem.h"

/*
 * OpenSSL 3 reads its configuration and looks for providers, 3 ms long, before the first EVP digest; SHA256_Init and its
 * like need none of that.  Before 3 EVP asks for nothing, and the others end the program in FIPS mode.
 */
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
#define FUNCTIONS(F) F(SHA256_Init) F(SHA256_Update) F(SHA256_Final)
#define FILES { "libcrypto.so.3" }
#elif OPENSSL_VERSION_NUMBER >= 0x10100000L
#define FILES { "libcrypto.so.1.1" }
#else /* CentOS 7 has 1.0.2 */
#define EVP_MD_CTX_new EVP_MD_CTX_create
#define EVP_MD_CTX_free EVP_MD_CTX_destroy
#define FILES { "libcrypto.so.10", "libcrypto.so.1.0.2", "libcrypto.so.1.0.0" }
#endif
#ifndef FUNCTIONS
#define FUNCTIONS(F)                                                                                                    \
	F(EVP_MD_CTX_new) F(EVP_MD_CTX_free) F(EVP_sha256) F(EVP_DigestInit_ex) F(EVP_DigestUpdate) F(EVP_DigestFinal_ex)
#define USES_EVP
#endif
static struct { FUNCTIONS(LIBRARY_POINTER) } lib;
static const char *const symbols[] = { FUNCTIONS(LIBRARY_SYMBOL) NULL };
static struct library library = { "OpenSSL's libcrypto", FILES, symbols, &lib, NULL, false };

struct digest_state {
#ifdef USES_EVP
	EVP_MD_CTX *evp;
#else
	SHA256_CTX sha256;
#endif
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

#ifdef USES_EVP
static int release(struct digest_state *s)
{
	lib.EVP_MD_CTX_free(s->evp);
	return 0;
}

static bool begin(struct digest_state *s)
{
	s->evp = mem_must(lib.EVP_MD_CTX_new());
	talloc_set_destructor(s, release);
	return lib.EVP_DigestInit_ex(s->evp, lib.EVP_sha256(), NULL) == 1;
}

void digest_update(struct digest_state *s, const void *bytes, size_t size)
{
	lib.EVP_DigestUpdate(s->evp, bytes, size);
}

static void finish(struct digest_state *s, unsigned char hash[EVP_MAX_MD_SIZE])
{
	lib.EVP_DigestFinal_ex(s->evp, hash, NULL);
}
#else
static bool begin(struct digest_state *s)
{
	return lib.SHA256_Init(&s->sha256) == 1;
}

void digest_update(struct digest_state *s, const void *bytes, size_t size)
{
	lib.SHA256_Update(&s->sha256, bytes, size);
}

static void finish(struct digest_state *s, unsigned char hash[EVP_MAX_MD_SIZE])
{
	lib.SHA256_Final(hash, &s->sha256);
}
#endif

struct digest_state *digest_begin(const void *ctx)
{
	library_must(&library);
	struct digest_state *s = mem_new(ctx, struct digest_state);
	if (!begin(s))
		mem_must(NULL);
	return s;
}

void digest_end(struct digest_state *s, char ret[DIGEST_ROOM])
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	finish(s, hash);
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
