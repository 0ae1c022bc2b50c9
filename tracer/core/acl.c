/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what an access control list means; where lists are kept is the callers' matter. */
#include "tracer/core/acl.h"

enum { ERR_IO = 5, ERR_ACCES = 13, ERR_INVAL = 22, ERR_OPNOTSUPP = 95 };
enum { ACL_USER_OBJ = 1, ACL_USER = 2, ACL_GROUP_OBJ = 4, ACL_GROUP = 8, ACL_MASK = 16, ACL_OTHER = 32 };
enum { VERSION = 2, HEAD_BYTES = 4, TYPE_MASK_BITS = 0777 };

struct entry {
	uint16_t tag, perm;
	uint32_t id;
};

static unsigned count_of(size_t size)
{
	return size < HEAD_BYTES ? 0 : (size - HEAD_BYTES) / sizeof(struct entry);
}

static struct entry get(const void *acl, unsigned n)
{
	struct entry e;
	__builtin_memcpy(&e, (const char *)acl + HEAD_BYTES + n * sizeof(e), sizeof(e));
	return e;
}

static void put(void *acl, unsigned n, struct entry e)
{
	__builtin_memcpy((char *)acl + HEAD_BYTES + n * sizeof(e), &e, sizeof(e));
}

int acl_parse(const void *acl, size_t size, bool *ret_is_empty)
{
	uint32_t version;
	if (size < HEAD_BYTES)
		return -ERR_INVAL;
	__builtin_memcpy(&version, acl, HEAD_BYTES);
	if (version != VERSION)
		return -ERR_OPNOTSUPP;
	if ((size - HEAD_BYTES) % sizeof(struct entry) || size > ACL_BYTES_MAX)
		return -ERR_INVAL;
	for (unsigned n = 0; n < count_of(size); n++) {
		unsigned tag = get(acl, n).tag;
		if (!tag || (tag & (tag - 1)) || tag > ACL_OTHER)
			return -ERR_INVAL;
	}
	*ret_is_empty = size == HEAD_BYTES;
	return 0;
}

bool acl_is_valid(const void *acl, size_t size)
{
	unsigned expected = ACL_USER_OBJ;
	bool needs_mask = false;
	for (unsigned n = 0; n < count_of(size); n++) {
		struct entry e = get(acl, n);
		if (e.perm > 7)
			return false;
		if (e.tag == ACL_USER_OBJ && expected == ACL_USER_OBJ) {
			expected = ACL_USER;
		} else if (e.tag == ACL_USER && expected == ACL_USER) {
			needs_mask = true;
		} else if (e.tag == ACL_GROUP_OBJ && expected == ACL_USER) {
			expected = ACL_GROUP;
		} else if (e.tag == ACL_GROUP && expected == ACL_GROUP) {
			needs_mask = true;
		} else if (e.tag == ACL_MASK && expected == ACL_GROUP) {
			expected = ACL_OTHER;
		} else if (e.tag == ACL_OTHER && (expected == ACL_OTHER || (expected == ACL_GROUP && !needs_mask))) {
			expected = 0;
		} else {
			return false;
		}
	}
	return !expected;
}

bool acl_to_mode(const void *acl, size_t size, uint32_t *mode)
{
	uint32_t bits = *mode & ~(uint32_t)TYPE_MASK_BITS, group = 0;
	bool has_mask = false, is_minimal = true;
	for (unsigned n = 0; n < count_of(size); n++) {
		struct entry e = get(acl, n);
		if (e.tag == ACL_USER_OBJ)
			bits |= (uint32_t)e.perm << 6;
		else if (e.tag == ACL_OTHER)
			bits |= e.perm;
		else if (e.tag == ACL_MASK || (e.tag == ACL_GROUP_OBJ && !has_mask))
			group = e.perm;
		has_mask |= e.tag == ACL_MASK;
		is_minimal &= e.tag == ACL_USER_OBJ || e.tag == ACL_GROUP_OBJ || e.tag == ACL_OTHER;
	}
	*mode = bits | group << 3;
	return is_minimal;
}

