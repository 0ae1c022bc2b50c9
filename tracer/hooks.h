/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hooks that rows name, by file.  Each returns the call's result, CALL_PASS or CALL_PASS_EXIT; the
 * row's path arguments are in c->object[] already.  A check runs before they are looked up.
 */
#ifndef FAKEBUILD_HOOKS_H
#define FAKEBUILD_HOOKS_H

#include "tracer/call.h"

/* fast_told.c: what the shim says (shim/calls.h) */
int check_rename(const struct call *c);

/* stat.c: looking at files */
int64_t hook_stat(struct call *c);
int64_t hook_stat_old(struct call *c);
int64_t hook_stat64(struct call *c);
int check_statx(const struct call *c);
int64_t hook_statx(struct call *c);
int64_t hook_statfs(struct call *c);
int64_t hook_statfs64(struct call *c);
int check_access(const struct call *c);
int64_t hook_access(struct call *c);
int check_readlink(const struct call *c);
int64_t hook_readlink(struct call *c);
int64_t hook_getcwd(struct call *c);

/* listing.c */
int64_t hook_getdents(struct call *c);
int64_t hook_inotify_add_watch(struct call *c);

/* change.c: owner, mode, times, length */
int64_t hook_chmod(struct call *c);
int64_t hook_chown(struct call *c);
int check_truncate(const struct call *c);
int64_t hook_truncate(struct call *c);
int check_utimensat(const struct call *c);
int check_utimes(const struct call *c);
int64_t hook_utimensat(struct call *c);
int64_t hook_utime(struct call *c);
int64_t hook_utimes(struct call *c);
int64_t hook_umask(struct call *c);

/* fileflags.c */
int64_t hook_ioctl(struct call *c);
int check_file_getattr(const struct call *c);
int64_t hook_file_getattr(struct call *c);
int check_file_setattr(const struct call *c);
int64_t hook_file_setattr(struct call *c);

/* names.c: making, linking, removing names */
int64_t hook_mkdir(struct call *c);
int check_mknod(const struct call *c);
int64_t hook_mknod(struct call *c);
int check_symlink(const struct call *c);
int64_t hook_symlink(struct call *c);
int64_t hook_link(struct call *c);
/* May, as from Linux 6.10 on, any process give a name to what it has itself opened? */
bool names_link_by_opener(void);
int check_unlinkat(const struct call *c);
int64_t hook_unlink(struct call *c);
int64_t hook_rmdir(struct call *c);
int check_renameat2(const struct call *c);
int64_t hook_rename(struct call *c);
int64_t hook_chdir(struct call *c);
int64_t hook_fchdir(struct call *c);
int64_t hook_chroot(struct call *c);

/* open.c */
int64_t hook_open(struct call *c);
int64_t hook_openat2(struct call *c);

/* exec.c */
int64_t hook_execve(struct call *c);
int64_t hook_mmap(struct call *c);

/* ids.c */
int64_t hook_getuid(struct call *c);
int64_t hook_setuid(struct call *c);
int64_t hook_getresuid(struct call *c);
int64_t hook_getgroups(struct call *c);
int64_t hook_setgroups(struct call *c);
int64_t hook_capget(struct call *c);
int64_t hook_capset(struct call *c);
int64_t hook_prctl(struct call *c);

/* xattr.c */
int check_xattr_name(const struct call *c);
int64_t hook_getxattr(struct call *c);
int check_getxattrat(const struct call *c);
int check_setxattr(const struct call *c);
int64_t hook_setxattr(struct call *c);
int64_t hook_listxattr(struct call *c);
int64_t hook_removexattr(struct call *c);

/* sockets.c */
int64_t hook_socket(struct call *c);
int64_t hook_bind(struct call *c);
int64_t hook_connect(struct call *c);
int64_t hook_getsockname(struct call *c);
int64_t hook_getpeername(struct call *c);
int64_t hook_accept(struct call *c);
int64_t hook_recvfrom(struct call *c);
int64_t hook_sendto(struct call *c);
int64_t hook_getsockopt(struct call *c);
int64_t hook_setsockopt(struct call *c);
/* listen, socketpair: others may ask from now on who that was. */
int64_t hook_become_peer(struct call *c);

/* socketcall.c */
int64_t hook_socketcall(struct call *c);

/* messages.c */
int64_t hook_sendmsg(struct call *c);
int64_t hook_sendmmsg(struct call *c);
int64_t hook_recvmsg(struct call *c);
int64_t hook_recvmmsg(struct call *c);

