/* SPDX-License-Identifier: Apache-2.0 */
/* Capabilities: the five sets, what id changes do to them, and prctl's switches. */
/* covers: capget capset prctl */
#include "guest.h"

#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>

typedef unsigned long long set;
#define BIT(n) (1ull << (n))
static const set file_caps = BIT(0) | BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(9) | BIT(27) | BIT(32);

struct sets {
	set effective, permitted, inheritable;
};

static struct sets sets_now(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = { { 0, 0, 0 }, { 0, 0, 0 } };
	WORKS(syscall(SYS_capget, &header, d));
	return (struct sets){ d[0].effective | (set)d[1].effective << 32, d[0].permitted | (set)d[1].permitted << 32,
			      d[0].inheritable | (set)d[1].inheritable << 32 };
}

static long set_sets(set effective, set permitted, set inheritable)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = { { effective, permitted, inheritable },
					       { effective >> 32, permitted >> 32, inheritable >> 32 } };
	return syscall(SYS_capset, &header, d);
}

static long ambient(unsigned how, unsigned capability)
{
	return prctl(PR_CAP_AMBIENT, how, capability, 0, 0);
}

TEST(root_has_what_the_bounding_set_allows)
{
	struct sets s = sets_now();
	EQUAL(s.permitted, s.effective);
	EQUAL(0, s.inheritable);
	for (unsigned i = 0; i <= 40; i++)
		EQUAL(s.permitted >> i & 1, prctl(PR_CAPBSET_READ, i));
	EQUAL(1, s.permitted >> CAP_SYS_ADMIN & 1);
	EQUAL(1, s.permitted >> CAP_SYS_CHROOT & 1);
}

TEST(permitted_only_shrinks)
{
	set all = sets_now().permitted;
	WORKS(set_sets(BIT(CAP_CHOWN), all & ~BIT(CAP_KILL), 0));
	EQUAL(BIT(CAP_CHOWN), sets_now().effective);
	FAILS(EPERM, set_sets(0, all, 0));
	FAILS(EPERM, set_sets(BIT(CAP_KILL), all & ~BIT(CAP_KILL), 0));
	WORKS(set_sets(BIT(CAP_SETUID), all & ~BIT(CAP_KILL), BIT(CAP_SETUID)));
	EQUAL(BIT(CAP_SETUID), sets_now().inheritable);
	/* Without CAP_SETPCAP one may only inherit what is permitted. */
	FAILS(EPERM, set_sets(0, all & ~BIT(CAP_KILL), BIT(CAP_KILL)));
	WORKS(set_sets(0, 0, BIT(CAP_SETUID)));
	EQUAL(0, sets_now().permitted);
	EQUAL(BIT(CAP_SETUID), sets_now().inheritable);
}

TEST(what_is_dropped_cannot_be_done)
{
	set all = sets_now().permitted;
	put_file("f", 0644, "");
	WORKS(set_sets(all & ~BIT(CAP_CHOWN) & ~BIT(CAP_SETGID) & ~BIT(CAP_SYS_CHROOT), all, 0));
	FAILS(EPERM, chown("f", 5, -1));
	FAILS(EPERM, setgid(5));
	FAILS(EPERM, setgroups(0, NULL));
	FAILS(EPERM, chroot("."));
	WORKS(chmod("f", 0600));
	WORKS(set_sets(all, all, 0));
	WORKS(chown("f", 5, -1));
	WORKS(set_sets(all & ~BIT(CAP_FOWNER), all, 0));
	FAILS(EPERM, chmod("f", 0600));
	WORKS(set_sets(all & ~BIT(CAP_MKNOD), all, 0));
	FAILS(EPERM, mknod("c", S_IFCHR | 0600, 0x103));
	WORKS(set_sets(all & ~BIT(CAP_SETUID), all, 0));
	FAILS(EPERM, setuid(5));
}

