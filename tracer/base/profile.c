/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the use of libseccomp. */
#include "tracer/base/profile.h"

#include <ctype.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tracer/base/compat.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"

enum { ARCHS_MAX = 4, NAME_ROOM = 32 };
#define X32_BIT 0x40000000
#define ACTION_ERRNO 0x00050000
#define ACTION_MASK 0xffff0000

struct profile {
	scmp_filter_ctx filter;
	uint32_t default_action;
	uint32_t archs[ARCHS_MAX]; /* the machine's first */
	int newest[ARCHS_MAX];     /* the largest number that a rule is about */
	size_t arch_count;
};

int profile_call_number(uint32_t audit_arch, const char *name)
{
	return seccomp_syscall_resolve_name_arch(audit_arch, name);
}

static int release(struct profile *p)
{
	seccomp_release(p->filter);
	return 0;
}

int profile_new(const void *ctx, uint32_t default_action, struct profile **ret, struct error *err)
{
	scmp_filter_ctx filter = seccomp_init(default_action);
	if (!filter)
		return error_set(err, 0, "libseccomp does not know the action 0x%x", default_action);
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
	struct profile *p = mem_new(ctx, struct profile);
	p->filter = filter;
	p->default_action = default_action;
	p->archs[p->arch_count++] = seccomp_arch_native();
	talloc_set_destructor(p, release);
	*ret = p;
	return 0;
}

int profile_add_arch(struct profile *p, const char *name, struct error *err)
{
	static const char prefix[] = "SCMP_ARCH_";
	char plain[NAME_ROOM] = "";
	const char *from = strncmp(name, prefix, sizeof(prefix) - 1) == 0 ? name + sizeof(prefix) - 1 : name;
	for (size_t i = 0; i < sizeof(plain) - 1 && from[i]; i++)
		plain[i] = (char)tolower((unsigned char)from[i]);
	uint32_t arch = seccomp_arch_resolve_name(plain);
	if (arch == 0)
		return error_set(err, 0, "'%s' is no architecture", name);
	for (size_t i = 0; i < p->arch_count; i++)
		if (p->archs[i] == arch)
			return 0;
	int r = seccomp_arch_add(p->filter, arch);
	if (r < 0 && r != -EEXIST)
		return error_set(err, -r, "libseccomp refuses the architecture '%s'", name);
	if (p->arch_count < ARCHS_MAX)
		p->archs[p->arch_count++] = arch;
	return 0;
}

int profile_comparison(const char *name)
{
	static const struct {
		const char *name;
		int comparison;
	} rows[] = {
		{ "SCMP_CMP_NE", SCMP_CMP_NE }, { "SCMP_CMP_LT", SCMP_CMP_LT }, { "SCMP_CMP_LE", SCMP_CMP_LE },
		{ "SCMP_CMP_EQ", SCMP_CMP_EQ }, { "SCMP_CMP_GE", SCMP_CMP_GE }, { "SCMP_CMP_GT", SCMP_CMP_GT },
		{ "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
	};
	for (size_t i = 0; name && i < sizeof(rows) / sizeof(*rows); i++)
		if (strcmp(rows[i].name, name) == 0)
			return rows[i].comparison;
	return -1;
}

static void note_number(struct profile *p, const char *call)
{
	for (size_t i = 0; i < p->arch_count; i++) {
		int number = seccomp_syscall_resolve_name_arch(p->archs[i], call);
		if (number > p->newest[i])
			p->newest[i] = number;
	}
}

static int add(struct profile *p, const char *call, int number, uint32_t action, const struct profile_condition *conditions,
	       unsigned count, struct error *err)
{
	struct scmp_arg_cmp arguments[6];
	for (unsigned i = 0; i < count; i++)
		arguments[i] = (struct scmp_arg_cmp){ conditions[i].argument, conditions[i].comparison, conditions[i].value,
						      conditions[i].second };
	int r = seccomp_rule_add_array(p->filter, action, number, count, arguments);
	return r < 0 ? error_set(err, -r, "libseccomp refuses a rule about '%s'", call) : 0;
}

int profile_add_rule(struct profile *p, const char *call, uint32_t action, const struct profile_condition *conditions,
		     unsigned count, struct error *err)
{
	int number = seccomp_syscall_resolve_name(call);
	if (number == __NR_SCMP_ERROR)
		return 0;
	note_number(p, call);
	if (action == p->default_action)
		return 0;
	unsigned used = 0;
	bool is_divided = count > 6;
	for (unsigned i = 0; i < count; i++) {
		is_divided |= used >> conditions[i].argument & 1;
		used |= 1u << conditions[i].argument;
	}
	if (!is_divided)
		return add(p, call, number, action, conditions, count, err);
	/* Two about one argument are two rules, as runc has it: libseccomp has no rule for both. */
	for (unsigned i = 0; i < count; i++)
		if (add(p, call, number, action, &conditions[i], 1, err) < 0)
			return -1;
	return 0;
}

/* ---- the program ---- */

/*
 * In front: what has a larger number than all that there is a rule for gets ENOSYS.  x32's numbers are libseccomp's to judge.
 * For each architecture: load it, six more, the last of which is reached only from the first.
 */
static size_t put_newer(const struct profile *p, struct sock_filter *to)
{
	enum { ARCH = offsetof(struct seccomp_data, arch), NUMBER = offsetof(struct seccomp_data, nr) };
	size_t n = 0;
	for (size_t i = 0; i < p->arch_count; i++) {
		const struct sock_filter part[] = {
			BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARCH),
			BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, p->archs[i], 0, 4),
			BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NUMBER),
			BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 2, 0),
			BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (uint32_t)p->newest[i], 0, 1),
			BPF_STMT(BPF_RET | BPF_K, ACTION_ERRNO | ENOSYS),
		};
		/* x32 has the architecture of x86-64. */
		if (p->archs[i] == SCMP_ARCH_X32)
			continue;
		memcpy(to + n, part, sizeof(part));
		n += sizeof(part) / sizeof(*part);
	}
	return n;
}

int profile_program(const void *ctx, struct profile *p, struct sock_filter **ret, unsigned short *ret_length,
		    struct error *err)
{
	bool is_error = (p->default_action & ACTION_MASK) == ACTION_ERRNO && p->default_action != (ACTION_ERRNO | ENOSYS);
	CLEANUP_CLOSE int fd = syscall(SYS_memfd_create, "profile", 1u /* MFD_CLOEXEC */);
	/* Kernels before 3.17 have none. */
	if (fd < 0) {
		char path[] = "/tmp/fakebuild-XXXXXX";
		fd = mkostemp(path, O_CLOEXEC);
		if (fd >= 0)
			unlink(path);
	}
	int r = fd < 0 ? -errno : seccomp_export_bpf(p->filter, fd);
	off_t bytes = r < 0 ? 0 : lseek(fd, 0, SEEK_END);
	size_t length = bytes / sizeof(struct sock_filter);
	if (r < 0 || length == 0 || length > BPF_MAXINSNS)
		return error_set(err, -r, "libseccomp cannot make a program of the rules");
	struct sock_filter *program = mem_array(ctx, struct sock_filter, length + ARCHS_MAX * 6);
	size_t head = is_error ? put_newer(p, program) : 0;
	if (pread(fd, program + head, bytes, 0) != bytes)
		return error_set(err, errno, "cannot read the program of the rules");
	*ret = program;
	*ret_length = (unsigned short)(head + length);
	return 0;
}
