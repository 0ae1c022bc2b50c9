/* SPDX-License-Identifier: Apache-2.0 */
/* Executing: what may be, scripts, by descriptor, from threads, and what becomes of ids and capabilities. */
/* covers: execve execveat */
#include "guest.h"

#include <elf.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/auxv.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/xattr.h>

static unsigned long long status_set(const char *name)
{
	char *at = strstr(file_text("/proc/self/status"), name);
	return at ? strtoull(at + strlen(name), NULL, 16) : ~0ull;
}

/* Who it is: ids, auxv, capabilities. */
ROLE(who)
{
	uid_t r, e, s;
	gid_t rg, eg, sg;
	getresuid(&r, &e, &s);
	getresgid(&rg, &eg, &sg);
	printf("%u %u %u/%u %u %u", r, e, s, rg, eg, sg);
	if (getauxval(AT_UID) != r || getauxval(AT_EUID) != e || getauxval(AT_GID) != rg || getauxval(AT_EGID) != eg)
		printf(" auxv %lu %lu/%lu %lu", getauxval(AT_UID), getauxval(AT_EUID), getauxval(AT_GID),
		       getauxval(AT_EGID));
	printf(" secure %lu\n", getauxval(AT_SECURE));
	return 0;
}

ROLE(sets)
{
	printf("%llx %llx %llx", status_set("CapEff:"), status_set("CapPrm:"), status_set("CapInh:"));
	printf(" %llx secure %lu\n", status_set("CapAmb:"), getauxval(AT_SECURE));
	return 0;
}

ROLE(pid)
{
	printf("%d\n", getpid());
	return 0;
}

ROLE(arguments)
{
	for (int i = 0; i < argc; i++)
		printf("[%s]", argv[i]);
	printf("\n");
	return 0;
}

ROLE(name)
{
	char exe[PATH_MAX] = "", comm[32] = "";
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	exe[n < 0 ? 0 : n] = '\0';
	prctl(PR_GET_NAME, comm);
	printf("%s %s %s\n", strrchr(exe, '/'), comm, (char *)getauxval(AT_EXECFN));
	return 0;
}

ROLE(environment)
{
	for (char **e = environ; *e; e++)
		printf("%s;", *e);
	printf("%s\n", argv[0]);
	return 0;
}

