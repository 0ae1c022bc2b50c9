/* SPDX-License-Identifier: Apache-2.0 */
/* Calls under a storm of signals: whatever answers them, they are whole or begin again, as the kernel's are. */
/* covers: mmap */
#include <link.h>
#include <pthread.h>
#include <setjmp.h>
#include <sys/auxv.h>
#include <sys/sysmacros.h>
#include <sys/time.h>

#include "guest.h"

static volatile sig_atomic_t handled, wrong;
static bool handlers_look;

static void on_alarm(int signal)
{
	(void)signal;
	int saved = errno;
	struct stat st;
	handled++;
	if (handlers_look && (stat("here", &st) < 0 || st.st_size != 4 || access("nowhere", F_OK) == 0 || errno != ENOENT))
		wrong++;
	errno = saved;
}

static void storm(long usec, int flags)
{
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = flags };
	struct itimerval every = { { 0, usec }, { 0, usec } };
	WORKS(sigaction(SIGALRM, &action, NULL));
	WORKS(setitimer(ITIMER_REAL, &every, NULL));
}

static void calm(void)
{
	struct itimerval never = { { 0, 0 }, { 0, 0 } };
	WORKS(setitimer(ITIMER_REAL, &never, NULL));
}

/* Every call below has one right answer; how many were not. */
static int look_around(int rounds)
{
	int faults = 0;
	for (int i = 0; i < rounds; i++) {
		struct stat st, by_fd;
		char cwd[PATH_MAX], target[PATH_MAX];
		faults += stat("here", &st) < 0 || st.st_size != 4 || st.st_uid != 0 || (st.st_mode & 07777) != 0640;
		int fd = open("here", O_RDONLY);
		faults += fd < 0 || fstat(fd, &by_fd) < 0 || by_fd.st_ino != st.st_ino;
		char text[8] = "";
		faults += read(fd, text, sizeof(text)) != 4 || memcmp(text, "text", 4) != 0;
		faults += close(fd) < 0;
		faults += open("nowhere", O_RDONLY) != -1 || errno != ENOENT;
		faults += access("here", R_OK) < 0;
		faults += !getcwd(cwd, sizeof(cwd));
		faults += readlink("link", target, sizeof(target)) != 4;
		faults += stat("link", &by_fd) < 0 || by_fd.st_ino != st.st_ino;
		faults += getuid() != 0 || getegid() != 0;
	}
	return faults;
}

static void make_files(void)
{
	int fd = WORKS(open("here", O_WRONLY | O_CREAT, 0640));
	WORKS(write(fd, "text", 4));
	WORKS(close(fd));
	WORKS(symlink("here", "link"));
}

/* A leaked descriptor shows as a higher next one. */
static int next_fd(void)
{
	int fd = WORKS(dup(0));
	close(fd);
	return fd;
}

TEST(a_storm_of_signals_changes_no_answer)
{
	make_files();
	look_around(10);
	int before = next_fd();
	storm(300, SA_RESTART);
	EQUAL(0, look_around(3000));
	calm();
	EQUAL(before, next_fd());
	EQUAL(1, handled > 0);
}

TEST(handlers_look_around_too)
{
	make_files();
	handlers_look = true;
	storm(400, SA_RESTART);
	EQUAL(0, look_around(3000));
	calm();
	EQUAL(0, wrong);
}

/* In memory of ours, tracer/shim/abi.h: with all frames taken for good each call would be the tracer's. */
static int frames_taken(const int end[2])
{
	enum { LOCKS = 0x70050040, FRAMES = 32 };
	uint32_t lock[FRAMES];
	int taken = 0;
	/* The kernel's own processes have nothing there. */
	if (write(end[1], (const void *)LOCKS, sizeof(lock)) != sizeof(lock))
		return 0;
	WORKS(read(end[0], lock, sizeof(lock)));
	for (int i = 0; i < FRAMES; i++)
		taken += lock[i] != 0;
	return taken;
}

TEST(a_storm_leaves_no_frame_taken)
{
	enum { STORM = 2000 };
	int end[2];
	WORKS(pipe(end));
	storm(200, SA_RESTART);
	while (handled < STORM)
		for (int i = 0; i < 100; i++)
			getuid();
	calm();
	EQUAL(0, frames_taken(end));
}

static volatile bool is_over;

static void *look_until_it_is_over(void *faults)
{
	while (!is_over)
		*(int *)faults += look_around(1);
	return NULL;
}

