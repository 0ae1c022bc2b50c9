/* SPDX-License-Identifier: Apache-2.0 */
/* Owns user namespaces: their making, and who is in which. */
#include "tracer/users.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/mem.h"
#include "tracer/session.h"
#include "tracer/usermaps.h"

enum { LEVEL_MAX = 32 };

/* They are kept until the run ends: credentials, descriptors and files may lead there. */
static struct kept_users *all;

bool users_are_there(void)
{
	static int are_there = -1;
	if (are_there < 0)
		are_there = access("/proc/self/uid_map", F_OK) == 0 && access("/proc/self/setgroups", F_OK) == 0;
	return are_there && !session.is_plain;
}

/* create_user_ns of kernel/user_namespace.c */
int users_may_make(const struct tracee *t)
{
	const struct cred *c = &t->cred;
	if (!users_are_there())
		return session.is_plain ? -ENOSPC : -EINVAL;
	if (c->users && c->users->level > LEVEL_MAX)
		return -ENOSPC;
	/* "Verify that we can not violate the policy of which files may be accessed that is specified by the root directory" */
	if (strcmp(t->fs->root, "/") != 0)
		return -EPERM;
	bool has_names = id_in(c->users, ID_USER, c->euid) != ID_NONE && id_in(c->users, ID_GROUP, c->egid) != ID_NONE;
	return has_names ? 0 : -EPERM;
}

void users_make(struct tracee *t, const struct cred *maker, unsigned number)
{
	struct kept_users *kept = mem_new(NULL, struct kept_users);
	struct user_namespace *ns = &kept->is;
	ns->parent = maker->users;
	ns->level = maker->users ? maker->users->level + 1 : 1;
	ns->number = number;
	ns->owner = maker->euid;
	ns->group = maker->egid;
	ns->denies_groups = maker->users && maker->users->denies_groups;
	ns->had_setfcap = cred_has_own(maker, CAPABILITY_SETFCAP);
	kept->next = all;
	all = kept;
	cred_enter(&t->cred, ns);
}

const struct user_namespace *users_find(unsigned number)
{
	struct kept_users *at = all;
	while (at && at->is.number != number)
		at = at->next;
	return at && number ? &at->is : NULL;
}

struct kept_users *users_to_change(const struct user_namespace *ns)
{
	struct kept_users *at = all;
	while (at && &at->is != ns)
		at = at->next;
	return at;
}

unsigned users_number(const struct user_namespace *ns)
{
	return ns ? ns->number : 0;
}

bool users_is_below(const struct user_namespace *ns, const struct user_namespace *in)
{
	while (ns && ns != in)
		ns = ns->parent;
	return ns == in;
}

/* userns_install of the same */
int users_enter(struct tracee *t, unsigned number)
{
	const struct user_namespace *ns = users_find(number);
	if (ns == t->cred.users || t->process->users > 1 || t->fs->users > 1)
		return -EINVAL;
	if (!cred_has_toward(&t->cred, ns, CAPABILITY_SYS_ADMIN))
		return -EPERM;
	cred_enter(&t->cred, ns);
	return 0;
}

bool users_may_set_groups(const struct user_namespace *ns)
{
	return !ns || (ns->map[ID_GROUP].count && !ns->denies_groups);
}

void users_close(void)
{
	for (struct kept_users *at; (at = all);) {
		all = at->next;
		talloc_free(at);
	}
	usermaps_close();
}
