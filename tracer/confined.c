/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what filters around us refuse.  A child puts a filter of its own on top that sends all calls to a tracer
 * and makes them with nobody tracing: seccomp(2), "If there is no tracer present, the system call is not executed
 * and returns a failure status with errno set to ENOSYS".  What fails otherwise was refused around us.
 */
#include "tracer/confined.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/arch/arch.h"
#include "tracer/filter.h"

enum { ROWS_MAX = 1024, DEATHS_MAX = 16, TRAP_CODE = 1 /* SYS_SECCOMP */ };

static struct attempts {
	unsigned next; /* of abi * row_count + row */
	short refusal[ABI_COUNT][ROWS_MAX];
} *found;

/* Arguments that a profile looks at are those for which we trace: flags of namespaces to clone(2). */
static void attempt(enum abi abi, unsigned row)
{
	uint64_t argument[6] = { 0 };
	int number = rows[row].action == ACTION_TRACE ? filter_number(abi, row) : -1;
	if (number < 0)
		return;
	argument[rows[row].trace.argument] = rows[row].trace.value;
	int64_t r = arch_raw_call(abi, number, argument);
	if (r < 0 && r >= -4095 && r != -ENOSYS)
		found->refusal[abi][row] = -r;
}

static void attempt_all(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0x7fff0000 /* SECCOMP_RET_ALLOW */),
		BPF_STMT(BPF_RET | BPF_K, 0x7ff00000 /* SECCOMP_RET_TRACE */),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(*code), code };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
		_exit(1);
	while (found->next < ABI_COUNT * row_count) {
		unsigned at = found->next++;
		attempt(at / row_count, at % row_count);
	}
	_exit(0);
}

void confined_find(void)
{
	if (found || row_count > ROWS_MAX || prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != SECCOMP_MODE_FILTER)
		return;
	void *shared = mmap(NULL, sizeof(*found), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return;
	found = shared;
	/* A profile that kills takes the child that tried; another goes on behind that call. */
	for (unsigned deaths = 0; deaths < DEATHS_MAX; deaths++) {
		int status;
		pid_t pid = fork();
		if (pid == 0)
			attempt_all();
		if (pid < 0 || waitpid(pid, &status, 0) != pid || WIFEXITED(status))
			return;
	}
}

int confined_refusal(enum abi abi, unsigned row)
{
	return found ? found->refusal[abi][row] : 0;
}

bool confined_is_trap(const struct tracee *t, int signal, unsigned *ret_row_data)
{
	siginfo_t info;
	if (signal != SIGSYS || !found || ptrace(PTRACE_GETSIGINFO, t->tid, NULL, &info) < 0 || info.si_code != TRAP_CODE)
		return false;
	/* A guest's own filter may trap as well, with numbers of its own. */
	enum abi abi = info.si_errno & 0x8000 ? ABI_32 : ABI_64;
	unsigned row = info.si_errno & 0x7fff;
	if (info.si_arch != arch_audit[abi] || row >= row_count || filter_number(abi, row) != info.si_syscall ||
	    !confined_refusal(abi, row))
		return false;
	*ret_row_data = info.si_errno;
	return true;
}
