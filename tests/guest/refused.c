/* SPDX-License-Identifier: Apache-2.0 */
/* What root in an unprivileged container is refused, and with which errno. */
/* covers: acct swapon swapoff reboot init_module finit_module delete_module iopl ioperm kexec_load */
/* covers: kexec_file_load bpf userfaultfd fanotify_init fanotify_mark quotactl open_by_handle_at settimeofday */
/* covers: clock_settime clock_settime64 stime vhangup name_to_handle_at vm86 vm86old */
/* covers: io_uring_setup io_uring_enter io_uring_register */
#include "guest.h"

#include <linux/capability.h>
#include <sys/time.h>
#include <time.h>

/* What Docker leaves to root in a container; the rest goes, so that the kernel refuses what it has to. */
static void become_root_of_a_container(void)
{
	static const unsigned kept[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FSETID, CAP_FOWNER, CAP_MKNOD, CAP_NET_RAW,
					 CAP_SETGID, CAP_SETUID, CAP_SETFCAP, CAP_SETPCAP, CAP_NET_BIND_SERVICE,
					 CAP_SYS_CHROOT, CAP_KILL, CAP_AUDIT_WRITE };
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = { { 0, 0, 0 }, { 0, 0, 0 } };
	for (unsigned i = 0; i < sizeof(kept) / sizeof(*kept); i++)
		d[0].permitted |= 1u << kept[i];
	d[0].effective = d[0].permitted;
	WORKS(syscall(SYS_capset, &header, d));
}

/* A kernel may be built without a call. */
static void expect_refused(int line, const char *what, int error, long result)
{
	if (result == -1 && errno == ENOSYS && guest_is_native())
		return;
	guest_fails(line, what, error, result);
}
#define REFUSED(error, ...) expect_refused(__LINE__, #__VA_ARGS__, error, syscall(__VA_ARGS__))

TEST(the_machine_is_not_the_containers)
{
	struct timeval now = { 1000000000, 0 };
	struct timespec time = { 1000000000, 0 };
	become_root_of_a_container();
	put_file("f", 0644, "");
	REFUSED(EPERM, SYS_acct, "f");
	REFUSED(EPERM, SYS_swapon, "f", 0);
	REFUSED(EPERM, SYS_swapoff, "f");
	REFUSED(EPERM, SYS_reboot, 0xfee1dead, 672274793, 0x01234567, NULL);
	REFUSED(EPERM, SYS_init_module, "", 0, "");
	REFUSED(EPERM, SYS_finit_module, 0, "", 0);
	REFUSED(EPERM, SYS_delete_module, "nothing", 0);
	REFUSED(EPERM, SYS_iopl, 3);
	REFUSED(EPERM, SYS_ioperm, 0x80, 1, 1);
	REFUSED(EPERM, SYS_kexec_load, 0, 0, NULL, 0);
	REFUSED(EPERM, SYS_settimeofday, &now, NULL);
	REFUSED(EPERM, SYS_clock_settime, CLOCK_REALTIME, &time);
	REFUSED(EPERM, SYS_vhangup);
#ifdef __i386__
	long long wide[2] = { 1000000000, 0 };
	REFUSED(EPERM, SYS_clock_settime64, CLOCK_REALTIME, wide);
	REFUSED(EPERM, SYS_stime, &now.tv_sec);
#else
	REFUSED(EPERM, SYS_kexec_file_load, -1, -1, 0, NULL, 0);
#endif
}

TEST(ways_to_see_and_change_all_are_closed)
{
	char attributes[128] = "";
	struct {
		unsigned bytes;
		int type;
		char handle[8];
	} handle = { 8, 1, "" };
	become_root_of_a_container();
	REFUSED(EPERM, SYS_bpf, 5, attributes, sizeof(attributes));
	int here = WORKS(open(".", O_RDONLY));
	REFUSED(EPERM, SYS_open_by_handle_at, here, &handle, O_RDONLY);
	if (!guest_is_native())
		FAILS(EPERM, syscall(SYS_quotactl, 0x800002u << 8, "/dev/null", 0, attributes));
}

TEST(notification_of_whole_file_systems_is_refused)
{
	become_root_of_a_container();
	/* FAN_UNLIMITED_QUEUE: what needs root; less needs none since Linux 5.13, and is not had here either. */
	REFUSED(EPERM, SYS_fanotify_init, 0x10, O_RDONLY);
	if (!guest_is_native()) {
		FAILS(EPERM, syscall(SYS_fanotify_mark, 77, 1, 2, 0, AT_FDCWD, "."));
		FAILS(EPERM, syscall(SYS_userfaultfd, 0));
	}
}

/* Not refused by the kernel, but by fakebuild: what libcs and programs have a fallback for. */
TEST(what_would_lead_round_the_tracer_is_as_on_an_old_kernel)
{
	static const long absent[] = { 425, 426, 427, 443, 444, 445, 446, 447, 453, 470 };
	if (guest_is_native())
		SKIP("of fakebuild only");
	for (unsigned i = 0; i < sizeof(absent) / sizeof(*absent); i++)
		FAILS(ENOSYS, syscall(absent[i], 0, 0, 0, 0, 0, 0));
	char handle[140] = "";
	int id;
	FAILS(EOPNOTSUPP, syscall(SYS_name_to_handle_at, AT_FDCWD, ".", handle, &id, 0));
	/* What is not known at all */
	FAILS(ENOSYS, syscall(999, 0, 0, 0));
	FAILS(ENOSYS, syscall(0x40000000, 0, 0, 0));
#ifdef __i386__
	FAILS(EPERM, syscall(SYS_vm86, 0, 0));
	FAILS(EPERM, syscall(SYS_vm86old, 0));
#endif
}
