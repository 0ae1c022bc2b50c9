/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the calls about the identity of a process: ids, groups, capabilities, prctl. */
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>

#include "tracer/base/mem.h"
#include "tracer/groups.h"
#include "tracer/hooks.h"
#include "tracer/inside.h"
#include "tracer/join.h"
#include "tracer/memory.h"
#include "tracer/pids.h"
#include "tracer/share.h"
#include "tracer/users.h"

/* Are the ids of a call, or of what it tells, those of users? */
static enum id_kind kind_of(const struct call *c)
{
	return strstr(c->row->name, "uid") ? ID_USER : ID_GROUP;
}

/* An id as the call returns it: 16-bit calls show larger ids as the overflow id. */
static int64_t shown_id(const struct call *c, uint32_t id)
{
	id = users_shown(c->t, kind_of(c), id);
	return c->abi == ABI_32 && c->row->has_short_ids && id > 0xffff ? 65534 : id;
}

/* The name without i386's "32". */
static bool is_call(const struct call *c, const char *name)
{
	size_t length = strlen(name);
	return strncmp(c->row->name, name, length) == 0 &&
	       (!c->row->name[length] || strcmp(c->row->name + length, "32") == 0);
}

int64_t hook_getuid(struct call *c)
{
	const struct cred *cred = &c->t->cred;
	return shown_id(c, is_call(c, "getuid")	 ? cred->ruid :
			   is_call(c, "geteuid") ? cred->euid :
			   is_call(c, "getgid")	 ? cred->rgid :
						   cred->egid);
}

static int64_t set_id(struct call *c)
{
	struct cred *cred = &c->t->cred;
	uint32_t id[3];
	bool is_fs = strstr(c->row->name, "setfs");
	unsigned count = strstr(c->row->name, "setres") ? 3 : strstr(c->row->name, "setre") ? 2 : 1;
	for (unsigned i = 0; i < 3; i++) {
		id[i] = call_id(c, i);
		uint32_t named = id[i] == ID_NONE ? ID_NONE : users_named(c->t, kind_of(c), id[i]);
		/* make_kuid of kernel/user_namespace.c; setfsuid(2) tells of nothing. */
		if (i < count && !is_fs && named == ID_NONE && id[i] != ID_NONE)
			return -EINVAL;
		id[i] = named;
	}
	const uint32_t a = id[0], b = id[1], d = id[2];
	if (is_call(c, "setuid"))
		return cred_setuid(cred, a);
	if (is_call(c, "setgid"))
		return cred_setgid(cred, a);
	if (is_call(c, "setreuid"))
		return cred_setreuid(cred, a, b);
	if (is_call(c, "setregid"))
		return cred_setregid(cred, a, b);
	if (is_call(c, "setresuid"))
		return cred_setresuid(cred, a, b, d);
	if (is_call(c, "setresgid"))
		return cred_setresgid(cred, a, b, d);
	return shown_id(c, is_call(c, "setfsuid") ? cred_setfsuid(cred, a) : cred_setfsgid(cred, a));
}

int64_t hook_setuid(struct call *c)
{
	struct cred old = c->t->cred;
	int64_t r = set_id(c);
	tracee_changed_cred(c->t, &old);
	share_mark_opened(c->t, &old);
	return r;
}

static int write_id(const struct call *c, taddr to, uint32_t id)
{
	id = shown_id(c, id);
	uint16_t small = id;
	bool is_short = c->abi == ABI_32 && c->row->has_short_ids;
	return is_short ? memory_write(c->t, to, &small, 2) : memory_write(c->t, to, &id, 4);
}

int64_t hook_getresuid(struct call *c)
{
	const struct cred *cred = &c->t->cred;
	bool is_uid = is_call(c, "getresuid");
	int r = write_id(c, c->argument[0], is_uid ? cred->ruid : cred->rgid);
	if (r == 0)
		r = write_id(c, c->argument[1], is_uid ? cred->euid : cred->egid);
	return r < 0 ? r : write_id(c, c->argument[2], is_uid ? cred->suid : cred->sgid);
}