TEST(capget_and_capset_errors)
{
	struct __user_cap_header_struct header = { 0, 0 };
	struct __user_cap_data_struct d[2];
	memset(d, 0, sizeof(d));
	FAILS(EINVAL, syscall(SYS_capget, &header, d));
	EQUAL(_LINUX_CAPABILITY_VERSION_3, header.version);
	header.version = 0;
	WORKS(syscall(SYS_capget, &header, NULL));
	EQUAL(_LINUX_CAPABILITY_VERSION_3, header.version);
	header.version = 0;
	FAILS(EINVAL, syscall(SYS_capset, &header, d));
	header.pid = -1;
	FAILS(EINVAL, syscall(SYS_capget, &header, d));
	header.pid = 1 << 22;
	FAILS(ESRCH, syscall(SYS_capget, &header, d));
	FAILS(EPERM, syscall(SYS_capset, &header, d));
	header.pid = getppid();
	FAILS(EPERM, syscall(SYS_capset, &header, d));
	WORKS(syscall(SYS_capget, &header, d));
	FAILS(EFAULT, syscall(SYS_capget, bad, d));
	header.pid = 0;
	FAILS(EFAULT, syscall(SYS_capset, &header, bad));
	header.version = _LINUX_CAPABILITY_VERSION_1;
	WORKS(syscall(SYS_capget, &header, d));
}

TEST(id_changes_drop_and_give)
{
	set all = sets_now().permitted;
	WORKS(setresuid(0, 1000, 0));
	EQUAL(0, sets_now().effective);
	EQUAL(all, sets_now().permitted);
	WORKS(setresuid(-1, 0, -1));
	EQUAL(all, sets_now().effective);
	EQUAL(0, setfsuid(1000));
	EQUAL(all & ~file_caps, sets_now().effective);
	EQUAL(1000, setfsuid(0));
	EQUAL(all, sets_now().effective);
	WORKS(setresuid(1000, 1000, 1000));
	EQUAL(0, sets_now().effective);
	EQUAL(0, sets_now().permitted);
}

TEST(keepcaps_keeps_the_permitted)
{
	set all = sets_now().permitted;
	EQUAL(0, prctl(PR_GET_KEEPCAPS));
	FAILS(EINVAL, prctl(PR_SET_KEEPCAPS, 2));
	put_file("f", 0600, "");
	WORKS(prctl(PR_SET_KEEPCAPS, 1));
	EQUAL(1, prctl(PR_GET_KEEPCAPS));
	EQUAL(SECBIT_KEEP_CAPS, prctl(PR_GET_SECUREBITS));
	WORKS(setresuid(1000, 1000, 1000));
	EQUAL(all, sets_now().permitted);
	EQUAL(0, sets_now().effective);
	WORKS(set_sets(BIT(CAP_CHOWN), BIT(CAP_CHOWN), 0));
	WORKS(chown("f", 5, 6));
	EQUAL(5, look("f").st_uid);
	WORKS(set_sets(0, 0, 0));
	FAILS(EPERM, chown("f", 7, 8));
}

TEST(securebits)
{
	set all = sets_now().permitted;
	EQUAL(0, prctl(PR_GET_SECUREBITS));
	FAILS(EPERM, prctl(PR_SET_SECUREBITS, 1 << 20));
	WORKS(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED));
	WORKS(setresuid(1000, 1000, 0));
	EQUAL(all, sets_now().effective);
	FAILS(EPERM, prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP_LOCKED));
	FAILS(EPERM, prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP));
	WORKS(prctl(PR_SET_SECUREBITS,
		    SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED));
	FAILS(EPERM, prctl(PR_SET_KEEPCAPS, 1));
	WORKS(set_sets(0, 0, 0));
	FAILS(EPERM, prctl(PR_SET_SECUREBITS, 0));
}

TEST(the_bounding_set_only_shrinks)
{
	WORKS(prctl(PR_CAPBSET_DROP, CAP_KILL));
	EQUAL(0, prctl(PR_CAPBSET_READ, CAP_KILL));
	EQUAL(1, sets_now().permitted >> CAP_KILL & 1);
	FAILS(EPERM, set_sets(0, 0, BIT(CAP_KILL)));
	FAILS(EINVAL, prctl(PR_CAPBSET_READ, 64));
	FAILS(EINVAL, prctl(PR_CAPBSET_DROP, 64));
	WORKS(setresuid(1000, 1000, 1000));
	FAILS(EPERM, prctl(PR_CAPBSET_DROP, CAP_CHOWN));
	EQUAL(0, prctl(PR_CAPBSET_READ, CAP_KILL));
}

