/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the rows of `process`: user, capabilities, limits, terminal. */
#include "compat/runc/spec_process.h"

#include <string.h>

#include "compat/runc/spec.h"
#include "compat/runc/spec_names.h"

#define MEMBER(of, member) .offset = offsetof(struct of, member)

static int check_user(struct member_reader *r, struct json *object, void *to)
{
	struct spec_user *user = to;
	(void)r;
	user->has_umask = json_get(object, "umask") != NULL;
	return 0;
}

static const struct member_row user_rows[] = {
	{ .name = "uid", .kind = MEMBER_ID, MEMBER(spec_user, uid) },
	{ .name = "gid", .kind = MEMBER_ID, MEMBER(spec_user, gid) },
	{ .name = "umask", .kind = MEMBER_MODE, MEMBER(spec_user, umask) },
	{ .name = "additionalGids", .kind = MEMBER_IDS, MEMBER(spec_user, additional_gids),
	  .count_offset = offsetof(struct spec_user, additional_gid_count) },
	{ .name = NULL },
};
static const struct member_shape user_shape = { user_rows, sizeof(struct spec_user), check_user };

static int read_capabilities(struct member_reader *r, struct json *value, void *to)
{
	uint64_t mask = 0;
	if (!json_holds_array(value))
		return members_fail(r, NULL, "is not an array of names of capabilities");
	for (unsigned i = 0; i < json_length(value); i++) {
		CLEANUP_TALLOC struct json *item = json_at(value, i);
		if (!json_holds_string(item))
			return members_fail(r, NULL, "is not an array of names of capabilities");
		int bit = spec_capability(json_text(item));
		/* "Any value which cannot be mapped ... MUST be logged as a warning" */
		if (bit < 0)
			members_warn(r, "has an unknown capability '%s', which is left out", json_text(item));
		else
			mask |= UINT64_C(1) << bit;
	}
	*(uint64_t *)to = mask;
	return 0;
}

/* capabilities(7): an ambient one must be permitted and inheritable.  runc's words. */
static int check_ambient(struct member_reader *r, struct json *object, void *to)
{
	struct spec_capabilities *sets = to;
	uint64_t wrong = sets->ambient & ~(sets->permitted & sets->inheritable);
	(void)object;
	sets->ambient &= ~wrong;
	for (int bit = 0; spec_capability_name(bit); bit++)
		if (wrong >> bit & 1)
			members_warn(r, "can't raise ambient capability CAP_%s: it is not permitted and inheritable",
				     spec_capability_name(bit));
	return 0;
}

static const struct member_row capability_rows[] = {
	{ .name = "bounding", .kind = MEMBER_HOOK, MEMBER(spec_capabilities, bounding), .hook = read_capabilities },
	{ .name = "effective", .kind = MEMBER_HOOK, MEMBER(spec_capabilities, effective), .hook = read_capabilities },
	{ .name = "inheritable", .kind = MEMBER_HOOK, MEMBER(spec_capabilities, inheritable), .hook = read_capabilities },
	{ .name = "permitted", .kind = MEMBER_HOOK, MEMBER(spec_capabilities, permitted), .hook = read_capabilities },
	{ .name = "ambient", .kind = MEMBER_HOOK, MEMBER(spec_capabilities, ambient), .hook = read_capabilities },
	{ .name = NULL },
};
static const struct member_shape capabilities_shape = { capability_rows, sizeof(struct spec_capabilities),
							check_ambient };

static int read_resource(struct member_reader *r, struct json *value, void *to)
{
	if (!json_holds_string(value))
		return members_fail(r, NULL, "is not a string");
	int resource = spec_rlimit_resource(json_text(value));
	if (resource < 0)
		return members_fail(r, NULL, "is '%s', which is no resource limit", json_text(value));
	*(int *)to = resource;
	return 0;
}

static int check_rlimit(struct member_reader *r, struct json *object, void *to)
{
	struct spec_rlimit *limit = to;
	(void)object;
	if (limit->soft > limit->hard)
		return members_fail(r, NULL, "has a soft limit above the hard one");
	return 0;
}

static const struct member_row rlimit_rows[] = {
	{ .name = "type", .kind = MEMBER_HOOK, MEMBER(spec_rlimit, resource), .is_required = true, .hook = read_resource },
	{ .name = "soft", .kind = MEMBER_LIMIT, MEMBER(spec_rlimit, soft), .is_required = true },
	{ .name = "hard", .kind = MEMBER_LIMIT, MEMBER(spec_rlimit, hard), .is_required = true },
	{ .name = NULL },
};
static const struct member_shape rlimit_shape = { rlimit_rows, sizeof(struct spec_rlimit), check_rlimit };

