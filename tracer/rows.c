/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of system calls: one row each, by the kernel's name.  A name may exist on one ABI only; the
 * filter (filter.c) resolves numbers per ABI.  A call without a row gets ENOSYS, so that libcs fall back.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "tracer/base/compat.h"
#include "tracer/hooks.h"
#include "tracer/inside.h"
#include "tracer/plain.h"

#define ALLOW(call) { .name = #call, .action = ACTION_ALLOW }
#define ALLOW_NEW(call, nr) { .name = #call, .action = ACTION_ALLOW, .number = nr }
/* The kernel's, but in pid namespaces of the guest's (pids.h): always there, or when so many first arguments are as given. */
#define INSIDE(call, function, ...) { .name = #call, .action = ACTION_ALLOW, .hook = function, .is_inside = true, __VA_ARGS__ }
#define LATER(call, function) { .name = #call, .action = ACTION_LATER, .hook = function }
/* Those of many bytes are no orders. */
#define WRITE(call, function, ...) { .name = #call, .action = ACTION_WRITE, .hook = function, __VA_ARGS__ }
#define ORDER_MAX 4096
#define REFUSE(call, error) { .name = #call, .action = ACTION_REFUSE, .refusal = error }
#define REFUSE_NEW(call, nr, error) { .name = #call, .action = ACTION_REFUSE, .number = nr, .refusal = error }
/* Written down, so that all calls of Linux up to 6.18 are named here: without a row it would be the same. */
#define ABSENT(call) REFUSE(call, ENOSYS)
#define ABSENT_NEW(call, nr) REFUSE_NEW(call, nr, ENOSYS)
#define TRACE(call, function, ...) { .name = #call, .action = ACTION_TRACE, .hook = function, __VA_ARGS__ }
#define IDENTITY(call, function, ...) TRACE(call, function, .touches = TOUCHES_IDENTITY, __VA_ARGS__)
/* Path arguments, numbered from 0. */
#define PATH(n, how) { .path = (n) + 1, .lookup = (how) }
#define PATH_AT(fd, n, how) { .dir_fd = (fd) + 1, .path = (n) + 1, .lookup = (how) }
#define PATH_FLAGS(fd, n, how, flag, known) \
	{ .dir_fd = (fd) + 1, .path = (n) + 1, .lookup = (how), .flags = (flag) + 1, .allowed = (known) }
#define FD(n) { .dir_fd = (n) + 1 }
#define FD_OPENED(n) { .dir_fd = (n) + 1, .lookup = LOOKUP_OPENED }
#define XATTR_AT PATH_FLAGS(0, 1, FOLLOW, 2, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)
#define FOLLOW LOOKUP_FOLLOW
#define NAME LOOKUP_NAME
#define CREATE (LOOKUP_CREATE | LOOKUP_NAME)
#define NEW_NAMESPACES 0x7e020080 /* CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET,TIME} of clone(2) */
#define UNTRACED 0x00800000       /* CLONE_UNTRACED */

/* Clocks of processes are numbers below 0. */
#define OF_PROCESS .inside = { WHEN_ANY_BIT, 0, 0x80000000 }
/* F_GETLK, F_SETOWN, F_GETOWN, F_GETLK64, F_SETOWN_EX, F_GETOWN_EX, F_OFD_GETLK */
static const uint32_t owners[] = { 5, 8, 9, 12, 15, 16, 36, 0 };
#define OWNERS .inside = { WHEN_AMONG, 1, 0 }, .values = owners