TEST(ambient_needs_permitted_and_inheritable)
{
	set all = sets_now().permitted;
	FAILS(EPERM, ambient(PR_CAP_AMBIENT_RAISE, CAP_CHOWN));
	WORKS(set_sets(all, all, BIT(CAP_CHOWN)));
	WORKS(ambient(PR_CAP_AMBIENT_RAISE, CAP_CHOWN));
	EQUAL(1, ambient(PR_CAP_AMBIENT_IS_SET, CAP_CHOWN));
	EQUAL(0, ambient(PR_CAP_AMBIENT_IS_SET, CAP_KILL));
	WORKS(set_sets(all, all, 0));
	EQUAL(0, ambient(PR_CAP_AMBIENT_IS_SET, CAP_CHOWN));
	WORKS(set_sets(all, all, BIT(CAP_CHOWN)));
	WORKS(ambient(PR_CAP_AMBIENT_RAISE, CAP_CHOWN));
	WORKS(ambient(PR_CAP_AMBIENT_LOWER, CAP_CHOWN));
	EQUAL(0, ambient(PR_CAP_AMBIENT_IS_SET, CAP_CHOWN));
	WORKS(ambient(PR_CAP_AMBIENT_RAISE, CAP_CHOWN));
	WORKS(ambient(PR_CAP_AMBIENT_CLEAR_ALL, 0));
	EQUAL(0, ambient(PR_CAP_AMBIENT_IS_SET, CAP_CHOWN));
	FAILS(EINVAL, ambient(PR_CAP_AMBIENT_CLEAR_ALL, 1));
	FAILS(EINVAL, ambient(PR_CAP_AMBIENT_RAISE, 64));
	FAILS(EINVAL, ambient(9, CAP_CHOWN));
	FAILS(EINVAL, prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 1, 0));
	WORKS(prctl(PR_SET_SECUREBITS, SECBIT_NO_CAP_AMBIENT_RAISE));
	FAILS(EPERM, ambient(PR_CAP_AMBIENT_RAISE, CAP_CHOWN));
}

TEST(no_new_privs_reads_back_and_stays)
{
	EQUAL(0, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	FAILS(EINVAL, prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
	FAILS(EINVAL, prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0));
	FAILS(EINVAL, prctl(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0));
	CHILD {
		WORKS(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
		EQUAL(1, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
		CHILD
			EQUAL(1, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	}
	EQUAL(0, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
}

TEST(dumpable_reads_back_and_ids_clear_it)
{
	EQUAL(1, prctl(PR_GET_DUMPABLE));
	FAILS(EINVAL, prctl(PR_SET_DUMPABLE, 2));
	WORKS(prctl(PR_SET_DUMPABLE, 0));
	EQUAL(0, prctl(PR_GET_DUMPABLE));
	WORKS(prctl(PR_SET_DUMPABLE, 1));
	EQUAL(1, prctl(PR_GET_DUMPABLE));
	WORKS(seteuid(1000));
	EQUAL(0, prctl(PR_GET_DUMPABLE));
}

TEST(other_prctls_are_the_kernels)
{
	char name[16] = "";
	WORKS(prctl(PR_SET_NAME, "a name of more than 15"));
	WORKS(prctl(PR_GET_NAME, name));
	TEXT("a name of more ", name);
	TEXT("a name of more \n", file_text("/proc/self/comm"));
	int signal = 0;
	WORKS(prctl(PR_SET_PDEATHSIG, SIGUSR1));
	WORKS(prctl(PR_GET_PDEATHSIG, &signal));
	EQUAL(SIGUSR1, signal);
	FAILS(EINVAL, prctl(PR_SET_PDEATHSIG, 100));
	FAILS(EINVAL, prctl(12345));
	EQUAL(0, prctl(PR_GET_CHILD_SUBREAPER, &signal));
	WORKS(prctl(PR_SET_CHILD_SUBREAPER, 1));
	WORKS(prctl(PR_GET_CHILD_SUBREAPER, &signal));
	EQUAL(1, signal);
}
