/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the tables of names: capabilities, resource limits, namespaces, propagation. */
#include "compat/runc/spec_names.h"

#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "compat/runc/clocks.h"
#include "compat/runc/spec.h"

#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif
#ifndef RLIMIT_RTTIME
#define RLIMIT_RTTIME 15
#endif

struct named {
	const char *name;
	long value;
	const char *file;
};

/* linux/capability.h, by bit */
static const char *const capabilities[] = {
	"CHOWN",          "DAC_OVERRIDE", "DAC_READ_SEARCH",  "FOWNER",       "FSETID",       "KILL",
	"SETGID",         "SETUID",       "SETPCAP",          "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST",
	"NET_ADMIN",      "NET_RAW",      "IPC_LOCK",         "IPC_OWNER",    "SYS_MODULE",   "SYS_RAWIO",
	"SYS_CHROOT",     "SYS_PTRACE",   "SYS_PACCT",        "SYS_ADMIN",    "SYS_BOOT",     "SYS_NICE",
	"SYS_RESOURCE",   "SYS_TIME",     "SYS_TTY_CONFIG",   "MKNOD",        "LEASE",        "AUDIT_WRITE",
	"AUDIT_CONTROL",  "SETFCAP",      "MAC_OVERRIDE",     "MAC_ADMIN",    "SYSLOG",       "WAKE_ALARM",
	"BLOCK_SUSPEND",  "AUDIT_READ",   "PERFMON",          "BPF",          "CHECKPOINT_RESTORE",
};
enum { CAPABILITIES = sizeof(capabilities) / sizeof(*capabilities) };

static const struct named rlimits[] = {
	{ "RLIMIT_AS", RLIMIT_AS, NULL },
	{ "RLIMIT_CORE", RLIMIT_CORE, NULL },
	{ "RLIMIT_CPU", RLIMIT_CPU, NULL },
	{ "RLIMIT_DATA", RLIMIT_DATA, NULL },
	{ "RLIMIT_FSIZE", RLIMIT_FSIZE, NULL },
	{ "RLIMIT_LOCKS", RLIMIT_LOCKS, NULL },
	{ "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK, NULL },
	{ "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE, NULL },
	{ "RLIMIT_NICE", RLIMIT_NICE, NULL },
	{ "RLIMIT_NOFILE", RLIMIT_NOFILE, NULL },
	{ "RLIMIT_NPROC", RLIMIT_NPROC, NULL },
	{ "RLIMIT_RSS", RLIMIT_RSS, NULL },
	{ "RLIMIT_RTPRIO", RLIMIT_RTPRIO, NULL },
	{ "RLIMIT_RTTIME", RLIMIT_RTTIME, NULL },
	{ "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING, NULL },
	{ "RLIMIT_STACK", RLIMIT_STACK, NULL },
	{ NULL, -1, NULL },
};

static const struct named namespaces[] = {
	{ "mount", CLONE_NEWNS, "mnt" },
	{ "pid", CLONE_NEWPID, "pid" },
	{ "network", CLONE_NEWNET, "net" },
	{ "uts", CLONE_NEWUTS, "uts" },
	{ "ipc", CLONE_NEWIPC, "ipc" },
	{ "user", CLONE_NEWUSER, "user" },
	{ "cgroup", CLONE_NEWCGROUP, "cgroup" },
	{ "time", CLONE_NEWTIME, "time" },
	{ NULL, -1, NULL },
};

static const struct named propagations[] = {
	{ "private", MS_PRIVATE, NULL },
	{ "rprivate", MS_PRIVATE | MS_REC, NULL },
	{ "slave", MS_SLAVE, NULL },
	{ "rslave", MS_SLAVE | MS_REC, NULL },
	{ "shared", MS_SHARED, NULL },
	{ "rshared", MS_SHARED | MS_REC, NULL },
	{ "unbindable", MS_UNBINDABLE, NULL },
	{ "runbindable", MS_UNBINDABLE | MS_REC, NULL },
	{ NULL, -1, NULL },
};

/* The row at the end when there is none. */
static const struct named *find(const struct named *rows, const char *name)
{
	while (rows->name && strcmp(rows->name, name) != 0)
		rows++;
	return rows;
}

int spec_capability(const char *name)
{
	if (strncasecmp(name, "CAP_", 4) == 0)
		name += 4;
	for (int bit = 0; bit < CAPABILITIES; bit++)
		if (strcasecmp(capabilities[bit], name) == 0)
			return bit;
	return -1;
}

const char *spec_capability_name(int bit)
{
	return bit >= 0 && bit < CAPABILITIES ? capabilities[bit] : NULL;
}

int spec_rlimit_resource(const char *name)
{
	return (int)find(rlimits, name)->value;
}

long spec_namespace_flag(const char *name, const char **ret_file)
{
	const struct named *row = find(namespaces, name);
	*ret_file = row->file;
	return row->value;
}

long spec_propagation(const char *name)
{
	return find(propagations, name)->value;
}