const struct row rows[] = {
	/* Looking at files. */
	TRACE(stat, hook_stat, .path = { PATH(0, FOLLOW) }),
	TRACE(lstat, hook_stat, .path = { PATH(0, 0) }),
	TRACE(fstat, hook_stat, .path = { FD(0) }),
	TRACE(newfstatat, hook_stat,
	      .path = { PATH_FLAGS(0, 1, FOLLOW | LOOKUP_DESCRIPTOR, 3,
				   AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE) }),
	TRACE(stat64, hook_stat64, .path = { PATH(0, FOLLOW) }),
	TRACE(lstat64, hook_stat64, .path = { PATH(0, 0) }),
	TRACE(fstat64, hook_stat64, .path = { FD(0) }),
	TRACE(fstatat64, hook_stat64,
	      .path = { PATH_FLAGS(0, 1, FOLLOW | LOOKUP_DESCRIPTOR, 3,
				   AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE) }),
	TRACE(oldstat, hook_stat_old, .path = { PATH(0, FOLLOW) }),
	TRACE(oldlstat, hook_stat_old, .path = { PATH(0, 0) }),
	TRACE(oldfstat, hook_stat_old, .path = { FD(0) }),
	TRACE(statx, hook_statx, .check = check_statx,
	      .path = { PATH_FLAGS(0, 1, FOLLOW | LOOKUP_DESCRIPTOR, 2,
				   AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE) }),
	TRACE(statfs, hook_statfs, .path = { PATH(0, FOLLOW) }),
	TRACE(statfs64, hook_statfs64, .path = { PATH(0, FOLLOW) }),
	TRACE(fstatfs, hook_statfs, .path = { FD(0) }),
	TRACE(fstatfs64, hook_statfs64, .path = { FD(0) }),
	TRACE(access, hook_access, .check = check_access, .by_real_ids = true, .path = { PATH(0, FOLLOW) }),
	TRACE(faccessat, hook_access, .check = check_access, .by_real_ids = true, .path = { PATH_AT(0, 1, FOLLOW) }),
	TRACE(faccessat2, hook_access, .check = check_access, .by_real_ids = true, .number = 439,
	      .path = { PATH_FLAGS(0, 1, FOLLOW, 3, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_EACCESS) }),
	TRACE(readlink, hook_readlink, .check = check_readlink, .path = { PATH(0, 0) }),
	TRACE(readlinkat, hook_readlink, .check = check_readlink, .path = { PATH_AT(0, 1, LOOKUP_EMPTY) }),
	TRACE(getcwd, hook_getcwd),
	LATER(getdents, hook_getdents), LATER(getdents64, hook_getdents),

	/* Changing what a file is. */
	TRACE(chmod, hook_chmod, .plain = plain_change, .path = { PATH(0, FOLLOW) }),
	TRACE(fchmod, hook_chmod, .plain = plain_change, .path = { FD_OPENED(0) }),
	TRACE(fchmodat, hook_chmod, .plain = plain_change, .path = { PATH_AT(0, 1, FOLLOW) }),
	TRACE(fchmodat2, hook_chmod, .plain = plain_change, .number = 452,
	      .path = { PATH_FLAGS(0, 1, FOLLOW, 3, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) }),
	TRACE(chown, hook_chown, .plain = plain_chown, .path = { PATH(0, FOLLOW) }, .has_short_ids = true),
	TRACE(lchown, hook_chown, .plain = plain_chown, .path = { PATH(0, 0) }, .has_short_ids = true),
	TRACE(fchown, hook_chown, .plain = plain_chown, .path = { FD_OPENED(0) }, .has_short_ids = true),
	TRACE(chown32, hook_chown, .plain = plain_chown, .path = { PATH(0, FOLLOW) }),
	TRACE(lchown32, hook_chown, .plain = plain_chown, .path = { PATH(0, 0) }),
	TRACE(fchown32, hook_chown, .plain = plain_chown, .path = { FD_OPENED(0) }),
	TRACE(fchownat, hook_chown, .plain = plain_chown,
	      .path = { PATH_FLAGS(0, 1, FOLLOW, 4, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) }),
	TRACE(truncate, hook_truncate, .plain = plain_truncate, .check = check_truncate, .path = { PATH(0, FOLLOW) }),
	TRACE(truncate64, hook_truncate, .plain = plain_truncate, .check = check_truncate, .path = { PATH(0, FOLLOW) }),
	TRACE(utime, hook_utime, .plain = plain_change, .path = { PATH(0, FOLLOW) }),
	TRACE(utimes, hook_utimes, .plain = plain_change, .check = check_utimes, .path = { PATH(0, FOLLOW) }),
	TRACE(futimesat, hook_utimes, .plain = plain_change, .check = check_utimes, .path = { PATH_AT(0, 1, FOLLOW | LOOKUP_NULL) }),
	TRACE(utimensat, hook_utimensat, .plain = plain_change, .check = check_utimensat,
	      .path = { PATH_FLAGS(0, 1, FOLLOW | LOOKUP_NULL, 3, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) }),
	TRACE(utimensat_time64, hook_utimensat, .plain = plain_change, .check = check_utimensat,
	      .path = { PATH_FLAGS(0, 1, FOLLOW | LOOKUP_NULL, 3, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) }),
	TRACE(umask, hook_umask, .touches = TOUCHES_PLACE),
	TRACE(getxattr, hook_getxattr, .plain = call_redirect, .check = check_xattr_name, .path = { PATH(0, FOLLOW) }),
	TRACE(lgetxattr, hook_getxattr, .plain = call_redirect, .check = check_xattr_name, .path = { PATH(0, 0) }),
	TRACE(fgetxattr, hook_getxattr, .plain = call_redirect, .check = check_xattr_name, .path = { FD_OPENED(0) }),
	TRACE(setxattr, hook_setxattr, .plain = plain_change, .check = check_setxattr, .path = { PATH(0, FOLLOW) }),
	TRACE(lsetxattr, hook_setxattr, .plain = plain_change, .check = check_setxattr, .path = { PATH(0, 0) }),
	TRACE(fsetxattr, hook_setxattr, .plain = plain_change, .check = check_setxattr, .path = { FD_OPENED(0) }),
	TRACE(listxattr, hook_listxattr, .plain = call_redirect, .path = { PATH(0, FOLLOW) }),
	TRACE(llistxattr, hook_listxattr, .plain = call_redirect, .path = { PATH(0, 0) }),
	TRACE(flistxattr, hook_listxattr, .plain = call_redirect, .path = { FD_OPENED(0) }),
	TRACE(removexattr, hook_removexattr, .plain = plain_change, .check = check_xattr_name, .path = { PATH(0, FOLLOW) }),
	TRACE(lremovexattr, hook_removexattr, .plain = plain_change, .check = check_xattr_name, .path = { PATH(0, 0) }),
	TRACE(fremovexattr, hook_removexattr, .plain = plain_change, .check = check_xattr_name, .path = { FD_OPENED(0) }),
	/* FS_IOC_GETFLAGS and FS_IOC_SETFLAGS are of type 'f', FS_IOC_FSGETXATTR and its like of 'X', those of network devices of 0x89, of namespaces 0xb7. */
	TRACE(ioctl, hook_ioctl, .trace = { WHEN_TYPE, 1, 0xb7u << 24 | 'X' << 16 | 'f' << 8 | 0x89 }, .is_inside = true,
	      .inside = { WHEN_AMONG, 1, 0 }, .values = inside_ioctls),
	TRACE(file_getattr, hook_file_getattr, .plain = call_redirect, .check = check_file_getattr, .number = 468,
	      .path = { PATH_FLAGS(0, 1, FOLLOW | LOOKUP_DESCRIPTOR, 4, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) }),
	TRACE(file_setattr, hook_file_setattr, .plain = plain_change, .check = check_file_setattr, .number = 469,
	      .path = { PATH_FLAGS(0, 1, FOLLOW | LOOKUP_DESCRIPTOR, 4, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) }),
	TRACE(setxattrat, hook_setxattr, .plain = plain_change, .check = check_setxattr, .number = 463, .path = { XATTR_AT }),
	TRACE(getxattrat, hook_getxattr, .plain = call_redirect, .check = check_getxattrat, .number = 464, .path = { XATTR_AT }),
	TRACE(listxattrat, hook_listxattr, .plain = call_redirect, .number = 465, .path = { XATTR_AT }),
	TRACE(removexattrat, hook_removexattr, .plain = plain_change, .check = check_xattr_name, .number = 466, .path = { XATTR_AT }),

	/* Names. */
	TRACE(mkdir, hook_mkdir, .plain = plain_make, .path = { PATH(0, CREATE) }),
	TRACE(mkdirat, hook_mkdir, .plain = plain_make, .path = { PATH_AT(0, 1, CREATE) }),
	TRACE(mknod, hook_mknod, .plain = plain_make, .check = check_mknod, .path = { PATH(0, CREATE) }),
	TRACE(mknodat, hook_mknod, .plain = plain_make, .check = check_mknod, .path = { PATH_AT(0, 1, CREATE) }),
	TRACE(symlink, hook_symlink, .plain = plain_make, .check = check_symlink, .path = { PATH(1, CREATE) }),
	TRACE(symlinkat, hook_symlink, .plain = plain_make, .check = check_symlink, .path = { PATH_AT(1, 2, CREATE) }),
	TRACE(link, hook_link, .path = { PATH(0, 0), PATH(1, CREATE) }),
	TRACE(linkat, hook_link,
	      .path = { PATH_FLAGS(0, 1, 0, 4, AT_SYMLINK_FOLLOW | AT_EMPTY_PATH), PATH_AT(2, 3, CREATE) }),
	TRACE(unlink, hook_unlink, .path = { PATH(0, CREATE) }),
	TRACE(unlinkat, hook_unlink, .check = check_unlinkat, .path = { PATH_AT(0, 1, CREATE) }),
	TRACE(rmdir, hook_rmdir, .path = { PATH(0, CREATE) }),
	TRACE(rename, hook_rename, .check = check_rename, .path = { PATH(0, CREATE), PATH(1, CREATE) }),
	TRACE(renameat, hook_rename, .path = { PATH_AT(0, 1, CREATE), PATH_AT(2, 3, CREATE) }),
	TRACE(renameat2, hook_rename, .check = check_renameat2, .path = { PATH_AT(0, 1, CREATE), PATH_AT(2, 3, CREATE) }),
	TRACE(chdir, hook_chdir, .path = { PATH(0, FOLLOW) }, .touches = TOUCHES_PLACE),
	TRACE(fchdir, hook_fchdir, .touches = TOUCHES_PLACE),
	TRACE(chroot, hook_chroot, .path = { PATH(0, FOLLOW) }, .touches = TOUCHES_PLACE),
	TRACE(inotify_add_watch, hook_inotify_add_watch),

	/* Opening and executing. */
	TRACE(open, hook_open),
	TRACE(openat, hook_open),
	TRACE(creat, hook_open),
	TRACE(openat2, hook_openat2, .number = 437),
	TRACE(execve, hook_execve),
	TRACE(execveat, hook_execve),
	TRACE(mmap, hook_mmap, .trace = { WHEN_ANY_BIT, 2, PROT_EXEC }),

	/* Identity. */
	TRACE(getuid, hook_getuid, .has_short_ids = true), TRACE(getuid32, hook_getuid),
	TRACE(geteuid, hook_getuid, .has_short_ids = true), TRACE(geteuid32, hook_getuid),
	TRACE(getgid, hook_getuid, .has_short_ids = true), TRACE(getgid32, hook_getuid),
	TRACE(getegid, hook_getuid, .has_short_ids = true), TRACE(getegid32, hook_getuid),
	IDENTITY(setuid, hook_setuid, .has_short_ids = true), IDENTITY(setuid32, hook_setuid),
	IDENTITY(setgid, hook_setuid, .has_short_ids = true), IDENTITY(setgid32, hook_setuid),
	IDENTITY(setreuid, hook_setuid, .has_short_ids = true), IDENTITY(setreuid32, hook_setuid),
	IDENTITY(setregid, hook_setuid, .has_short_ids = true), IDENTITY(setregid32, hook_setuid),
	IDENTITY(setresuid, hook_setuid, .has_short_ids = true), IDENTITY(setresuid32, hook_setuid),
	IDENTITY(setresgid, hook_setuid, .has_short_ids = true), IDENTITY(setresgid32, hook_setuid),
	IDENTITY(setfsuid, hook_setuid, .has_short_ids = true), IDENTITY(setfsuid32, hook_setuid),
	IDENTITY(setfsgid, hook_setuid, .has_short_ids = true), IDENTITY(setfsgid32, hook_setuid),
	TRACE(getresuid, hook_getresuid, .has_short_ids = true), TRACE(getresuid32, hook_getresuid),
	TRACE(getresgid, hook_getresuid, .has_short_ids = true), TRACE(getresgid32, hook_getresuid),
	TRACE(getgroups, hook_getgroups, .has_short_ids = true), TRACE(getgroups32, hook_getgroups),
	IDENTITY(setgroups, hook_setgroups, .has_short_ids = true), IDENTITY(setgroups32, hook_setgroups),
	TRACE(capget, hook_capget),
	IDENTITY(capset, hook_capset),
	IDENTITY(prctl, hook_prctl),

	/* Sockets. */
	/* Those of AF_UNIX are nobody's matter until they get a name. */
	TRACE(socket, hook_socket, .trace = { WHEN_ANY_BIT, 0, ~(uint32_t)AF_UNIX }),
	TRACE(bind, hook_bind),
	TRACE(connect, hook_connect),
	TRACE(listen, hook_become_peer),
	TRACE(socketpair, hook_become_peer),
	TRACE(getsockname, hook_getsockname),
	TRACE(getpeername, hook_getpeername),
	TRACE(accept, hook_accept, .trace = { WHEN_NOT_ZERO, 1, 0 }),
	TRACE(accept4, hook_accept, .trace = { WHEN_NOT_ZERO, 1, 0 }),
	TRACE(recvfrom, hook_recvfrom, .trace = { WHEN_NOT_ZERO, 4, 0 }),
	TRACE(sendto, hook_sendto, .trace = { WHEN_NOT_ZERO, 4, 0 }),
	TRACE(sendmsg, hook_sendmsg),
	TRACE(sendmmsg, hook_sendmmsg), LATER(recvmsg, hook_recvmsg),
	LATER(recvmmsg, hook_recvmmsg), LATER(recvmmsg_time64, hook_recvmmsg),
	TRACE(setsockopt, hook_setsockopt, .trace = { WHEN_EQUAL, 2, SO_PASSCRED }),
	/* The bit that SO_PEERCRED and SO_PEERGROUPS have, and few others. */
	TRACE(getsockopt, hook_getsockopt, .trace = { WHEN_ANY_BIT, 2, 0x10 }),
	TRACE(socketcall, hook_socketcall),
	ALLOW(shutdown), ALLOW(send), ALLOW(recv),

	/* Mounts, namespaces, the host's name. */
	TRACE(mount, hook_mount, .path = { PATH(1, FOLLOW) }, .touches = TOUCHES_MOUNTS),
	TRACE(umount, hook_umount, .path = { PATH(0, FOLLOW) }, .touches = TOUCHES_MOUNTS),
	TRACE(umount2, hook_umount, .check = check_umount2, .path = { PATH(0, FOLLOW) }, .touches = TOUCHES_MOUNTS),
	TRACE(pivot_root, hook_pivot_root, .path = { PATH(0, FOLLOW), PATH(1, FOLLOW) }, .touches = TOUCHES_MOUNTS),
	TRACE(unshare, hook_unshare, .touches = TOUCHES_PLACE),
	TRACE(setns, hook_setns, .touches = TOUCHES_PLACE),
	TRACE(sethostname, hook_sethostname),
	TRACE(setdomainname, hook_sethostname),
	TRACE(uname, hook_uname), TRACE(olduname, hook_uname), TRACE(oldolduname, hook_uname),
	TRACE(open_tree, hook_open_tree, .number = 428, .touches = TOUCHES_MOUNTS),
	TRACE(open_tree_attr, hook_open_tree, .number = 467, .touches = TOUCHES_MOUNTS),
	TRACE(move_mount, hook_move_mount, .number = 429, .touches = TOUCHES_MOUNTS),
	TRACE(fsopen, hook_fsopen, .number = 430),
	TRACE(fsconfig, hook_fsconfig, .number = 431, .touches = TOUCHES_MOUNTS),
	TRACE(fsmount, hook_fsmount, .number = 432, .touches = TOUCHES_MOUNTS),
	TRACE(fspick, hook_fspick, .number = 433),
	TRACE(mount_setattr, hook_mount_setattr, .number = 442, .touches = TOUCHES_MOUNTS),
	TRACE(statmount, hook_statmount, .number = 457), TRACE(listmount, hook_listmount, .number = 458),

	/* Processes. */
	TRACE(clone, hook_clone, .is_whole_later = true, .trace = { WHEN_ANY_BIT, 0, NEW_NAMESPACES | UNTRACED }),
	TRACE(clone3, hook_clone3, .number = 435),
	TRACE(kill, hook_kill), TRACE(tkill, hook_tgkill), TRACE(tgkill, hook_tgkill),
	TRACE(rt_sigqueueinfo, hook_tgkill), TRACE(rt_tgsigqueueinfo, hook_tgkill),
	TRACE(pidfd_open, hook_pidfd_open, .number = 434),
	TRACE(ptrace, hook_ptrace),
	LATER(wait4, hook_wait), LATER(waitid, hook_wait), LATER(waitpid, hook_wait),
	TRACE(process_vm_readv, hook_process_vm), TRACE(process_vm_writev, hook_process_vm),
	TRACE(kcmp, hook_kcmp), TRACE(getppid, hook_getppid),
	TRACE(get_robust_list, hook_looks_at_process, .trace = { WHEN_NOT_ZERO, 0, 0 }, .is_inside = true),
	TRACE(move_pages, hook_looks_at_process, .trace = { WHEN_NOT_ZERO, 0, 0 }, .is_inside = true),
	TRACE(migrate_pages, hook_looks_at_process, .trace = { WHEN_NOT_ZERO, 0, 0 }, .is_inside = true),
	TRACE(pidfd_send_signal, hook_pidfd_send_signal, .number = 424),
	TRACE(pidfd_getfd, hook_pidfd_access, .number = 438),
	TRACE(process_madvise, hook_process_madvise, .number = 440),
	TRACE(process_mrelease, hook_pidfd_access, .number = 448),
	TRACE(prlimit64, hook_prlimit, .trace = { WHEN_NOT_ZERO, 2, 0 }, .is_inside = true),
	TRACE(setrlimit, hook_setrlimit),
	TRACE(setpriority, hook_setpriority), TRACE(getpriority, hook_getpriority), TRACE(nice, hook_nice),
	TRACE(sched_setscheduler, hook_sched_set), TRACE(sched_setparam, hook_sched_set),
	TRACE(sched_setattr, hook_sched_set), TRACE(sched_setaffinity, hook_sched_set),
	TRACE(sched_getaffinity, hook_sched_getaffinity),
	TRACE(ioprio_set, hook_ioprio_set), TRACE(ioprio_get, hook_ioprio_get, .trace = { WHEN_EQUAL, 1, 1 }, .is_inside = true),
	TRACE(sched_getscheduler, hook_sched_get),
	TRACE(sched_getparam, hook_sched_get),
	TRACE(sched_getattr, hook_sched_get),
	TRACE(seccomp, hook_seccomp),
	/* Of F_SETOWN, F_SETOWN_EX, and of few others. */
	TRACE(fcntl, hook_fcntl, .trace = { WHEN_ANY_BIT, 1, 8 }, .is_inside = true, OWNERS),
	TRACE(fcntl64, hook_fcntl, .trace = { WHEN_ANY_BIT, 1, 8 }, .is_inside = true, OWNERS),

	/* System V IPC. */
	TRACE(shmget, hook_ipc), TRACE(semget, hook_ipc), TRACE(msgget, hook_ipc),
	TRACE(shmctl, hook_ipc), TRACE(semctl, hook_ipc), TRACE(msgctl, hook_ipc),
	TRACE(ipc, hook_ipc), TRACE(shmat, hook_shmat),

	/* Orders to control groups. */
	TRACE(bpf, hook_bpf),
	WRITE(write, hook_write, .trace = { WHEN_AT_MOST, 2, ORDER_MAX }),
	WRITE(pwrite64, hook_write, .trace = { WHEN_AT_MOST, 2, ORDER_MAX }),
	WRITE(writev, hook_write),
	WRITE(sendfile, hook_copy_range), WRITE(sendfile64, hook_copy_range),
	WRITE(splice, hook_copy_range), WRITE(copy_file_range, hook_copy_range),

	/* What root in an unprivileged container is refused. */
	REFUSE(acct, EPERM),
	REFUSE(swapon, EPERM),
	REFUSE(swapoff, EPERM),
	REFUSE(reboot, EPERM),
	REFUSE(init_module, EPERM),
	REFUSE(finit_module, EPERM),
	REFUSE(delete_module, EPERM),
	REFUSE(iopl, EPERM),
	REFUSE(ioperm, EPERM),
	REFUSE(kexec_load, EPERM),
	REFUSE(kexec_file_load, EPERM),
	REFUSE(userfaultfd, EPERM),
	REFUSE(fanotify_init, EPERM),
	REFUSE(fanotify_mark, EPERM),
	REFUSE(quotactl, EPERM),
	REFUSE(open_by_handle_at, EPERM),
	REFUSE(settimeofday, EPERM),
	REFUSE(clock_settime, EPERM),
	REFUSE(clock_settime64, EPERM),
	REFUSE(stime, EPERM),
	REFUSE(vhangup, EPERM),
	REFUSE(vm86, EPERM),
	REFUSE(vm86old, EPERM),
	REFUSE(name_to_handle_at, EOPNOTSUPP),
	/* Ways around a tracer. */
	REFUSE_NEW(io_uring_setup, 425, ENOSYS), REFUSE_NEW(io_uring_enter, 426, ENOSYS),
	REFUSE_NEW(io_uring_register, 427, ENOSYS),

	/* No kernel has them any more, or few are built with them. */
	ABSENT(_sysctl), ABSENT(afs_syscall), ABSENT(bdflush), ABSENT(break), ABSENT(create_module), ABSENT(epoll_ctl_old),
	ABSENT(epoll_wait_old), ABSENT(ftime), ABSENT(get_kernel_syms), ABSENT(getpmsg), ABSENT(gtty), ABSENT(idle), ABSENT(lock),
	ABSENT(lookup_dcookie), ABSENT(mpx), ABSENT(nfsservctl), ABSENT(prof), ABSENT(profil), ABSENT(putpmsg),
	ABSENT(query_module), ABSENT(security), ABSENT(stty), ABSENT(tuxcall), ABSENT(ulimit), ABSENT(uselib), ABSENT(vserver),
	/* What the kernel would refuse the guest by rules for paths it would refuse the tracer's shim and stand-ins, too. */
	ABSENT_NEW(landlock_create_ruleset, 444), ABSENT_NEW(landlock_add_rule, 445), ABSENT_NEW(landlock_restrict_self, 446),
	/* Nobody could read arguments there. */
	ABSENT_NEW(memfd_secret, 447),
	/* The shim jumps back, it does not return. */
	ABSENT_NEW(map_shadow_stack, 453),
	/* quotactl(2) is refused. */
	ABSENT_NEW(quotactl_fd, 443),
	/* From 6.19 on. */
	ABSENT_NEW(listns, 470),

	/* Harmless: no path, no identity, nothing a tracer would answer otherwise. */
	{ .name = "read", .action = ACTION_ALLOW, .hook = hook_read }, ALLOW(close), ALLOW(poll), ALLOW(lseek), ALLOW(_llseek),
	ALLOW(mmap2), ALLOW(mprotect), ALLOW(munmap), ALLOW(brk), ALLOW(rt_sigaction),
	ALLOW(rt_sigprocmask), ALLOW(rt_sigreturn), ALLOW(sigaction), ALLOW(sigprocmask),
	ALLOW(sigreturn), ALLOW(sigpending), ALLOW(sigsuspend), ALLOW(signal), ALLOW(sgetmask),
	ALLOW(ssetmask), ALLOW(pread64),
	{ .name = "readv", .action = ACTION_ALLOW, .hook = hook_readv },
	ALLOW(pipe), ALLOW(select), ALLOW(_newselect), ALLOW(sched_yield), ALLOW(mremap),
	ALLOW(msync), ALLOW(mincore), ALLOW(madvise),
	ALLOW(shmdt), ALLOW(dup), ALLOW(dup2), ALLOW(dup3), ALLOW(pause), ALLOW(nanosleep),
	ALLOW(getitimer), ALLOW(alarm), ALLOW(setitimer), INSIDE(getpid, hook_getpid), INSIDE(gettid, hook_getpid),
	LATER(fork, hook_fork), LATER(vfork, hook_fork), ALLOW(exit), ALLOW(exit_group),
	ALLOW(semop),
	ALLOW(semtimedop), ALLOW(semtimedop_time64), ALLOW(msgsnd), ALLOW(msgrcv),
	ALLOW(flock), ALLOW(fsync),
	ALLOW(fdatasync), ALLOW(ftruncate), ALLOW(ftruncate64), ALLOW(readdir), ALLOW(gettimeofday), ALLOW(time), ALLOW(getrlimit), ALLOW(ugetrlimit),
	ALLOW(getrusage), ALLOW(sysinfo), ALLOW(times), INSIDE(getpgid, hook_getpgid), INSIDE(setpgid, hook_takes_number),
	INSIDE(getpgrp, hook_getpgid), INSIDE(setsid, hook_gives_number), INSIDE(getsid, hook_getpgid), ALLOW(rt_sigpending),
	INSIDE(rt_sigtimedwait, hook_sigtimedwait), INSIDE(rt_sigtimedwait_time64, hook_sigtimedwait), ALLOW(rt_sigsuspend),
	ALLOW(sigaltstack), ALLOW(personality),
	ALLOW(sched_get_priority_max), ALLOW(sched_get_priority_min),
	TRACE(sched_rr_get_interval, hook_sched_rr_get_interval), TRACE(sched_rr_get_interval_time64, hook_sched_rr_get_interval),
	ALLOW(mlock), ALLOW(munlock), ALLOW(mlockall),
	ALLOW(munlockall), ALLOW(mlock2), ALLOW(modify_ldt), ALLOW(arch_prctl), ALLOW(sync),
	ALLOW(syncfs), ALLOW(readahead), ALLOW(futex), ALLOW(futex_time64), ALLOW(set_thread_area),
	ALLOW(get_thread_area), ALLOW(io_setup), ALLOW(io_destroy), ALLOW(io_getevents),
	ALLOW(io_submit), ALLOW(io_cancel), ALLOW(io_pgetevents), ALLOW(io_pgetevents_time64),
	ALLOW(epoll_create), ALLOW(epoll_create1), ALLOW(epoll_ctl), ALLOW(epoll_wait),
	ALLOW(epoll_pwait), ALLOW(remap_file_pages), INSIDE(set_tid_address, hook_gives_number), ALLOW(restart_syscall),
	ALLOW(fadvise64), ALLOW(fadvise64_64), INSIDE(timer_create, hook_timer_create), ALLOW(timer_settime),
	ALLOW(timer_settime64), ALLOW(timer_gettime), ALLOW(timer_gettime64), ALLOW(timer_getoverrun),
	ALLOW(timer_delete), INSIDE(clock_gettime, hook_clock, OF_PROCESS), INSIDE(clock_gettime64, hook_clock, OF_PROCESS), INSIDE(clock_getres, hook_clock, OF_PROCESS),
	INSIDE(clock_getres_time64, hook_clock, OF_PROCESS), INSIDE(clock_nanosleep, hook_clock, OF_PROCESS), INSIDE(clock_nanosleep_time64, hook_clock, OF_PROCESS),
	ALLOW(clock_adjtime), ALLOW(clock_adjtime64), ALLOW(adjtimex), ALLOW(mbind),
	ALLOW(set_mempolicy), ALLOW(get_mempolicy),
	ALLOW(mq_open), ALLOW(mq_unlink), ALLOW(mq_timedsend), ALLOW(mq_timedreceive),
	ALLOW(mq_timedsend_time64), ALLOW(mq_timedreceive_time64), ALLOW(mq_notify),
	ALLOW(mq_getsetattr), ALLOW(inotify_init), ALLOW(inotify_init1),
	ALLOW(inotify_rm_watch), ALLOW(pselect6), ALLOW(pselect6_time64), ALLOW(ppoll),
	ALLOW(ppoll_time64), ALLOW(set_robust_list),
	ALLOW(tee), ALLOW(vmsplice), ALLOW(sync_file_range), INSIDE(signalfd, hook_signalfd), INSIDE(signalfd4, hook_signalfd),
	ALLOW(timerfd_create), ALLOW(timerfd_settime), ALLOW(timerfd_settime64),
	ALLOW(timerfd_gettime), ALLOW(timerfd_gettime64), ALLOW(eventfd), ALLOW(eventfd2),
	ALLOW(fallocate), ALLOW(pipe2), ALLOW(preadv), ALLOW(pwritev), ALLOW(preadv2),
	ALLOW(pwritev2), INSIDE(perf_event_open, hook_takes_number), ALLOW(getcpu), ALLOW(getrandom), ALLOW(memfd_create),
	ALLOW(membarrier), ALLOW(pkey_mprotect), ALLOW(pkey_alloc),
	ALLOW(pkey_free), ALLOW(rseq), ALLOW(syslog), ALLOW(add_key), ALLOW(request_key),
	ALLOW(keyctl),
	ALLOW_NEW(close_range, 436), ALLOW_NEW(epoll_pwait2, 441), ALLOW_NEW(futex_waitv, 449),
	ALLOW_NEW(set_mempolicy_home_node, 450), ALLOW_NEW(cachestat, 451),
	ALLOW_NEW(futex_wake, 454), ALLOW_NEW(futex_wait, 455), ALLOW_NEW(futex_requeue, 456),
	ALLOW_NEW(mseal, 462), ALLOW_NEW(lsm_get_self_attr, 459), ALLOW_NEW(lsm_set_self_attr, 460),
	ALLOW_NEW(lsm_list_modules, 461),
	/* Made by the kernel's own code in a traced program's memory. */
	ALLOW(uretprobe), ALLOW(uprobe),
	ALLOW(sysfs), ALLOW(ustat),
};

const unsigned row_count = sizeof(rows) / sizeof(*rows);
