/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The step cache: cache/steps/<hex of a key>, a JSON object that says which snapshot a step made.  A key is a
 * SHA-256 over length-framed fields, so that no two lists of fields give one key.
 */
#ifndef FAKEBUILD_BUILDER_CACHE_H
#define FAKEBUILD_BUILDER_CACHE_H

#include "oci/digest.h"
#include "oci/store.h"

struct cache_key;
/* `what` names the kind of step, and the version of how its key is made. */
struct cache_key *cache_key_begin(const void *ctx, const char *what);
/* NULL is another field than "". */
void cache_key_text(struct cache_key *k, const char *text);
void cache_key_number(struct cache_key *k, int64_t number);
void cache_key_list(struct cache_key *k, const struct strlist *list);
void cache_key_end(struct cache_key *k, char ret[DIGEST_ROOM]);

struct cache_record {
	char *snapshot;    /* id */
	char *created;     /* RFC 3339, for histories */
	char *description; /* the step, for people */
	int64_t bytes;     /* of the files it added */
};

/* *ret NULL when there is none, or its snapshot is gone.  What is found counts as used now. */
int cache_find(const void *ctx, struct store *s, const char *key, struct cache_record **ret, struct error *err);
int cache_put(struct store *s, const char *key, const struct cache_record *record, struct error *err);
/* One key that stands for another, which was more work to find out; false: not known. */
bool cache_find_alias(struct store *s, const char *key, char ret[DIGEST_ROOM]);
int cache_put_alias(struct store *s, const char *key, const char *other, struct error *err);
/* Only one process makes what a key says; the descriptor holds the lock, -1 on failure. */
int cache_lock(struct store *s, const char *key, struct error *err);

#endif