int64_t hook_getgroups(struct call *c)
{
	const struct cred *cred = &c->t->cred;
	int size = call_int(c, 0);
	if (size < 0)
		return -EINVAL;
	if (size == 0)
		return cred->group_count;
	if ((uint32_t)size < cred->group_count)
		return -EINVAL;
	if ((c->abi == ABI_64 || !c->row->has_short_ids) && !cred->users) {
		int r = memory_write(c->t, c->argument[1], cred->groups, cred->group_count * sizeof(*cred->groups));
		return r < 0 ? r : (int64_t)cred->group_count;
	}
	const size_t width = c->abi == ABI_32 && c->row->has_short_ids ? sizeof(uint16_t) : sizeof(uint32_t);
	for (uint32_t i = 0; i < cred->group_count; i++) {
		int r = write_id(c, c->argument[1] + i * width, cred->groups[i]);
		if (r < 0)
			return r;
	}
	return cred->group_count;
}

int64_t hook_setgroups(struct call *c)
{
	struct cred *cred = &c->t->cred;
	uint32_t count = c->argument[0];
	if (!cred_has_own(cred, CAPABILITY_SETGID) || !users_may_set_groups(cred->users))
		return -EPERM;
	if (count > CRED_GROUPS_MAX)
		return -EINVAL;
	bool is_short = c->abi == ABI_32 && c->row->has_short_ids;
	CLEANUP_TALLOC uint32_t *groups = mem_array(NULL, uint32_t, count);
	int r = memory_read(c->t, c->argument[1], groups, count * (is_short ? sizeof(uint16_t) : sizeof(*groups)));
	if (r < 0)
		return r;
	/* 16-bit ids are where the first half will be: from the end. */
	for (uint32_t i = count; is_short && i-- > 0;) {
		uint16_t small;
		memcpy(&small, (const char *)groups + i * sizeof(small), sizeof(small));
		groups[i] = small;
	}
	for (uint32_t i = 0; i < count; i++) {
		groups[i] = users_named(c->t, ID_GROUP, groups[i]);
		if (groups[i] == ID_NONE)
			return -EINVAL;
	}
	cred->groups = groups_keep(groups, count);
	cred->group_count = count;
	return 0;
}

struct cap_header {
	uint32_t version;
	int32_t pid;
};
struct cap_words {
	uint32_t effective, permitted, inheritable;
};
enum { CAP_VERSION_1 = 0x19980330, CAP_VERSION_2 = 0x20071026, CAP_VERSION_3 = 0x20080522 };

static int read_cap_header(struct call *c, struct cap_header *ret, unsigned *ret_words)
{
	if (memory_read(c->t, c->argument[0], ret, sizeof(*ret)) < 0)
		return -EFAULT;
	switch (ret->version) {
	case CAP_VERSION_1:
		*ret_words = 1;
		return 0;
	case CAP_VERSION_2:
	case CAP_VERSION_3:
		*ret_words = 2;
		return 0;
	}
	uint32_t version = CAP_VERSION_3;
	memory_write(c->t, c->argument[0], &version, sizeof(version));
	return -EINVAL;
}

int64_t hook_capget(struct call *c)
{
	struct cap_header header;
	unsigned words;
	int r = read_cap_header(c, &header, &words);
	if (r < 0) /* a NULL buffer asks for the version */
		return r == -EINVAL && !c->argument[1] ? 0 : r;
	if (!c->argument[1])
		return 0;
	if (header.pid < 0)
		return -EINVAL;
	const struct tracee *t = header.pid ? pids_find(c->t->process->pids, header.pid) : c->t;
	if (!t)
		return -ESRCH;
	struct cap_words w[2];
	for (unsigned i = 0; i < 2; i++)
		w[i] = (struct cap_words){ t->cred.effective >> 32 * i, t->cred.permitted >> 32 * i,
					   t->cred.inheritable >> 32 * i };
	return memory_write(c->t, c->argument[1], w, words * sizeof(*w));
}

int64_t hook_capset(struct call *c)
{
	struct cap_header header;
	struct cap_words w[2] = { { 0, 0, 0 }, { 0, 0, 0 } };
	unsigned words;
	int r = read_cap_header(c, &header, &words);
	if (r < 0)
		return r;
	if (header.pid && header.pid != inside_shown(c->t, c->t->tid))
		return -EPERM;
	if (memory_read(c->t, c->argument[1], w, words * sizeof(*w)) < 0)
		return -EFAULT;
	return cred_capset(&c->t->cred, (w[0].effective | (uint64_t)w[1].effective << 32) & CAPABILITY_ALL,
			   (w[0].permitted | (uint64_t)w[1].permitted << 32) & CAPABILITY_ALL,
			   (w[0].inheritable | (uint64_t)w[1].inheritable << 32) & CAPABILITY_ALL);
}