/* mountcalls.c */
int64_t hook_mount(struct call *c);
int check_umount2(const struct call *c);
int64_t hook_umount(struct call *c);
int64_t hook_pivot_root(struct call *c);

/* treecalls.c, fscontext.c: mounts by descriptors */
int64_t hook_open_tree(struct call *c);
int64_t hook_move_mount(struct call *c);
int64_t hook_mount_setattr(struct call *c);

/* mountlist.c */
int64_t hook_statmount(struct call *c);
int64_t hook_listmount(struct call *c);
int64_t hook_fsopen(struct call *c);
int64_t hook_fspick(struct call *c);
int64_t hook_fsconfig(struct call *c);
int64_t hook_fsmount(struct call *c);
/* Of who has a context (fscontext.c). */
int64_t hook_read(struct call *c);

/* mountcalls.c: the host's name */
int64_t hook_sethostname(struct call *c);
int64_t hook_uname(struct call *c);

/* process.c */
int64_t hook_fork(struct call *c);
int64_t hook_clone(struct call *c);
int64_t hook_clone3(struct call *c);
int64_t hook_kill(struct call *c);
int64_t hook_tgkill(struct call *c);
int64_t hook_pidfd_open(struct call *c);
int64_t hook_process_vm(struct call *c);
int64_t hook_prlimit(struct call *c);
int64_t hook_setrlimit(struct call *c);
int64_t hook_pidfd_send_signal(struct call *c);
int64_t hook_pidfd_access(struct call *c);
int64_t hook_process_madvise(struct call *c);
int64_t hook_kcmp(struct call *c);
int64_t hook_getppid(struct call *c);

/* The pid behind a pidfd, as the kernel has it: -1 when it is none, or has ended. */
pid_t process_behind_pidfd(const struct tracee *t, int fd);
/* The guest's process behind a pidfd; NULL when it is none. */
const struct tracee *process_of_pidfd(const struct tracee *t, int fd);
/*
 * Who is to get the signals of a descriptor, as fcntl(2) has it: of the caller's own number, or of a group below 0, the host's in *ret;
 * 0 where none would come.  0, -ESRCH, -EINVAL.
 */
int process_to_own(struct call *c, int number, int *ret);

/* namespaces.c */
int64_t hook_unshare(struct call *c);
int64_t hook_setns(struct call *c);

/* guest_seccomp.c */
int64_t hook_seccomp(struct call *c);
/* Set in row_data when a guest's filter sent the call to its tracer; the rest is what it told. */
enum { GUEST_TRACE = 0x4000 };
/* Such a call: true when it is not to be served now, since the guest's tracer sees it, or there is none. */
bool guest_filter_stops(struct call *c);
enum { SECCOMP_STRICT_MODE = 1, SECCOMP_FILTER_MODE = 2 };
/* prctl(2)'s and seccomp(2)'s: `at` is the filter's struct sock_fprog, which argument number `argument` points to. */
int64_t guest_set_seccomp(struct call *c, unsigned mode, unsigned flags, taddr at, unsigned argument);

/* cgroupfiles.c: of who may have a file of a control group open */
int64_t hook_write(struct call *c);
int64_t hook_copy_range(struct call *c);

/* bpf.c */
int64_t hook_bpf(struct call *c);

/* ipc.c */
int64_t hook_ipc(struct call *c);
int64_t hook_shmat(struct call *c);

/* priority.c */
int64_t hook_setpriority(struct call *c);
int64_t hook_getpriority(struct call *c);
int64_t hook_nice(struct call *c);
int64_t hook_sched_set(struct call *c);
int64_t hook_sched_getaffinity(struct call *c);
int64_t hook_sched_get(struct call *c);
int64_t hook_sched_rr_get_interval(struct call *c);
int64_t hook_ioprio_get(struct call *c);
int64_t hook_ioprio_set(struct call *c);

/* inside.c: numbers of processes */
int64_t hook_getpid(struct call *c);
int64_t hook_getpgid(struct call *c);
int64_t hook_gives_number(struct call *c);
int64_t hook_takes_number(struct call *c);
int64_t hook_looks_at_process(struct call *c); /* a number first, of whom the caller may trace */
int64_t hook_clock(struct call *c);
int64_t hook_timer_create(struct call *c);
int64_t hook_fcntl(struct call *c);
int64_t hook_sigtimedwait(struct call *c);
int64_t hook_readv(struct call *c);
int64_t hook_signalfd(struct call *c);

/* guest_ptrace.c, guest_wait.c */
int64_t hook_ptrace(struct call *c);
int64_t hook_wait(struct call *c);

#endif
