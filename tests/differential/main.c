/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns a run: the root to be in, the actors (processes with other credentials, directories and descriptors,
 * which take turns), and the tree at the end.  What is drawn is in random.c, the steps in the other files.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/differential/differential.h"

struct settings settings = { .has_proc = true, .has_chroot = true, .absent = "",
			     .capabilities = (UINT64_C(1) << 41) - 1 };

enum { ACTORS = 6, STEP_SECONDS = 60 };

struct actor {
	pid_t pid;
	int to, from; /* pipes: the number of the step; a byte when it is done */
};

static void die(const char *what)
{
	fprintf(stderr, "differential: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* ---- credentials to begin with ---- */

static void set_capabilities(uint64_t permitted, uint64_t inheritable)
{
	struct { uint32_t version; int pid; } header = { 0x20080522, 0 };
	uint32_t words[6] = { permitted, permitted, inheritable, permitted >> 32, permitted >> 32, inheritable >> 32 };
	if (syscall(SYS_capset, &header, words) < 0)
		die("capset");
}

/* Fakebuild's root has what the oracle's has. */
static void limit_capabilities(void)
{
	for (int i = 0; i < 41; i++)
		if (!(settings.capabilities >> i & 1) && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0)
			die("dropping a capability");
	set_capabilities(settings.capabilities, 0);
	if (syscall(SYS_setgroups, 0, NULL) < 0)
		die("setgroups");
}

static void become(unsigned kind)
{
	uint32_t groups[] = { 1000, 2000 };
	/* Some of CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID, and of the others. */
	uint64_t some = (below(32) | (once_in(2) ? ~UINT64_C(31) : 0)) & settings.capabilities;
	int r = 0;
	switch (kind) {
	case 0:
		return;
	case 1:
		r |= syscall(SYS_setgroups, 2, groups) | syscall(SYS_setresgid, 1000, 1000, 1000) |
		     syscall(SYS_setresuid, 1000, 1000, 1000);
		break;
	case 2:
		r |= syscall(SYS_setgroups, 1, groups + 1) | syscall(SYS_setresgid, 1001, 1001, 1001) |
		     syscall(SYS_setresuid, 1001, 1001, 1001);
		break;
	case 3: /* may come back */
		r |= syscall(SYS_setgroups, 0, NULL) | syscall(SYS_setresgid, 1002, 1002, 0) |
		     syscall(SYS_setresuid, 1002, 1002, 0);
		break;
	case 4:
		set_capabilities(some, some);
		break;
	case 5:
		r |= prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) | syscall(SYS_setgroups, 1, groups) |
		     syscall(SYS_setresgid, 1000, 1000, 1000) | syscall(SYS_setresuid, 1000, 1000, 1000);
		set_capabilities(some, once_in(2) ? some : 0);
		break;
	}
	if (r)
		die("becoming an actor");
}

/* ---- steps ---- */

static const struct {
	const struct step *steps;
	const size_t *count;
	unsigned weight;
} kinds[] = {
	{ file_steps, &file_step_count, 9 },
	{ name_steps, &name_step_count, 10 },
	{ xattr_steps, &xattr_step_count, 3 },
	{ identity_steps, &identity_step_count, 3 },
};

static void take_step(void)
{
	unsigned sum = 0, at;
	/* Identities come last. */
	for (size_t i = 0; i < (settings.is_plain ? 3 : 4); i++)
		sum += kinds[i].weight;
	size_t kind = 0;
	for (at = below(sum); at >= kinds[kind].weight; at -= kinds[kind++].weight)
		;
	const struct step *steps = kinds[kind].steps;
	sum = 0;
	for (size_t i = 0; i < *kinds[kind].count; i++)
		sum += steps[i].weight;
	for (at = below(sum); at >= steps->weight; at -= steps++->weight)
		;
	char name[64];
	snprintf(name, sizeof(name), ",%s,", steps->name);
	if (steps->is_new && strstr(settings.absent, name))
		return;
	steps->run();
}

static void actor_main(unsigned kind, uint64_t seed, int orders, int done)
{
	uint64_t number;
	if (!settings.is_plain)
		become(kind);
	/* Whom /w has been closed to stays at the top. */
	if (chdir("/w") < 0 && chdir("/") < 0)
		_exit(97);
	/* The others wait until it is where it begins. */
	if (write(done, "", 1) != 1)
		_exit(96);
	while (read(orders, &number, sizeof(number)) == sizeof(number)) {
		alarm(STEP_SECONDS);
		random_start(seed, number);
		below(1); /* the actor was drawn first */
		say("%llu %u ", (unsigned long long)number, kind);
		take_step();
		say_end();
		if (write(done, "", 1) != 1)
			break;
	}
	_exit(0);
}

static void start_actor(struct actor *actors, unsigned kind, uint64_t seed)
{
	struct actor *a = &actors[kind];
	int orders[2], done[2];
	if (pipe2(orders, O_CLOEXEC) < 0 || pipe2(done, O_CLOEXEC) < 0)
		die("pipe");
	a->pid = fork();
	if (a->pid == 0) {
		for (int fd = 3; fd < FIRST_FD + FD_COUNT + 8 + 2 * ACTORS; fd++)
			if (fd != orders[0] && fd != done[1])
				close(fd);
		/* Away from the numbers that steps use. */
		actor_main(kind, seed, fcntl(orders[0], F_DUPFD_CLOEXEC, 60), fcntl(done[1], F_DUPFD_CLOEXEC, 60));
	}
	close(orders[0]);
	close(done[1]);
	a->to = orders[1];
	a->from = done[0];
	char is_ready;
	if (read(a->from, &is_ready, 1) != 1)
		return; /* it has ended: its next step will tell */
}

static void stop_actor(struct actor *a)
{
	close(a->to);
	close(a->from);
	waitpid(a->pid, NULL, 0);
}

/* ---- the world ---- */

/* A root of our own: even who leaves a chroot finds nothing else above. */
static void enter_root(const char *dir)
{
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount(dir, dir, NULL, MS_BIND, NULL) < 0 || chdir(dir) < 0)
		die("making a mount namespace");
	mkdir("proc", 0755);
	if (mount("proc", "proc", "proc", 0, NULL) < 0)
		die("mounting /proc");
	if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		die("pivot_root");
}