/* The entry that the mode's group bits stand for: the mask, or else the group's. */
static unsigned group_entry(const void *acl, size_t size)
{
	unsigned found = 0;
	for (unsigned n = 0; n < count_of(size); n++) {
		unsigned tag = get(acl, n).tag;
		if (tag == ACL_MASK)
			return n;
		if (tag == ACL_GROUP_OBJ)
			found = n;
	}
	return found;
}

void acl_from_mode(void *acl, size_t size, uint32_t mode)
{
	unsigned group = group_entry(acl, size);
	for (unsigned n = 0; n < count_of(size); n++) {
		struct entry e = get(acl, n);
		if (e.tag == ACL_USER_OBJ)
			e.perm = mode >> 6 & 7;
		else if (e.tag == ACL_OTHER)
			e.perm = mode & 7;
		else if (n == group)
			e.perm = mode >> 3 & 7;
		put(acl, n, e);
	}
}

bool acl_inherit(void *acl, size_t size, uint32_t *mode)
{
	unsigned group = group_entry(acl, size);
	uint32_t bits = *mode & ~(uint32_t)TYPE_MASK_BITS;
	bool is_minimal = true;
	for (unsigned n = 0; n < count_of(size); n++) {
		struct entry e = get(acl, n);
		unsigned shift = e.tag == ACL_USER_OBJ ? 6 : n == group ? 3 : 0;
		is_minimal &= e.tag == ACL_USER_OBJ || e.tag == ACL_GROUP_OBJ || e.tag == ACL_OTHER;
		if (e.tag != ACL_USER_OBJ && e.tag != ACL_OTHER && n != group)
			continue;
		e.perm &= *mode >> shift & 7;
		bits |= (uint32_t)e.perm << shift;
		put(acl, n, e);
	}
	*mode = bits;
	return is_minimal;
}

static bool translate(void *acl, size_t size, const struct user_namespace *users,
		      uint32_t (*turn)(const struct user_namespace *, enum id_kind, uint32_t))
{
	bool is_whole = true;
	for (unsigned n = 0; n < count_of(size); n++) {
		struct entry e = get(acl, n);
		if (e.tag != ACL_USER && e.tag != ACL_GROUP)
			continue;
		e.id = turn(users, e.tag == ACL_USER ? ID_USER : ID_GROUP, e.id);
		is_whole &= e.id != ID_NONE;
		put(acl, n, e);
	}
	return is_whole;
}

bool acl_named(void *acl, size_t size, const struct user_namespace *users)
{
	return !users || translate(acl, size, users, id_of);
}

void acl_shown(void *acl, size_t size, const struct user_namespace *users)
{
	if (users)
		translate(acl, size, users, id_in);
}

/* What a user's or group's entry grants is limited by the mask, which comes behind it. */
static int masked(const void *acl, size_t size, unsigned n, unsigned mask)
{
	unsigned granted = get(acl, n).perm;
	for (unsigned m = n + 1; m < count_of(size); m++)
		if (get(acl, m).tag == ACL_MASK)
			granted &= get(acl, m).perm;
	return (granted & mask) == mask ? 0 : -ERR_ACCES;
}

int acl_permission(const void *acl, size_t size, const struct cred *c, uint32_t gid, unsigned mask)
{
	bool is_member = false;
	for (unsigned n = 0; n < count_of(size); n++) {
		struct entry e = get(acl, n);
		if (e.tag == ACL_USER && e.id == c->fsuid)
			return masked(acl, size, n, mask);
		if ((e.tag == ACL_GROUP_OBJ && cred_in_group(c, gid)) || (e.tag == ACL_GROUP && cred_in_group(c, e.id))) {
			is_member = true;
			if ((e.perm & mask) == mask)
				return masked(acl, size, n, mask);
		}
		if (e.tag == ACL_OTHER)
			return !is_member && (e.perm & mask) == mask ? 0 : -ERR_ACCES;
	}
	return -ERR_IO;
}
