/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the steps that change or look at who the actor is. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/differential/differential.h"

static void set_ids(const char *name, long number, unsigned count)
{
	uint32_t id[3] = { any_id(), any_id(), any_id() };
	say("%s(", name);
	for (unsigned i = 0; i < count; i++)
		say("%s%d", i ? ", " : "", (int)id[i]);
	say(")");
	say_result(syscall(number, id[0], id[1], id[2]));
	say_identity(false);
}

static void run_setuid(void) { set_ids("setuid", SYS_setuid, 1); }
static void run_setgid(void) { set_ids("setgid", SYS_setgid, 1); }
static void run_setreuid(void) { set_ids("setreuid", SYS_setreuid, 2); }
static void run_setregid(void) { set_ids("setregid", SYS_setregid, 2); }
static void run_setresuid(void) { set_ids("setresuid", SYS_setresuid, 3); }
static void run_setresgid(void) { set_ids("setresgid", SYS_setresgid, 3); }
static void run_setfsuid(void) { set_ids("setfsuid", SYS_setfsuid, 1); }
static void run_setfsgid(void) { set_ids("setfsgid", SYS_setfsgid, 1); }

static void run_setgroups(void)
{
	uint32_t groups[4];
	int count = once_in(30) ? -1 : (int)below(5);
	say("setgroups(%d", count);
	for (int i = 0; i < 4; i++)
		say(" %d", (int)(groups[i] = any_id()));
	say(")");
	say_result(syscall(SYS_setgroups, count, groups));
	say_identity(false);
}

static void run_getgroups(void)
{
	uint32_t groups[64];
	int room = (int)below(6) - 1;
	say("getgroups(%d)", room);
	say_result(syscall(SYS_getgroups, room, groups));
}

static uint64_t any_capabilities(void)
{
	uint64_t all = (UINT64_C(1) << 41) - 1;
	switch (below(5)) {
	case 0:
		return 0;
	case 1:
		return all;
	case 2:
		return UINT64_C(1) << below(42);
	default: /* the first ten are those of files */
		return below(1024);
	}
}

static void run_capset(void)
{
	struct { uint32_t version; int pid; } header = { 0x20080522, 0 };
	uint64_t set[3];
	uint32_t words[6];
	for (unsigned i = 0; i < 3; i++) {
		set[i] = any_capabilities();
		words[i] = set[i];
		words[i + 3] = set[i] >> 32;
	}
	say("capset(e%llx p%llx i%llx)", (unsigned long long)set[0], (unsigned long long)set[1],
	    (unsigned long long)set[2]);
	say_result(syscall(SYS_capset, &header, words));
	say_identity(false);
}

static void run_prctl(void)
{
	static const struct {
		const char *name;
		int option;
		unsigned limit;
	} kinds[] = {
		{ "PR_SET_KEEPCAPS", PR_SET_KEEPCAPS, 3 },    { "PR_SET_SECUREBITS", PR_SET_SECUREBITS, 300 },
		{ "PR_CAPBSET_DROP", PR_CAPBSET_DROP, 43 },   { "PR_SET_DUMPABLE", PR_SET_DUMPABLE, 3 },
		{ "PR_SET_NO_NEW_PRIVS", 38, 3 },             { "PR_CAPBSET_READ", PR_CAPBSET_READ, 43 },
	};
	unsigned which = below(6);
	unsigned long value = below(kinds[which].limit);
	if (kinds[which].option == PR_SET_SECUREBITS && once_in(2))
		value = 1ul << below(8);
	say("prctl(%s, %lu)", kinds[which].name, value);
	say_result(syscall(SYS_prctl, kinds[which].option, value, 0, 0, 0));
	say_identity(false);
}

static void run_ambient(void)
{
	unsigned operation = 1 + below(4), capability = operation == 4 && !once_in(5) ? 0 : below(43);
	say("prctl(PR_CAP_AMBIENT, %u, %u)", operation, capability);
	say_result(syscall(SYS_prctl, 47, operation, capability, 0, 0));
	say_identity(false);
}

/* A copy of this program, which the tree has, tells who it has become. */
static void run_exec(void)
{
	const char *path = once_in(3) ? any_path() : once_in(2) ? "/w/x" : "/w/y";
	say("execve(");
	say_path(path);
	say(")");
	say_end();
	pid_t pid = fork();
	if (pid == 0) {
		char *const argv[] = { (char *)"x", (char *)"--who", NULL }, *const env[] = { NULL };
		syscall(SYS_execve, path, argv, env);
		say("    no exec");
		say_result(-1);
		say_end();
		_exit(0);
	}
	int status = 0;
	waitpid(pid, &status, 0);
	/* How a damaged program dies is no matter of files. */
	say("    ended %d", WIFSIGNALED(status) ? -1 : status);
}

const struct step identity_steps[] = {
	{ "setuid", 2, run_setuid, false },       { "setgid", 2, run_setgid, false },
	{ "setreuid", 3, run_setreuid, false },   { "setregid", 3, run_setregid, false },
	{ "setresuid", 6, run_setresuid, false }, { "setresgid", 6, run_setresgid, false },
	{ "setfsuid", 4, run_setfsuid, false },   { "setfsgid", 4, run_setfsgid, false },
	{ "setgroups", 5, run_setgroups, false }, { "getgroups", 2, run_getgroups, false },
	{ "capset", 6, run_capset, false },       { "prctl", 6, run_prctl, false },
	{ "ambient", 4, run_ambient, false },     { "exec", 16, run_exec, false },
};
const size_t identity_step_count = sizeof(identity_steps) / sizeof(*identity_steps);