static const struct member_row console_rows[] = {
	{ .name = "height", .kind = MEMBER_COLUMNS, MEMBER(spec_process, rows), .is_required = true },
	{ .name = "width", .kind = MEMBER_COLUMNS, MEMBER(spec_process, columns), .is_required = true },
	{ .name = NULL },
};
static const struct member_shape console_shape = { console_rows, sizeof(struct spec_process), NULL };

static int check_env(struct member_reader *r, const struct strlist *env)
{
	for (size_t i = 0; env && i < env->count; i++) {
		const char *equals = strchr(env->items[i], '=');
		if (!equals || equals == env->items[i])
			return members_fail(r, "env", "has '%s', which is not NAME=VALUE", env->items[i]);
	}
	return 0;
}

static int check_process(struct member_reader *r, struct json *object, void *to)
{
	struct spec_process *p = to;
	(void)object;
	if (!p->args || p->args->count == 0)
		return members_fail(r, "args", "is missing or empty");
	if (!p->env)
		p->env = strlist_new(r->ctx);
	if (check_env(r, p->env) < 0)
		return -1;
	for (size_t i = 0; i < p->rlimit_count; i++)
		for (size_t j = 0; j < i; j++)
			if (p->rlimits[i].resource == p->rlimits[j].resource)
				return members_fail(r, "rlimits", "has a resource twice");
	if (p->apparmor_profile && p->apparmor_profile[0])
		strlist_addf(r->unsupported, "%s%sapparmorProfile", r->where, r->where[0] ? "." : "");
	if (p->selinux_label && p->selinux_label[0])
		strlist_addf(r->unsupported, "%s%sselinuxLabel", r->where, r->where[0] ? "." : "");
	return 0;
}

static int note_capabilities(struct member_reader *r, struct json *value, void *to)
{
	struct spec_process *p = to;
	p->has_capabilities = true;
	return members_read(r, &capabilities_shape, value, &p->capabilities);
}

static int read_oom_score(struct member_reader *r, struct json *value, void *to)
{
	struct spec_process *p = to;
	int64_t score = json_as_int(value);
	if (json_kind(value) != JSON_KIND_INTEGER || score < -1000 || score > 1000)
		return members_fail(r, NULL, "is not a whole number from -1000 to 1000");
	p->oom_score_adjustment = (int)score;
	p->has_oom_score_adjustment = true;
	return 0;
}

static const struct member_row process_rows[] = {
	{ .name = "terminal", .kind = MEMBER_BOOL, MEMBER(spec_process, has_terminal) },
	{ .name = "consoleSize", .kind = MEMBER_OBJECT, .shape = &console_shape },
	{ .name = "user", .kind = MEMBER_OBJECT, MEMBER(spec_process, user), .shape = &user_shape },
	{ .name = "args", .kind = MEMBER_TEXTS, MEMBER(spec_process, args) },
	{ .name = "env", .kind = MEMBER_TEXTS, MEMBER(spec_process, env) },
	{ .name = "cwd", .kind = MEMBER_ABSOLUTE, MEMBER(spec_process, cwd), .is_required = true },
	{ .name = "capabilities", .kind = MEMBER_HOOK, .hook = note_capabilities },
	{ .name = "rlimits", .kind = MEMBER_ITEMS, MEMBER(spec_process, rlimits), .shape = &rlimit_shape,
	  .count_offset = offsetof(struct spec_process, rlimit_count) },
	{ .name = "noNewPrivileges", .kind = MEMBER_BOOL, MEMBER(spec_process, has_no_new_privileges) },
	{ .name = "apparmorProfile", .kind = MEMBER_TEXT, MEMBER(spec_process, apparmor_profile) },
	{ .name = "selinuxLabel", .kind = MEMBER_TEXT, MEMBER(spec_process, selinux_label) },
	{ .name = "oomScoreAdj", .kind = MEMBER_HOOK, .hook = read_oom_score },
	{ .name = "scheduler", .kind = MEMBER_HOOK, MEMBER(spec_process, schedule), .hook = schedule_read_scheduler },
	{ .name = "ioPriority", .kind = MEMBER_HOOK, MEMBER(spec_process, schedule), .hook = schedule_read_io },
	{ .name = "execCPUAffinity", .kind = MEMBER_HOOK, MEMBER(spec_process, schedule), .hook = schedule_read_cpus },
	{ .name = NULL },
};
const struct member_shape spec_process_shape = { process_rows, sizeof(struct spec_process), check_process };