static void copy_program(const char *from, const char *to)
{
	char buffer[65536];
	ssize_t n;
	int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	while ((n = read(in, buffer, sizeof(buffer))) > 0)
		if (write(out, buffer, n) != n)
			die("copying");
	if (n < 0)
		die("copying");
	close(in);
	close(out);
}

static void make_world(const char *program)
{
	umask(022);
	if (mkdir("/w", 0755) < 0)
		die("mkdir /w");
	copy_program(program, "/w/x");
	copy_program(program, "/w/y");
	mkdir("/w/a", 0777);
	chmod("/w/a", 01777);
	mkdir("/w/b", 0755);
	chmod("/w", 0777);
	if (chown("/w/b", 1000, 2000) < 0)
		die("chown");
	chmod("/w/b", 02775);
}

/* What the kernel can: for the driver, which asks it of the oracle. */
static void probe(void)
{
	struct stat a, b;
	bool is_fine = true;
	int fd = open("probe", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	for (int i = 0; i < 10; i++) {
		fstat(fd, &a);
		fchmod(fd, 0600 + i % 2);
		fstat(fd, &b);
		is_fine &= a.st_ctim.tv_nsec != b.st_ctim.tv_nsec;
	}
	unlink("probe");
	struct { uint32_t version; int pid; } header = { 0x20080522, 0 };
	uint32_t words[6] = { 0 };
	syscall(SYS_capget, &header, words);
	printf("--times %d --capabilities %llu --absent ,", is_fine, (unsigned long long)words[4] << 32 | words[1]);
	static const struct {
		const char *name;
		long number;
	} calls[] = { { "openat2", 437 }, { "faccessat2", 439 }, { "fchmodat2", 452 } };
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (syscall(calls[i].number, -1, NULL, NULL, 0) < 0 && errno == ENOSYS)
			printf("%s,", calls[i].name);
	printf("\n");
}

/* Steps from a file, one number a line; the driver leaves out what does not matter. */
static bool is_wanted(const char *only, uint64_t number)
{
	static char *wanted;
	if (!only)
		return true;
	if (!wanted) {
		FILE *file = fopen(only, "re");
		unsigned long long n;
		wanted = calloc(1, 1 << 20);
		while (file && fscanf(file, "%llu", &n) == 1)
			wanted[n & ((1 << 20) - 1)] = 1;
		if (file)
			fclose(file);
	}
	return wanted[number & ((1 << 20) - 1)];
}

static void run(uint64_t seed, uint64_t steps, const char *only)
{
	static struct actor actors[ACTORS];
	for (unsigned i = 0; i < ACTORS; i++) {
		random_start(seed, UINT64_C(1) << 40 | i);
		start_actor(actors, i, seed);
	}
	for (uint64_t number = 0; number < steps; number++) {
		random_start(seed, number ^ UINT64_C(1) << 41);
		unsigned kind = below(ACTORS);
		struct actor *a = &actors[kind];
		char done;
		/* Those that have locked themselves in or out begin anew. */
		if (once_in(60)) {
			stop_actor(a);
			start_actor(actors, kind, seed);
		}
		if (!is_wanted(only, number))
			continue;
		if (write(a->to, &number, sizeof(number)) == sizeof(number) && read(a->from, &done, 1) == 1)
			continue;
		int status = 0;
		waitpid(a->pid, &status, 0);
		printf("%llu %u ended with status %#x\n", (unsigned long long)number, kind, status);
		fflush(stdout);
		close(a->to);
		close(a->from);
		start_actor(actors, kind, seed);
	}
	for (unsigned i = 0; i < ACTORS; i++)
		stop_actor(&actors[i]);
	static const char *const top[] = { "/a", "/b", "/c", "/d", "/e", "/f", "/w" };
	for (size_t i = 0; i < sizeof(top) / sizeof(*top); i++)
		say_tree(top[i]);
}

int main(int argc, char **argv)
{
	uint64_t seed = 1, steps = 1000;
	const char *only = NULL, *program = "/calls";
	for (int i = 1; i < argc; i++) {
		const char *option = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
		if (strcmp(option, "--who") == 0) {
			say("    who");
			say_identity(true);
			say_end();
			return 0;
		}
		if (strcmp(option, "--probe") == 0) {
			probe();
			return 0;
		}
		if (strcmp(option, "--no-proc") == 0)
			settings.has_proc = false;
		else if (strcmp(option, "--no-chroot") == 0)
			settings.has_chroot = false;
		else if (strcmp(option, "--plain") == 0)
			settings.is_plain = true;
		else if (strcmp(option, "--root") == 0)
			enter_root(argv[++i]);
		else if (strcmp(option, "--chroot") == 0) {
			if (chroot(argv[++i]) < 0 || chdir("/") < 0)
				die("chroot");
		} else if (strcmp(option, "--times") == 0) {
			settings.has_times = strcmp(value, "1") == 0;
			i++;
		} else if (strcmp(option, "--absent") == 0) {
			settings.absent = value;
			i++;
		} else if (strcmp(option, "--capabilities") == 0) {
			settings.capabilities = strtoull(value, NULL, 10);
			i++;
		} else if (strcmp(option, "--only") == 0) {
			only = value;
			i++;
		} else if (strcmp(option, "--seed") == 0) {
			seed = strtoull(value, NULL, 10);
			i++;
		} else if (strcmp(option, "--steps") == 0) {
			steps = strtoull(value, NULL, 10);
			i++;
		} else {
			fprintf(stderr, "differential: what is '%s'?\n", option);
			return 2;
		}
	}
	signal(SIGPIPE, SIG_IGN);
	limit_capabilities();
	make_world(program);
	run(seed, steps, only);
	return 0;
}
