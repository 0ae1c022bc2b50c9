/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the words of the runtime-spec for filters; base/profile.c makes the program. */
#include "compat/runc/seccomp.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "compat/runc/log.h"
#include "tracer/base/compat.h"
#include "tracer/base/profile.h"

enum { MODE_FILTER = 2, SET_MODE_FILTER = 1, ARGUMENTS = 6, CONDITIONS_MAX = 32 };
enum { FLAG_LOG = 2, FLAG_SPEC_ALLOW = 4 };
#define WITH_ERRNO 0x0000ffffu

static const struct {
	const char *name;
	uint32_t action;  /* SECCOMP_RET_* */
	bool takes_errno; /* EPERM, when none is said */
} actions[] = {
	{ "SCMP_ACT_ALLOW", 0x7fff0000, false },       { "SCMP_ACT_ERRNO", 0x00050000, true },
	{ "SCMP_ACT_KILL", 0x00000000, false },        { "SCMP_ACT_KILL_PROCESS", 0x80000000, false },
	{ "SCMP_ACT_KILL_THREAD", 0x00000000, false }, { "SCMP_ACT_LOG", 0x7ffc0000, false },
	{ "SCMP_ACT_TRACE", 0x7ff00000, true },        { "SCMP_ACT_TRAP", 0x00030000, false },
};
static const struct {
	const char *name;
	unsigned flag;
} flags[] = {
	{ "SECCOMP_FILTER_FLAG_TSYNC", 0 }, /* a process that has one thread */
	{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", FLAG_SPEC_ALLOW },
	{ "SECCOMP_FILTER_FLAG_LOG", FLAG_LOG },
};
static const char *const comparisons[] = { "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE",
					   "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE" };
static const char *const archs[] = { "SCMP_ARCH_X32", "SCMP_ARCH_X86", "SCMP_ARCH_X86_64" };
#define COUNT(rows) (sizeof(rows) / sizeof(*(rows)))

/* ---- reading ---- */

static const char *text_of(struct json *node)
{
	return json_holds_string(node) ? json_text(node) : "";
}

static int read_action(struct json *object, const char *key, const char *errno_key, uint32_t *ret, struct error *err)
{
	const char *name = json_get_string(object, key);
	int64_t number = json_get_int(object, errno_key, EPERM);
	for (size_t i = 0; name && i < COUNT(actions); i++) {
		if (strcmp(actions[i].name, name) != 0)
			continue;
		*ret = actions[i].action | (actions[i].takes_errno ? (uint32_t)number & WITH_ERRNO : 0);
		return 0;
	}
	if (name && strcmp(name, "SCMP_ACT_NOTIFY") == 0)
		return error_set(err, 0, "linux.seccomp: SCMP_ACT_NOTIFY is not supported: it is the tracer that is told of calls");
	return error_set(err, 0, "linux.seccomp: %s is '%s', which is no action", key, name ? name : "");
}

static int read_flags(struct json *list, struct seccomp_filter *f, struct error *err)
{
	f->has_default_flags = !list;
	f->flags = list ? 0 : FLAG_SPEC_ALLOW;
	for (unsigned i = 0; i < json_length(list); i++) {
		const char *name = text_of(json_at(list, i));
		size_t n = 0;
		while (n < COUNT(flags) && strcmp(flags[n].name, name) != 0)
			n++;
		if (n == COUNT(flags))
			return error_set(err, 0, "linux.seccomp: the flag '%s' is not supported", name);
		f->flags |= flags[n].flag;
	}
	return 0;
}

static int read_conditions(struct json *list, struct profile_condition *ret, struct error *err)
{
	for (unsigned i = 0; i < json_length(list); i++) {
		struct json *one = json_at(list, i);
		const char *op = json_get_string(one, "op");
		int64_t argument = json_get_int(one, "index", 0);
		int comparison = profile_comparison(op);
		if (comparison < 0)
			return error_set(err, 0, "linux.seccomp: '%s' is no comparison", op ? op : "");
		if (argument < 0 || argument >= ARGUMENTS)
			return error_set(err, 0, "linux.seccomp: a call has no argument %lld", (long long)argument);
		ret[i] = (struct profile_condition){ (unsigned)argument, comparison, (uint64_t)json_get_int(one, "value", 0),
						     (uint64_t)json_get_int(one, "valueTwo", 0) };
	}
	return 0;
}

static int read_rule(struct profile *p, struct json *rule, struct error *err)
{
	struct profile_condition conditions[CONDITIONS_MAX];
	struct json *names = json_get(rule, "names"), *list = json_get(rule, "args");
	uint32_t action;
	if (json_length(list) > CONDITIONS_MAX)
		return error_set(err, 0, "linux.seccomp: a rule has more than %d conditions", CONDITIONS_MAX);
	if (read_action(rule, "action", "errnoRet", &action, err) < 0 || read_conditions(list, conditions, err) < 0)
		return -1;
	for (unsigned i = 0; i < json_length(names); i++)
		if (profile_add_rule(p, text_of(json_at(names, i)), action, conditions, json_length(list), err) < 0)
			return error_wrap(err, "linux.seccomp");
	return 0;
}

int seccomp_make(const void *ctx, struct json *seccomp, struct seccomp_filter *ret, struct error *err)
{
	struct json *list = json_get(seccomp, "architectures"), *rules = json_get(seccomp, "syscalls");
	uint32_t action;
	*ret = (struct seccomp_filter){ .program = NULL };
	/* runc: without a default and rules, none is meant. */
	if (!seccomp || (!json_get(seccomp, "defaultAction") && json_length(rules) == 0))
		return 0;
	CLEANUP_TALLOC struct profile *p = NULL;
	if (read_action(seccomp, "defaultAction", "defaultErrnoRet", &action, err) < 0 ||
	    read_flags(json_get(seccomp, "flags"), ret, err) < 0)
		return -1;
	if (profile_new(NULL, action, &p, err) < 0)
		return error_wrap(err, "linux.seccomp");
	for (unsigned i = 0; i < json_length(list); i++)
		if (profile_add_arch(p, text_of(json_at(list, i)), err) < 0)
			return error_wrap(err, "linux.seccomp");
	for (unsigned i = 0; i < json_length(rules); i++)
		if (read_rule(p, json_at(rules, i), err) < 0)
			return -1;
	if (profile_program(ctx, p, &ret->program, &ret->length, err) < 0)
		return error_wrap(err, "linux.seccomp");
	runc_log(LOG_DEBUG_LEVEL, "seccomp filter flags: %u", ret->flags);
	return 0;
}

/* ---- taking it ---- */

int seccomp_take(const struct seccomp_filter *f, struct error *err)
{
	struct sock_fprog program = { f->length, f->program };
	unsigned wanted = f->flags;
	if (f->length == 0 || syscall(SYS_seccomp, SET_MODE_FILTER, wanted, &program) == 0)
		return 0;
	if (errno == EINVAL && f->has_default_flags && syscall(SYS_seccomp, SET_MODE_FILTER, 0, &program) == 0)
		return 0;
	/* Before 3.17 there is only this way. */
	if (errno == ENOSYS && prctl(PR_SET_SECCOMP, MODE_FILTER, &program) == 0)
		return 0;
	return error_set(err, errno, "cannot set the filter of linux.seccomp");
}

void seccomp_tell_features(struct json *of_seccomp)
{
	struct strlist *names = strlist_new(of_seccomp), *known = strlist_new(of_seccomp);
	struct strlist *ops = strlist_new(of_seccomp), *machines = strlist_new(of_seccomp);
	for (size_t i = 0; i < COUNT(actions); i++)
		strlist_add(names, actions[i].name);
	for (size_t i = 0; i < COUNT(flags); i++)
		strlist_add(known, flags[i].name);
	for (size_t i = 0; i < COUNT(comparisons); i++)
		strlist_add(ops, comparisons[i]);
	for (size_t i = 0; i < COUNT(archs); i++)
		strlist_add(machines, archs[i]);
	json_set_bool(of_seccomp, "enabled", true);
	json_set_strings(of_seccomp, "actions", names);
	json_set_strings(of_seccomp, "operators", ops);
	json_set_strings(of_seccomp, "archs", machines);
	json_set_strings(of_seccomp, "knownFlags", known);
	json_set_strings(of_seccomp, "supportedFlags", known);
}