/* What other threads are in a child knows nothing of, and one in their memory leaves it to them. */
TEST(children_of_threads_have_no_frame_taken_and_free_none)
{
	enum { THREADS = 3, CHILDREN = 60 };
	pthread_t thread[THREADS];
	int end[2], faults[THREADS] = { 0 };
	make_files();
	WORKS(pipe(end));
	for (int i = 0; i < THREADS; i++)
		EQUAL(0, pthread_create(&thread[i], NULL, look_until_it_is_over, &faults[i]));
	for (volatile int i = 0; i < CHILDREN; i++) {
		int status = -1;
		pid_t child = WORKS(i % 2 ? fork() : vfork());
		if (child == 0)
			_exit(i % 2 ? frames_taken(end) : 0);
		WORKS(waitpid(child, &status, 0));
		EQUAL(0, status);
	}
	is_over = true;
	for (int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], NULL);
		EQUAL(0, faults[i]);
	}
	EQUAL(0, frames_taken(end));
}

static void *look_in_thread(void *faults)
{
	*(int *)faults = look_around(1500);
	return NULL;
}

TEST(threads_and_children_look_under_a_storm)
{
	enum { THREADS = 4 };
	pthread_t thread[THREADS];
	int faults[THREADS] = { 0 };
	make_files();
	storm(500, SA_RESTART);
	for (int i = 0; i < THREADS; i++)
		EQUAL(0, pthread_create(&thread[i], NULL, look_in_thread, &faults[i]));
	for (int i = 0; i < 20; i++) {
		pid_t child = WORKS(fork());
		if (child == 0)
			_exit(look_around(5) != 0);
		int status = -1;
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
		EQUAL(0, status);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], NULL);
		EQUAL(0, faults[i]);
	}
	calm();
}

TEST(a_blocking_open_is_interrupted)
{
	WORKS(mkfifo("fifo", 0600));
	storm(20000, 0);
	FAILS(EINTR, open("fifo", O_RDONLY));
	calm();
}

TEST(a_blocking_open_is_restarted)
{
	WORKS(mkfifo("fifo", 0600));
	pid_t child = WORKS(fork());
	if (child == 0) {
		usleep(200000);
		_exit(open("fifo", O_WRONLY) < 0);
	}
	storm(20000, SA_RESTART);
	int fd = WORKS(open("fifo", O_RDONLY));
	calm();
	EQUAL(1, handled > 2);
	WORKS(close(fd));
	waitpid(child, NULL, 0);
}

/* For tests/cli/run.bats: of three calls the first two are interrupted (tests/hindered.c), and a handler restarts nothing. */
ROLE(interrupted)
{
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	sigaction(SIGUSR1, &action, NULL);
	umask(0);
	for (unsigned i = 0; i < 3; i++) {
		errno = 0;
		int r = mkdir("made", 0723), error = errno;
		printf("%d %s, %d handled, %s\n", r, strerrorname_np(error), (int)handled, access("made", F_OK) == 0 ? "there" : "not there");
	}
	return 0;
}

/* The same: a directory is removed late, when another process has gone over it, and has put a symlink in its place. */
ROLE(removed_late)
{
	enum { HALF_USEC = 100000 };
	mkdir("d", 0755);
	pid_t child = fork();
	if (child == 0)
		_exit(rmdir("d") < 0);
	usleep(HALF_USEC);
	for (int i = 0; i < 3; i++)
		access("./d/passwd", F_OK);
	usleep(2 * HALF_USEC);
	int r = symlink("/etc", "d");
	/* The guest's /etc is empty, the host's is not. */
	printf("%d %d\n", r, access("./d/passwd", F_OK));
	waitpid(child, NULL, 0);
	return 0;
}

static sigjmp_buf away;

static void jump_away(int signal)
{
	(void)signal;
	siglongjmp(away, 1);
}

TEST(a_handler_may_jump_out_of_a_call)
{
	make_files();
	WORKS(mkfifo("fifo", 0600));
	struct sigaction action = { .sa_handler = jump_away };
	struct itimerval soon = { { 0, 0 }, { 0, 2000 } };
	WORKS(sigaction(SIGALRM, &action, NULL));
	/* More often than anything that a call holds can be had. */
	for (volatile int i = 0; i < 100; i++) {
		if (sigsetjmp(away, 1) == 0) {
			setitimer(ITIMER_REAL, &soon, NULL);
			open("fifo", O_RDONLY);
		}
	}
	EQUAL(0, look_around(10));
}

