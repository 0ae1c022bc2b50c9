/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of translated directory prefixes, as tracer and shim read it: hashes, and a lookup that notices
 * a writer.  Its layout is in shim/abi.h.  Includes no libc header, allocates nothing, writes nothing.
 */
#ifndef FAKEBUILD_CORE_PREFIX_H
#define FAKEBUILD_CORE_PREFIX_H

#include <stdbool.h>
#include <stdint.h>

#include "tracer/shim/abi.h"

#define PREFIX_HASH_START 0x811c9dc5u

/* FNV-1a, a byte at a time: the hash of a directory part is known when its last slash is. */
static inline uint32_t prefix_hash_step(uint32_t hash, char byte)
{
	return (hash ^ (unsigned char)byte) * 0x01000193u;
}

static inline uint32_t prefix_hash(const char *text, uint32_t length)
{
	uint32_t hash = PREFIX_HASH_START;
	for (uint32_t i = 0; i < length; i++)
		hash = prefix_hash_step(hash, text[i]);
	return hash;
}

/* Where the prefix of this base (and directory, else 0) and hash is, if it is: one of SHIM_PREFIX_WAYS from here on. */
static inline uint32_t prefix_set(uint32_t base, uint64_t dir_ino, uint32_t hash)
{
	uint32_t x = hash ^ base * 0x9e3779b9u ^ (uint32_t)dir_ino * 0x85ebca6bu;
	return (x ^ x >> 15) % (SHIM_PREFIX_COUNT / SHIM_PREFIX_WAYS) * SHIM_PREFIX_WAYS;
}

/* Bits of sets; `at` as prefix_set has it. */
static inline bool prefix_is_set_used(const uint64_t *sets, uint32_t at)
{
	return __atomic_load_n(&sets[at / SHIM_PREFIX_WAYS / 64], __ATOMIC_RELAXED) >> at / SHIM_PREFIX_WAYS % 64 & 1;
}

static inline void prefix_use_set(uint64_t *sets, uint32_t at)
{
	__atomic_fetch_or(&sets[at / SHIM_PREFIX_WAYS / 64], UINT64_C(1) << at / SHIM_PREFIX_WAYS % 64, __ATOMIC_RELAXED);
}

/* Is a mount point of this (hashed) last component known? */
static inline bool prefix_is_mount_name(const uint64_t names[256], uint32_t hash)
{
	uint32_t a = hash % 16384, b = hash / 16384 % 16384;
	return (names[a / 64] >> a % 64 & 1) && (names[b / 64] >> b % 64 & 1);
}

static inline void prefix_add_mount_name(uint64_t names[256], uint32_t hash)
{
	uint32_t a = hash % 16384, b = hash / 16384 % 16384;
	names[a / 64] |= UINT64_C(1) << a % 64;
	names[b / 64] |= UINT64_C(1) << b % 64;
}

/* Bloom filters of inodes; `words` is how many there are. */
static inline bool prefix_has_inode(const uint64_t *filter, uint32_t words, uint64_t dev, uint64_t ino)
{
	uint64_t h = (ino ^ dev << 40) * 0x9e3779b97f4a7c15ull;
	uint32_t a = (h >> 20) % (words * 64), b = (h >> 42) % (words * 64);
	return (__atomic_load_n(&filter[a / 64], __ATOMIC_ACQUIRE) >> a % 64 & 1) &&
	       (__atomic_load_n(&filter[b / 64], __ATOMIC_ACQUIRE) >> b % 64 & 1);
}

static inline void prefix_add_inode(uint64_t *filter, uint32_t words, uint64_t dev, uint64_t ino)
{
	uint64_t h = (ino ^ dev << 40) * 0x9e3779b97f4a7c15ull;
	uint32_t a = (h >> 20) % (words * 64), b = (h >> 42) % (words * 64);
	__atomic_fetch_or(&filter[a / 64], UINT64_C(1) << a % 64, __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&filter[b / 64], UINT64_C(1) << b % 64, __ATOMIC_SEQ_CST);
}

static inline bool prefix_is_dot(const char *name, uint32_t length)
{
	return name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.'));
}

#endif
