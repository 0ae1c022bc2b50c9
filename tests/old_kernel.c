/* SPDX-License-Identifier: Apache-2.0 */
/*
 * old_kernel COMMAND...: runs a command on what looks like Linux 3.10 by its calls: all that came later is ENOSYS, for
 * it and for all that it starts.  So programs see whether they need more than that.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

/* arch/x86/syscalls/syscall_{64,32}.tbl of 3.10 end with finit_module. */
enum { LAST_64 = 313, LAST_32 = 350 };
/* From here on numbers are no kernel's: fakebuild has calls of its own between shim and tracer. */
#define PRIVATE_CALLS 0x3f000000
enum { GET_SYSCALL_INFO = 0x420e, GET_RSEQ_CONFIGURATION = 0x420f };

#define ANSWER(error) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF_EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define IF_FROM(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, value, yes, no)

int main(int argc, char **argv)
{
	struct sock_filter code[] = {
		LOAD(arch),
		IF_EQUAL(AUDIT_ARCH_X86_64, 3, 0),
		LOAD(nr),
		IF_FROM(PRIVATE_CALLS, 10, 0),
		IF_FROM(LAST_32 + 1, 8, 9),
		LOAD(nr),
		IF_FROM(PRIVATE_CALLS, 7, 0),
		IF_FROM(LAST_64 + 1, 5, 0),
		IF_EQUAL(SYS_ptrace, 0, 5),
		LOAD(args[0]),
		IF_EQUAL(GET_SYSCALL_INFO, 1, 0),
		IF_EQUAL(GET_RSEQ_CONFIGURATION, 0, 2),
		ANSWER(EIO),
		ANSWER(ENOSYS),
		ALLOW,
	};
	struct sock_fprog program = { sizeof(code) / sizeof(*code), code };
	if (argc < 2) {
		fprintf(stderr, "usage: %s COMMAND...\n", argv[0]);
		return 125;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
		perror("cannot set the filter");
		return 125;
	}
	execvp(argv[1], argv + 1);
	perror(argv[1]);
	return 127;
}