ROLE(state)
{
	printf("keepcaps %d dumpable %d securebits %d nnp %d", prctl(PR_GET_KEEPCAPS), prctl(PR_GET_DUMPABLE),
	       prctl(PR_GET_SECUREBITS), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	printf(" fd5 %d fd6 %d\n", fcntl(5, F_GETFD) >= 0, fcntl(6, F_GETFD) >= 0);
	return 0;
}

#define OUTPUT(...) output_of((char **)(const char *const[]){ __VA_ARGS__, NULL })

static void write_script(const char *name, const char *format, ...)
{
	char text[4096];
	va_list list;
	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	put_file(name, 0755, text);
}

static const char *here(void)
{
	static char text[PATH_MAX];
	return getcwd(text, sizeof(text));
}

TEST(errors)
{
	char *const no[] = { (char *)"x", NULL };
	copy_self("p", 0644);
	FAILS(EACCES, execve("p", no, environ));
	FAILS(ENOENT, execve("missing", no, environ));
	FAILS(ENOENT, execve("", no, environ));
	FAILS(EACCES, execve(".", no, environ));
	FAILS(ENOTDIR, execve("p/x", no, environ));
	FAILS(EFAULT, execve(bad, no, environ));
	put_file("empty", 0755, "");
	FAILS(ENOEXEC, execve("empty", no, environ));
	put_file("text", 0755, "echo hello\n");
	FAILS(ENOEXEC, execve("text", no, environ));
	put_file("elf", 0755, "\177ELF but not really, though it is long enough for a header of either class");
	FAILS(ENOEXEC, execve("elf", no, environ));
	WORKS(mknod("fifo", S_IFIFO | 0755, 0));
	FAILS(EACCES, execve("fifo", no, environ));
	WORKS(symlink("loop", "loop"));
	FAILS(ELOOP, execve("loop", no, environ));
	WORKS(chmod("p", 0754));
	AS (1000, 1000)
		FAILS(EACCES, execve("p", no, environ));
	WORKS(chmod("p", 0100));
	TEXT("[./p][@arguments]\n", OUTPUT("./p", "@arguments"));
}

TEST(scripts)
{
	copy_self("p", 0755);
	write_script("s", "#!%s/p @arguments\nrest\n", here());
	char expected[3 * PATH_MAX];
	snprintf(expected, sizeof(expected), "[%s/p][@arguments][./s][a][b]\n", here());
	TEXT(expected, OUTPUT("./s", "a", "b"));
	write_script("blanks", "#! \t %s/p \t @arguments  \t \n", here());
	snprintf(expected, sizeof(expected), "[%s/p][@arguments][./blanks]\n", here());
	TEXT(expected, OUTPUT("./blanks"));
	/* All behind the first blank is one argument. */
	write_script("one", "#!./p @arguments and more\n");
	TEXT("[./p][@arguments and more][./one]\n", OUTPUT("./one"));
	write_script("nested", "#!./s inner\n");
	snprintf(expected, sizeof(expected), "[%s/p][@arguments][./s][inner][./nested][x]\n", here());
	TEXT(expected, OUTPUT("./nested", "x"));
	write_script("none", "#!\n");
	TEXT("execv: ENOEXEC", OUTPUT("./none"));
	write_script("missing", "#!/no/such/interpreter\n");
	TEXT("execv: ENOENT", OUTPUT("./missing"));
	write_script("self", "#!./self\n");
	TEXT("execv: ELOOP", OUTPUT("./self"));
	write_script("carriage", "#!./p @arguments\r\n");
	TEXT("[./p][@arguments\r][./carriage]\n", OUTPUT("./carriage"));
	write_script("return", "#!./p\r\n");
	TEXT("execv: ENOENT", OUTPUT("./return"));
	write_script("directory", "#!/\n");
	TEXT("execv: EACCES", OUTPUT("./directory"));
	write_script("no-newline", "#!./p @arguments");
	TEXT("[./p][@arguments][./no-newline]\n", OUTPUT("./no-newline"));
}

TEST(long_interpreter_lines)
{
	char line[400] = "#!./p @arguments ";
	copy_self("p", 0755);
	/* 256 bytes of the line are looked at. */
	memset(line + 17, ' ', 300);
	line[317] = '\0';
	put_file("blanks", 0755, line);
	TEXT("[./p][@arguments][./blanks]\n", OUTPUT("./blanks"));
	memset(line + 2, 'x', 300);
	put_file("name", 0755, line);
	TEXT("execv: ENOEXEC", OUTPUT("./name"));
}

TEST(names)
{
	copy_self("a-program-of-a-long-name", 0755);
	WORKS(symlink("a-program-of-a-long-name", "link"));
	TEXT("/a-program-of-a-long-name a-program-of-a- ./a-program-of-a-long-name\n",
	     OUTPUT("./a-program-of-a-long-name", "@name"));
	TEXT("/a-program-of-a-long-name link ./link\n", OUTPUT("./link", "@name"));
	write_script("script", "#!./link @name\n");
	TEXT("/a-program-of-a-long-name script ./script\n", OUTPUT("./script"));
	WORKS(mkdir("d", 0755));
	WORKS(link("a-program-of-a-long-name", "d/p"));
	TEXT("/p p d/../d/p\n", OUTPUT("d/../d/p", "@name"));
}

TEST(arguments_and_environment)
{
	copy_self("p", 0755);
	char *const args[] = { (char *)"any name", (char *)"@environment", NULL };
	char *const env[] = { (char *)"A=1", (char *)"B=", NULL };
	int ends[2];
	char text[128] = "";
	WORKS(pipe(ends));
	CHILD {
		dup2(ends[1], 1);
		execve("./p", args, env);
	}
	close(ends[1]);
	WORKS(read(ends[0], text, sizeof(text) - 1));
	TEXT("A=1;B=;any name\n", text);
	char *large = malloc(100001);
	memset(large, 'a', 100000);
	large[100000] = '\0';
	TEXT("3\n", OUTPUT("./p", "@count", large));
	free(large);
}

TEST(thousands_of_arguments)
{
	enum { COUNT = 20000 };
	copy_self("p", 0755);
	write_script("s", "#!./p @count\n");
	char **argv = calloc(COUNT + 1, sizeof(*argv));
	for (unsigned i = 0; i < COUNT; i++)
		argv[i] = (char *)"0123456789";
	argv[0] = (char *)"./s";
	char expected[32];
	snprintf(expected, sizeof(expected), "%d\n", COUNT + 2);
	TEXT(expected, output_of(argv));
	argv[0] = (char *)"./p";
	argv[1] = (char *)"@count";
	snprintf(expected, sizeof(expected), "%d\n", COUNT);
	TEXT(expected, output_of(argv));
	free(argv);
}

ROLE(count)
{
	printf("%d\n", argc);
	return 0;
}

static char *exec_at(int dir_fd, const char *name, int flags, const char *role)
{
	static char text[512];
	int ends[2];
	if (pipe(ends) < 0)
		return NULL;
	pid_t child = fork();
	if (child == 0) {
		dup2(ends[1], 1);
		char *const argv[] = { (char *)"argv0", (char *)role, NULL };
		syscall(SYS_execveat, dir_fd, name, argv, environ, flags);
		printf("%s", strerrorname_np(errno));
		fflush(stdout);
		_exit(0);
	}
	close(ends[1]);
	ssize_t used = 0;
	for (ssize_t n; (n = read(ends[0], text + used, sizeof(text) - 1 - used)) > 0;)
		used += n;
	text[used] = '\0';
	close(ends[0]);
	waitpid(child, NULL, 0);
	return text;
}

TEST(execveat_by_directory_and_by_descriptor)
{
	WORKS(mkdir("d", 0755));
	copy_self("d/p", 0755);
	WORKS(symlink("p", "d/l"));
	int directory = WORKS(open("d", O_PATH)), fd = WORKS(open("d/p", O_RDONLY)), path = WORKS(open("d/p", O_PATH));
	TEXT("[argv0][@arguments]\n", exec_at(directory, "p", 0, "@arguments"));
	TEXT("[argv0][@arguments]\n", exec_at(directory, "l", 0, "@arguments"));
	TEXT("ELOOP", exec_at(directory, "l", AT_SYMLINK_NOFOLLOW, "@arguments"));
	TEXT("[argv0][@arguments]\n", exec_at(fd, "", AT_EMPTY_PATH, "@arguments"));
	TEXT("[argv0][@arguments]\n", exec_at(path, "", AT_EMPTY_PATH, "@arguments"));
	TEXT("ENOENT", exec_at(fd, "", 0, "@arguments"));
	TEXT("EINVAL", exec_at(fd, "", AT_EMPTY_PATH | AT_REMOVEDIR, "@arguments"));
	TEXT("EBADF", exec_at(77, "p", 0, "@arguments"));
	TEXT("ENOTDIR", exec_at(fd, "p", 0, "@arguments"));
	TEXT("EACCES", exec_at(directory, "", AT_EMPTY_PATH, "@arguments"));
	char expected[64];
	snprintf(expected, sizeof(expected), "/dev/fd/%d\n", fd);
	TEXT(expected, strrchr(exec_at(fd, "", AT_EMPTY_PATH, "@name"), ' ') + 1);
	snprintf(expected, sizeof(expected), "/dev/fd/%d/p\n", directory);
	TEXT(expected, strrchr(exec_at(directory, "p", 0, "@name"), ' ') + 1);
	WORKS(unlink("d/p"));
	TEXT("[argv0][@arguments]\n", exec_at(fd, "", AT_EMPTY_PATH, "@arguments"));
	/* A script by a descriptor that will be closed cannot be read again. */
	write_script("s", "#!/proc/self/exe\n");
	fd = WORKS(open("s", O_RDONLY | O_CLOEXEC));
	TEXT("ENOENT", exec_at(fd, "", AT_EMPTY_PATH, "x"));
}

TEST(from_memory)
{
	char block[65536];
	int from = WORKS(open("/proc/self/exe", O_RDONLY)), to = WORKS(memfd_create("m", 0));
	for (ssize_t n; (n = read(from, block, sizeof(block))) > 0;)
		EQUAL(n, write(to, block, n));
	TEXT("[argv0][@arguments]\n", exec_at(to, "", AT_EMPTY_PATH, "@arguments"));
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", to);
	snprintf(block, sizeof(block), "[%s][@arguments]\n", path);
	TEXT(block, OUTPUT(path, "@arguments"));
}

/* Of the program that runs: its inode, seals and link, and what comes of executing it again. */
ROLE(itself)
{
	char link[PATH_MAX] = "", again[] = "@again", name[] = "again";
	struct stat st = { 0 };
	stat("/proc/self/exe", &st);
	int fd = open("/proc/self/exe", O_RDONLY);
	if (readlink("/proc/self/exe", link, sizeof(link) - 1) < 0)
		return 1;
	printf("%d %#x %d %s ", st.st_ino == strtoul(argv[2], NULL, 10), fcntl(fd, F_GET_SEALS), (int)st.st_nlink, link);
	fflush(stdout);
	/* Whatever has its name now is another. */
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", ".", "tmpfs", 0, NULL) < 0)
		return 1;
	char *const words[] = { name, again, NULL };
	execv("/proc/self/exe", words);
	printf("%s", strerrorname_np(errno));
	return 0;
}

ROLE(again)
{
	printf("again %d", access("/proc", F_OK));
	return 0;
}

/* Runtimes run a sealed copy of themselves in memory, and start the next of them by /proc/self/exe. */
TEST(exe_leads_to_a_program_without_a_name)
{
	char block[65536], number[32], text[512] = "";
	int ends[2], from = WORKS(open("/proc/self/exe", O_RDONLY));
	int to = WORKS(memfd_create("m", MFD_CLOEXEC | MFD_ALLOW_SEALING));
	for (ssize_t n; (n = read(from, block, sizeof(block))) > 0;)
		EQUAL(n, write(to, block, n));
	WORKS(fcntl(to, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE));
	struct stat st;
	WORKS(fstat(to, &st));
	snprintf(number, sizeof(number), "%lu", (unsigned long)st.st_ino);
	WORKS(pipe(ends));
	if (fork() == 0) {
		char *const words[] = { (char *)"argv0", (char *)"@itself", number, NULL };
		dup2(ends[1], 1);
		syscall(SYS_execveat, to, "", words, environ, AT_EMPTY_PATH);
		_exit(1);
	}
	close(ends[1]);
	close(to);
	for (ssize_t n, used = 0; (n = read(ends[0], text + used, sizeof(text) - 1 - used)) > 0;)
		used += n;
	TEXT("1 0xf 0 /memfd:m (deleted) again 0", text);
}

TEST(exe_leads_to_a_program_that_is_covered)
{
	copy_self("p", 0755);
	struct stat st;
	char number[32];
	WORKS(stat("p", &st));
	snprintf(number, sizeof(number), "%lu", (unsigned long)st.st_ino);
	char *text = OUTPUT("./p", "@itself", number);
	EQUAL(0, strncmp(text, "1 ", 2));
	TEXT(" again 0", strlen(text) > 8 ? text + strlen(text) - 8 : text);
}

/* A program that has nothing but an interpreter. */
static void write_program(const char *name, const char *interpreter)
{
	char image[1024] = "";
	Elf64_Ehdr head = { .e_ident = ELFMAG, .e_type = ET_DYN, .e_machine = EM_X86_64, .e_version = EV_CURRENT,
			    .e_phoff = sizeof(head), .e_ehsize = sizeof(head), .e_phentsize = sizeof(Elf64_Phdr),
			    .e_phnum = 2 };
	head.e_ident[EI_CLASS] = ELFCLASS64;
	head.e_ident[EI_DATA] = ELFDATA2LSB;
	head.e_ident[EI_VERSION] = EV_CURRENT;
	Elf64_Phdr part[2] = { { .p_type = PT_INTERP, .p_offset = 512, .p_filesz = strlen(interpreter) + 1, .p_align = 1 },
			       { .p_type = PT_LOAD, .p_filesz = sizeof(image), .p_memsz = sizeof(image), .p_flags = PF_R,
				 .p_align = 4096 } };
	memcpy(image, &head, sizeof(head));
	memcpy(image + sizeof(head), part, sizeof(part));
	memcpy(image + 512, interpreter, strlen(interpreter) + 1);
	int fd = WORKS(open(name, O_WRONLY | O_CREAT, 0755));
	EQUAL(sizeof(image), write(fd, image, sizeof(image)));
	close(fd);
}

TEST(interpreters)
{
	put_file("text", 0755, "no program at all, but longer than the header of one would be, so that it is read");
	put_file("forbidden", 0644, "");
	write_program("missing", "/no/such/interpreter");
	TEXT("execv: ENOENT", OUTPUT("./missing"));
	write_program("directory", "/proc");
	TEXT("execv: EACCES", OUTPUT("./directory"));
	write_program("unexecutable", "./forbidden");
	TEXT("execv: EACCES", OUTPUT("./unexecutable"));
	write_program("unlike", "./text");
	TEXT("execv: ELIBBAD", OUTPUT("./unlike"));
}

TEST(programs_of_the_other_width_and_back)
{
	char path[PATH_MAX], both[2 * PATH_MAX];
	ssize_t n = WORKS(readlink("/proc/self/exe", path, sizeof(path) - 8));
	path[n] = '\0';
	char *end = strstr(path, ".32");
	if (end)
		*end = '\0';
	else
		memcpy(path + n, ".32", 4);
	if (access(path, X_OK) < 0)
		SKIP("there is no program of the other width");
	snprintf(both, sizeof(both), "[%s][@arguments][x]\n", path);
	TEXT(both, OUTPUT(path, "@arguments", "x"));
	AS (1000, 2000)
		TEXT("1000 1000 1000/2000 2000 2000 secure 0\n", OUTPUT(path, "@who"));
	/* From there to here */
	copy_self("p", 0755);
	TEXT("[./p][@arguments]\n", OUTPUT(path, "@exec", "./p", "@arguments"));
}

ROLE(exec)
{
	execv(argv[2], argv + 2);
	return 1;
}

TEST(what_is_too_long)
{
	enum { LONGEST = 32 * 4096 }; /* MAX_ARG_STRLEN of include/uapi/linux/binfmts.h, with the end */
	copy_self("p", 0755);
	char *text = malloc(LONGEST + 1);
	memset(text, 'a', LONGEST);
	text[LONGEST - 1] = '\0';
	TEXT("3\n", OUTPUT("./p", "@count", text));
	text[LONGEST - 1] = 'a';
	text[LONGEST] = '\0';
	TEXT("execv: E2BIG", OUTPUT("./p", "@count", text));
	free(text);
	char name[PATH_MAX + 8];
	memset(name, '/', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	TEXT("execv: ENAMETOOLONG", OUTPUT(name));
	memset(name, 'x', 300);
	name[300] = '\0';
	TEXT("execv: ENAMETOOLONG", OUTPUT(name));
}

static void *exec_from_here(void *arg)
{
	char *const argv[] = { arg, (char *)"@pid", NULL };
	execve(arg, argv, environ);
	_exit(1);
}

TEST(from_a_thread)
{
	copy_self("p", 0755);
	CHILD {
		pthread_t thread;
		pid_t pid = getpid();
		int ends[2];
		WORKS(pipe(ends));
		if (fork() != 0) {
			close(ends[0]);
			dup2(ends[1], 1);
			pthread_create(&thread, NULL, exec_from_here, (char *)"./p");
			pause();
		}
		close(ends[1]);
		char text[64] = "";
		WORKS(read(ends[0], text, sizeof(text) - 1));
		EQUAL(pid, strtol(text, NULL, 10));
	}
}

TEST(set_id_programs)
{
	copy_self("p", 0755);
	WORKS(chown("p", 500, 600));
	WORKS(chmod("p", 06755));
	AS (1000, 1000)
		TEXT("1000 500 500/1000 600 600 secure 1\n", OUTPUT("./p", "@who"));
	TEXT("0 500 500/0 600 600 secure 1\n", OUTPUT("./p", "@who"));
	/* Without group execute the bit is no set-group-id. */
	WORKS(chmod("p", 02745));
	AS (500, 1000)
		TEXT("500 500 500/1000 1000 1000 secure 0\n", OUTPUT("./p", "@who"));
	WORKS(chown("p", 0, 0));
	WORKS(chmod("p", 04755));
	AS (1000, 1000) {
		TEXT("1000 0 0/1000 1000 1000 secure 1\n", OUTPUT("./p", "@who"));
		CHILD {
			WORKS(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
			TEXT("1000 1000 1000/1000 1000 1000 secure 0\n", OUTPUT("./p", "@who"));
		}
		int fd = WORKS(open("p", O_RDONLY));
		TEXT("1000 0 0/1000 1000 1000 secure 1\n", exec_at(fd, "", AT_EMPTY_PATH, "@who"));
	}
	/* Scripts have no set-id. */
	write_script("s", "#!./q @who\n");
	copy_self("q", 0755);
	WORKS(chmod("s", 06755));
	AS (1000, 1000)
		TEXT("1000 1000 1000/1000 1000 1000 secure 0\n", OUTPUT("./s"));
}

TEST(the_saved_ids_become_the_effective)
{
	copy_self("p", 0755);
	CHILD {
		WORKS(setresuid(1, 2, 3));
		TEXT("1 2 2/0 0 0 secure 1\n", OUTPUT("./p", "@who"));
	}
	AS (1000, 1000)
		TEXT("1000 1000 1000/1000 1000 1000 secure 0\n", OUTPUT("./p", "@who"));
}

static unsigned long long all_capabilities(void)
{
	return status_set("CapBnd:");
}

TEST(capabilities_of_root_and_users)
{
	char expected[128];
	unsigned long long all = all_capabilities();
	copy_self("p", 0755);
	snprintf(expected, sizeof(expected), "%llx %llx 0 0 secure 0\n", all, all);
	TEXT(expected, OUTPUT("./p", "@sets"));
	AS (1000, 1000)
		TEXT("0 0 0 0 secure 0\n", OUTPUT("./p", "@sets"));
	/* Root by real id alone is permitted all and effective nothing. */
	CHILD {
		WORKS(setresuid(0, 1000, 1000));
		snprintf(expected, sizeof(expected), "0 %llx 0 0 secure 1\n", all);
		TEXT(expected, OUTPUT("./p", "@sets"));
	}
	WORKS(chmod("p", 04755));
	AS (1000, 1000) {
		snprintf(expected, sizeof(expected), "%llx %llx 0 0 secure 1\n", all, all);
		TEXT(expected, OUTPUT("./p", "@sets"));
	}
	CHILD {
		WORKS(prctl(PR_CAPBSET_DROP, CAP_KILL));
		snprintf(expected, sizeof(expected), "%llx %llx 0 0 secure 0\n", all & ~(1ull << CAP_KILL),
			 all & ~(1ull << CAP_KILL));
		TEXT(expected, OUTPUT("./p", "@sets"));
	}
}

static void set_file_caps(const char *name, unsigned permitted, unsigned inheritable, bool is_effective)
{
	struct vfs_cap_data caps = { .magic_etc = VFS_CAP_REVISION_2 | (is_effective ? VFS_CAP_FLAGS_EFFECTIVE : 0) };
	caps.data[0].permitted = permitted;
	caps.data[0].inheritable = inheritable;
	WORKS(setxattr(name, "security.capability", &caps, sizeof(caps), 0));
}

TEST(file_capabilities)
{
	copy_self("p", 0755);
	set_file_caps("p", 1u << CAP_NET_RAW | 1u << CAP_CHOWN, 0, true);
	AS (1000, 1000) {
		TEXT("2001 2001 0 0 secure 1\n", OUTPUT("./p", "@sets"));
		CHILD {
			WORKS(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
			TEXT("0 0 0 0 secure 1\n", OUTPUT("./p", "@sets"));
		}
	}
	CHILD {
		/* What is not effective must be in the bounding set to be permitted. */
		set_file_caps("p", 1u << CAP_NET_RAW | 1u << CAP_CHOWN, 0, false);
		WORKS(prctl(PR_CAPBSET_DROP, CAP_CHOWN));
		AS (1000, 1000)
			TEXT("0 2000 0 0 secure 1\n", OUTPUT("./p", "@sets"));
		/* and effective ones that cannot be had are an error */
		set_file_caps("p", 1u << CAP_NET_RAW | 1u << CAP_CHOWN, 0, true);
		AS (1000, 1000)
			TEXT("execv: EPERM", OUTPUT("./p", "@sets"));
	}
	/* A version 3 attribute of our own namespace's root */
	struct vfs_ns_cap_data caps = { .magic_etc = VFS_CAP_REVISION_3 | VFS_CAP_FLAGS_EFFECTIVE };
	caps.data[0].permitted = 1u << CAP_CHOWN;
	WORKS(setxattr("p", "security.capability", &caps, sizeof(caps), 0));
	AS (1000, 1000)
		TEXT("1 1 0 0 secure 1\n", OUTPUT("./p", "@sets"));
}

TEST(inheritable_and_ambient_capabilities)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	copy_self("p", 0755);
	copy_self("inherits", 0755);
	set_file_caps("inherits", 0, 1u << CAP_CHOWN | 1u << CAP_KILL, true);
	AS (0, 0) {
		struct __user_cap_data_struct d[2];
		WORKS(prctl(PR_SET_KEEPCAPS, 1));
		WORKS(syscall(SYS_capget, &header, d));
		WORKS(setresuid(1000, 1000, 1000));
		d[0].permitted = d[0].inheritable = d[0].effective = 1u << CAP_CHOWN;
		d[1].permitted = d[1].inheritable = d[1].effective = 0;
		WORKS(syscall(SYS_capset, &header, d));
		TEXT("0 0 1 0 secure 0\n", OUTPUT("./p", "@sets"));
		TEXT("1 1 1 0 secure 1\n", OUTPUT("./inherits", "@sets"));
		WORKS(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0));
		TEXT("1 1 1 1 secure 0\n", OUTPUT("./p", "@sets"));
		/* A file with capabilities clears the ambient ones. */
		TEXT("1 1 1 0 secure 1\n", OUTPUT("./inherits", "@sets"));
	}
}

TEST(what_exec_resets)
{
	copy_self("p", 0755);
	int null = WORKS(open("/dev/null", O_RDONLY));
	CHILD {
		WORKS(prctl(PR_SET_KEEPCAPS, 1));
		WORKS(prctl(PR_SET_DUMPABLE, 0));
		WORKS(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
		dup2(null, 5);
		dup2(null, 6);
		fcntl(6, F_SETFD, FD_CLOEXEC);
		TEXT("keepcaps 0 dumpable 1 securebits 0 nnp 1 fd5 1 fd6 0\n", OUTPUT("./p", "@state"));
	}
}

TEST(the_file_that_runs_is_busy)
{
	copy_self("p", 0755);
	int ends[2];
	char byte;
	WORKS(pipe(ends));
	pid_t child = fork();
	if (child == 0) {
		dup2(ends[1], 1);
		execl("./p", "p", "@sleep", NULL);
		_exit(1);
	}
	close(ends[1]);
	WORKS(read(ends[0], &byte, 1));
	FAILS(ETXTBSY, open("p", O_WRONLY));
	FAILS(ETXTBSY, truncate("p", 0));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(WORKS(open("p", O_WRONLY)));
	int writer = WORKS(open("p", O_WRONLY));
	TEXT("execv: ETXTBSY", OUTPUT("./p", "@who"));
	close(writer);
}

ROLE(sleep)
{
	if (write(1, "x", 1) != 1)
		return 1;
	sleep(20);
	return 0;
}