/* The call itself: a libc may look into the buffer. */
static long raw_stat(const char *path, struct stat *st)
{
#ifdef SYS_stat64
	return syscall(SYS_stat64, path, st);
#else
	return syscall(SYS_stat, path, st);
#endif
}

TEST(bad_pointers_are_refused)
{
	struct stat st;
	char *gone = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(gone, 8192);
	FAILS(EFAULT, raw_stat(gone, &st));
	FAILS(EFAULT, raw_stat("/", (struct stat *)gone));
	FAILS(EFAULT, raw_stat((const char *)-1, &st));
	FAILS(EFAULT, raw_stat((const char *)1, &st));
	FAILS(EFAULT, open(gone, O_RDONLY));
	/* A string that ends with its page. */
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	WORKS(mprotect(page + 4096, 4096, PROT_NONE));
	page[4095] = '/';
	FAILS(EFAULT, raw_stat(page + 4095, &st));
	page[4094] = '.';
	page[4095] = '\0';
	WORKS(raw_stat(page + 4094, &st));
	FAILS(EFAULT, raw_stat("/", (struct stat *)(page + 4096 - 8)));
}

TEST(code_is_mapped_and_runs)
{
	static const unsigned char returns_seven[] = { 0xb8, 7, 0, 0, 0, 0xc3 };
	int fd = WORKS(open("code", O_RDWR | O_CREAT, 0755));
	WORKS(write(fd, returns_seven, sizeof(returns_seven)));
	void *at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	EQUAL(0, at == MAP_FAILED);
	EQUAL(7, ((int (*)(void))at)());
	EQUAL(1, mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, -1, 0) == MAP_FAILED && errno == EBADF);
	at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EQUAL(0, at == MAP_FAILED);
}

/* As valgrind does, to translate it: it would not follow a jump to where nobody has mapped anything. */
TEST(a_program_without_libraries_maps_the_code_that_is_in_the_file)
{
	if (getauxval(AT_BASE))
		return;
	const ElfW(Phdr) *segment = (const ElfW(Phdr) *)getauxval(AT_PHDR);
	for (unsigned i = 0; i < getauxval(AT_PHNUM) && !(segment->p_type == PT_LOAD && segment->p_flags & PF_X); i++)
		segment++;
	int fd = WORKS(open("/proc/self/exe", O_RDONLY));
	void *code = mmap(NULL, segment->p_filesz, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, (off_t)segment->p_offset);
	EQUAL(0, code == MAP_FAILED);
	void *file = malloc(segment->p_filesz);
	EQUAL(segment->p_filesz, pread(fd, file, segment->p_filesz, (off_t)segment->p_offset));
	EQUAL(0, memcmp(file, code, segment->p_filesz));
	free(file);
}