static int64_t ambient(struct cred *cred, unsigned operation, uint64_t number)
{
	enum { IS_SET = 1, RAISE = 2, LOWER = 3, CLEAR_ALL = 4 };
	if (operation == CLEAR_ALL) {
		if (number)
			return -EINVAL;
		cred->ambient = 0;
		return 0;
	}
	if (number > CAPABILITY_LAST)
		return -EINVAL;
	uint64_t bit = UINT64_C(1) << number;
	switch (operation) {
	case IS_SET:
		return !!(cred->ambient & bit);
	case RAISE:
		if (!(cred->permitted & cred->inheritable & bit) || (cred->securebits & SECURE_NO_CAP_AMBIENT_RAISE))
			return -EPERM;
		cred->ambient |= bit;
		return 0;
	case LOWER:
		cred->ambient &= ~bit;
		return 0;
	}
	return -EINVAL;
}

static int64_t tell_subreaper(struct call *c, taddr to)
{
	int value = c->t->process->is_subreaper;
	return memory_write(c->t, to, &value, sizeof(value));
}

int64_t hook_prctl(struct call *c)
{
	struct cred *cred = &c->t->cred;
	uint64_t a = c->argument[1], b = c->argument[2];
	switch (call_int(c, 0)) {
	case PR_GET_DUMPABLE:
		return c->t->process->is_dumpable ? 1 : c->t->process->undumpable_as;
	case PR_SET_DUMPABLE:
		if (a > 1)
			return -EINVAL;
		/* Really it stays dumpable: the tracer reads /proc/PID of it. */
		c->t->process->is_dumpable = a;
		c->t->process->undumpable_as = 0;
		return 0;
	case 36 /* PR_SET_CHILD_SUBREAPER */:
		/* The first process of a pid namespace is made one by us. */
		c->t->process->is_subreaper = a;
		return pids_is_first(c->t->process) ? 0 : CALL_PASS;
	case 37 /* PR_GET_CHILD_SUBREAPER */:
		return tell_subreaper(c, a);
	case PR_GET_KEEPCAPS:
		return !!(cred->securebits & SECURE_KEEP_CAPS);
	case PR_SET_KEEPCAPS:
		if (a > 1)
			return -EINVAL;
		if (cred->securebits & SECURE_KEEP_CAPS << 1)
			return -EPERM;
		cred->securebits = a ? cred->securebits | SECURE_KEEP_CAPS : cred->securebits & ~(uint32_t)SECURE_KEEP_CAPS;
		return 0;
	case PR_GET_SECUREBITS:
		return cred->securebits;
	case PR_SET_SECUREBITS:
		return cred_set_securebits(cred, a);
	case PR_CAPBSET_READ:
		return a > CAPABILITY_LAST ? -EINVAL : (int64_t)(cred->bounding >> a & 1);
	case PR_CAPBSET_DROP:
		if (!cred_has_own(cred, CAPABILITY_SETPCAP))
			return -EPERM;
		if (a > CAPABILITY_LAST)
			return -EINVAL;
		cred->bounding &= ~(UINT64_C(1) << a);
		return 0;
	case 47 /* PR_CAP_AMBIENT, 4.3 */:
		return c->argument[3] || c->argument[4] ? -EINVAL : ambient(cred, a, b);
	case 38 /* PR_SET_NO_NEW_PRIVS */:
		if (a != 1 || b || c->argument[3] || c->argument[4])
			return -EINVAL;
		cred->no_new_privs = true;
		return 0;
	case 39 /* PR_GET_NO_NEW_PRIVS */:
		if (a || b || c->argument[3] || c->argument[4])
			return -EINVAL;
		return cred->no_new_privs;
	case PR_GET_SECCOMP:
		return c->t->seccomp_mode;
	case PR_SET_SECCOMP:
		if (a != SECCOMP_STRICT_MODE && a != SECCOMP_FILTER_MODE)
			return -EINVAL;
		call_set(c, 1, SECCOMP_FILTER_MODE);
		return guest_set_seccomp(c, a, 0, b, 2);
	case 35 /* PR_SET_MM */:
		return -EPERM;
	case 0x59616d61 /* PR_SET_PTRACER */:
		return 0;
	case PR_IS_GUEST:
		return IS_GUEST;
	}
	return CALL_PASS;
}
