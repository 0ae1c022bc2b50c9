/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The differential tester: one static program that makes, from a seed, a sequence of calls on files and
 * identities, and tells of each its arguments, its result and what can be seen afterwards.  Run by real root
 * in a root of its own and by an unprivileged user under fakebuild, it must say the same (run.py).
 *
 * Everything is drawn from (seed, number of the step), never from a result, so that steps can be left out to
 * find those that matter, and the first line that differs is the first difference.
 */
#ifndef FAKEBUILD_TESTS_DIFFERENTIAL_H
#define FAKEBUILD_TESTS_DIFFERENTIAL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* Descriptors of an actor are at fixed numbers, so that they read the same everywhere. */
enum { FIRST_FD = 20, FD_COUNT = 6, PATH_ROOM_BYTES = 4400 };

/* Properties of the run, by arguments. */
struct settings {
	bool has_proc;      /* /proc is there */
	bool has_chroot;    /* chroot may be called: nothing but the test is above the root */
	bool is_plain;      /* all actors are root and stay it */
	bool has_times;     /* a change shows in ctime at once (multigrain timestamps, Linux 6.13) */
	uint64_t capabilities; /* that root has: in a container not all */
	const char *absent; /* calls that the kernel lacks, ",name,name," */
};
extern struct settings settings;

/* One kind of step; `weight` says how often it is drawn. */
struct step {
	const char *name;
	unsigned weight;
	void (*run)(void);
	bool is_new; /* may be in settings.absent */
};
extern const struct step file_steps[], name_steps[], xattr_steps[], identity_steps[];
extern const size_t file_step_count, name_step_count, xattr_step_count, identity_step_count;

/*
 * A system call, half of the times through a site of its own with the number in plain sight, as libc's functions
 * have them: there fakebuild's fast path answers.  The number is a constant.
 */
#ifdef __x86_64__
#define CALL(number, ...) (once_in(2) ? syscall(number, __VA_ARGS__) : CALL_SITE(number, __VA_ARGS__, 0, 0, 0, 0, 0))
#define CALL_SITE(number, a, b, c, d, e, ...)                                                                     \
	__extension__({                                                                                           \
		long result_, a_ = (long)(a), b_ = (long)(b), c_ = (long)(c);                                     \
		register long d_ __asm__("r10") = (long)(d), e_ __asm__("r8") = (long)(e);                        \
		__asm__ volatile("movl %1, %%eax\n\tsyscall"                                                      \
				 : "=&a"(result_)                                                                 \
				 : "i"(number), "D"(a_), "S"(b_), "d"(c_), "r"(d_), "r"(e_)                       \
				 : "rcx", "r11", "memory");                                                       \
		errno = result_ < 0 ? (int)-result_ : errno;                                                      \
		result_ < 0 ? -1 : result_;                                                                       \
	})
#else
#define CALL(number, ...) syscall(number, __VA_ARGS__)
#endif

/* ---- random.c: what to call with ---- */
void random_start(uint64_t seed, uint64_t number);
/* 0 to limit - 1 */
uint32_t below(uint32_t limit);
/* True once in n. */
bool once_in(uint32_t n);
/* A path, mostly one that may be there; valid until the next but three. */
const char *any_path(void);
/* The same, or now and then a copy of this program, for steps that leave its content alone. */
const char *any_path_or_program(void);
/* A directory descriptor, or AT_FDCWD. */
int any_dir_fd(void);
/* One of the actor's descriptors, rarely a closed one. */
int any_fd(void);
mode_t any_mode(void);
uint32_t any_id(void);
/* OR of a few of the flags, rarely of an unknown one. */
unsigned any_flags(const unsigned *flags, size_t count);

/* ---- show.c: what came of it ---- */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void say_path(const char *path);
void say_fd(int fd);
/* The call's result; errno is read. */
void say_result(int64_t result);
void say_stat(const struct stat *st);
/* What the actor sees at the path now, without following. */
void say_state(const char *path);
/* End the line and write it out. */
void say_end(void);
const char *error_name(int error);
/* A view of the times that a call may change; printed as what did change. */
struct times {
	bool is_there;
	struct timespec changed, modified;
};
void times_of(int dir_fd, const char *path, struct times *ret);
void say_times(int dir_fd, const char *path, const struct times *before);
/* All that is below a directory of the caller's root. */
void say_tree(const char *root);
/* Who the process is: ids, groups, capabilities; for exec the auxiliary vector's too. */
void say_identity(bool has_started);

#endif