/* Mapping code is not to be interrupted, in the shim; but SIGSTOP comes always. */
TEST(stopping_who_maps_code_leaves_signals_as_they_were)
{
	enum { STOPS = 200 };
	int fd = WORKS(open("code", O_RDWR | O_CREAT, 0755)), status;
	WORKS(ftruncate(fd, 4096));
	pid_t child = WORKS(fork());
	if (child == 0) {
		sigset_t blocked, none;
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		int first = next_fd();
		for (;;) {
			void *at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
			if (at == MAP_FAILED || munmap(at, 4096) < 0)
				_exit(1);
			if (sigprocmask(SIG_SETMASK, NULL, &blocked) < 0 || memcmp(&blocked, &none, 8) != 0)
				_exit(2);
			if (next_fd() != first)
				_exit(3);
		}
	}
	for (int i = 0; i < STOPS; i++) {
		usleep(i % 50 * 10);
		kill(child, SIGSTOP);
		EQUAL(child, waitpid(child, &status, WUNTRACED));
		EQUAL(SIGSTOP << 8 | 0x7f, status);
		if (!WIFSTOPPED(status))
			return;
		WORKS(kill(child, SIGCONT));
	}
	WORKS(kill(child, SIGTERM));
	EQUAL(child, waitpid(child, &status, 0));
	EQUAL(SIGTERM, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

/*
 * Natively nothing is there; fakebuild has its own there, without which all must go on.  Up to 0x70100000: behind it a
 * program of 32 bits may have its heap.
 */
TEST(any_memory_may_be_unmapped_and_mapped)
{
	enum { MAPS = 1, FILLS = 2 };
	static const struct {
		unsigned long at, size;
		int flags;
	} cases[] = {
		{ 0x70000000, 0x100000, 0 }, { 0x70010000, 4096, 0 }, { 0x70020000, 0x20000, 0 }, { 0x70050000, 4096, 0 },
		{ 0x6a000000, 0x4000000, 0 }, { 0x6e000000, 0x2000000, 0 }, { 0x69000000, 0x7100000, 0 },
		{ 0x70010000, 4096, MAPS }, { 0x70010000, 4096, MAPS | FILLS }, { 0x70000000, 0x100000, MAPS },
		{ 0x6f000000, 0x1100000, MAPS | FILLS },
	};
	make_files();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int status;
		pid_t child = WORKS(fork());
		if (child == 0) {
			void *at = (void *)cases[i].at;
			int failures = cases[i].flags & MAPS ?
				mmap(at, cases[i].size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != at :
				munmap(at, cases[i].size) < 0;
			if (cases[i].flags & FILLS)
				memset(at, 0xff, cases[i].size);
			failures += look_around(3) + (mkdir("d", 0755) < 0) + (chown("d", 5, 6) < 0) + (rmdir("d") < 0);
			_exit(failures);
		}
		EQUAL(child, waitpid(child, &status, 0));
		EQUAL(0, status);
		if (status)
			printf("# %#lx %#lx %d\n", cases[i].at, cases[i].size, cases[i].flags);
		rmdir("d");
	}
}

TEST(what_no_kernel_has_is_not_there)
{
	FAILS(ENOSYS, syscall(0x3fbd0001, 0, 0));
	FAILS(ENOSYS, syscall(0x3fbd0002, 0, 0));
	FAILS(ENOSYS, syscall(0x3fbd0003, 0, 0, 0, 0, 0, 0));
}

TEST(new_files_are_new_whatever_had_their_number)
{
	/* File systems give numbers again: none may show what was before. */
	for (int i = 0; i < 50; i++) {
		struct stat st;
		int fd = WORKS(open("f", O_WRONLY | O_CREAT | O_EXCL, 0644));
		WORKS(fstat(fd, &st));
		EQUAL(0, st.st_uid);
		EQUAL(S_IFREG | 0644, st.st_mode);
		WORKS(fchown(fd, 7, 8));
		WORKS(close(fd));
		WORKS(unlink("f"));
		WORKS(mkdir("d", 0755));
		WORKS(stat("d", &st));
		EQUAL(0, st.st_gid);
		EQUAL(S_IFDIR | 0755, st.st_mode);
		WORKS(chown("d", 7, 8));
		WORKS(rmdir("d"));
		WORKS(symlink("x", "l"));
		WORKS(lstat("l", &st));
		EQUAL(0, st.st_uid);
		WORKS(lchown("l", 7, 8));
		WORKS(unlink("l"));
	}
}

TEST(who_is_in_a_removed_directory_is_nowhere)
{
	int go[2], done[2];
	char c, cwd[PATH_MAX];
	WORKS(pipe(go));
	WORKS(pipe(done));
	WORKS(mkdir("place", 0755));
	pid_t child = WORKS(fork());
	if (child == 0) {
		WORKS(chdir("place"));
		WORKS(write(done[1], "x", 1));
		WORKS(read(go[0], &c, 1));
		/* Its name is another directory's now. */
		FAILS(ENOENT, getcwd(cwd, sizeof(cwd)) ? 0 : -1);
		FAILS(ENOENT, open("f", O_WRONLY | O_CREAT, 0644));
		FAILS(ENOENT, access("../place", F_OK) == 0 ? access("g", F_OK) : -1);
		_exit(0);
	}
	WORKS(read(done[0], &c, 1));
	WORKS(rmdir("place"));
	WORKS(mkdir("place", 0755));
	int fd = WORKS(open("place/g", O_WRONLY | O_CREAT, 0644));
	WORKS(close(fd));
	WORKS(write(go[1], "x", 1));
	waitpid(child, NULL, 0);
}

TEST(an_ignored_signal_after_a_redirected_call_harms_nothing)
{
	make_files();
	WORKS(mkdir("d", 0755));
	/* The way over ".." is the tracer's; what comes then is not, when the child's end is told. */
	for (int i = 0; i < 100; i++) {
		pid_t child = WORKS(fork());
		if (child == 0)
			_exit(0);
		int fd = WORKS(openat(AT_FDCWD, i % 2 ? "d/../here" : "d/./../here", O_RDWR));
		EQUAL(0, look_around(20));
		WORKS(close(fd));
		waitpid(child, NULL, 0);
	}
}
