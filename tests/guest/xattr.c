/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes: the four namespaces, whom they are for, ACLs, and every call. */
/* covers: getxattr lgetxattr fgetxattr setxattr lsetxattr fsetxattr listxattr llistxattr flistxattr */
/* covers: removexattr lremovexattr fremovexattr setxattrat getxattrat listxattrat removexattrat */
#include "guest.h"

#include <sys/xattr.h>

struct args {
	uint64_t value __attribute__((aligned(8)));
	uint32_t size, flags;
};

static const char *value_of(const char *file, const char *name)
{
	static char value[1024];
	ssize_t n = lgetxattr(file, name, value, sizeof(value) - 1);
	if (n < 0)
		return strerrorname_np(errno);
	value[n] = '\0';
	return value;
}

static bool is_listed(const char *file, const char *name)
{
	char names[4096];
	ssize_t n = llistxattr(file, names, sizeof(names));
	for (ssize_t i = 0; i < n; i += strlen(names + i) + 1)
		if (strcmp(names + i, name) == 0)
			return true;
	return false;
}

TEST(roots_attributes_of_every_namespace)
{
	static const char *const names[] = { "user.x", "trusted.x", "security.x" };
	put_file("f", 0644, "");
	WORKS(mkdir("d", 0755));
	for (unsigned i = 0; i < 6; i++) {
		const char *name = names[i / 2], *file = i % 2 ? "f" : "d";
		TEXT("ENODATA", value_of(file, name));
		WORKS(setxattr(file, name, "first", 5, 0));
		TEXT("first", value_of(file, name));
		WORKS(setxattr(file, name, "longer value", 12, XATTR_REPLACE));
		TEXT("longer value", value_of(file, name));
		FAILS(EEXIST, setxattr(file, name, "x", 1, XATTR_CREATE));
		EQUAL(1, is_listed(file, name));
		EQUAL(12, getxattr(file, name, NULL, 0));
		FAILS(ERANGE, getxattr(file, name, (char[4]){ 0 }, 4));
		WORKS(setxattr(file, name, "", 0, 0));
		EQUAL(0, getxattr(file, name, NULL, 0));
		WORKS(removexattr(file, name));
		FAILS(ENODATA, removexattr(file, name));
		FAILS(ENODATA, setxattr(file, name, "x", 1, XATTR_REPLACE));
		EQUAL(0, is_listed(file, name));
	}
}

TEST(by_descriptor_and_other_names)
{
	put_file("f", 0644, "");
	WORKS(link("f", "g"));
	WORKS(symlink("f", "l"));
	int fd = WORKS(open("f", O_RDONLY));
	char text[16] = "";
	WORKS(fsetxattr(fd, "trusted.a", "1", 1, 0));
	TEXT("1", value_of("g", "trusted.a"));
	WORKS(setxattr("l", "user.b", "2", 1, 0));
	TEXT("2", value_of("f", "user.b"));
	EQUAL(1, fgetxattr(fd, "user.b", text, sizeof(text)));
	WORKS(rename("g", "h"));
	TEXT("2", value_of("h", "user.b"));
	EQUAL(1, flistxattr(fd, NULL, 0) >= 17);
	FAILS(ERANGE, flistxattr(fd, text, 3));
	WORKS(fremovexattr(fd, "trusted.a"));
	TEXT("ENODATA", value_of("h", "trusted.a"));
	WORKS(unlink("f"));
	WORKS(unlink("h"));
	EQUAL(1, fgetxattr(fd, "user.b", text, sizeof(text)));
	int path = WORKS(open("l", O_PATH | O_NOFOLLOW));
	FAILS(EBADF, fgetxattr(path, "user.b", text, sizeof(text)));
	FAILS(EBADF, fsetxattr(77, "user.b", text, 1, 0));
	FAILS(EBADF, flistxattr(77, text, 1));
	FAILS(EBADF, fremovexattr(77, "user.b"));
}

TEST(symlinks_and_devices_have_no_user_attributes)
{
	WORKS(symlink("x", "l"));
	WORKS(mknod("p", S_IFIFO | 0666, 0));
	WORKS(mknod("c", S_IFCHR | 0666, 0x103));
	FAILS(EPERM, lsetxattr("l", "user.x", "1", 1, 0));
	FAILS(EPERM, setxattr("p", "user.x", "1", 1, 0));
	FAILS(EPERM, setxattr("c", "user.x", "1", 1, 0));
	FAILS(ENODATA, lgetxattr("l", "user.x", NULL, 0));
	FAILS(EPERM, lremovexattr("l", "user.x"));
	WORKS(lsetxattr("l", "trusted.x", "link", 4, 0));
	TEXT("link", value_of("l", "trusted.x"));
	EQUAL(1, is_listed("l", "trusted.x"));
	WORKS(lremovexattr("l", "trusted.x"));
	WORKS(setxattr("c", "trusted.x", "device", 6, 0));
	TEXT("device", value_of("c", "trusted.x"));
}

TEST(what_others_may)
{
	put_file("f", 0644, "");
	put_file("secret", 0600, "");
	put_file("own", 0600, "");
	WORKS(chown("own", 1000, 1000));
	WORKS(mkdir("sticky", 0777));
	WORKS(chmod("sticky", 01777));
	WORKS(setxattr("f", "user.x", "u", 1, 0));
	WORKS(setxattr("secret", "user.x", "u", 1, 0));
	WORKS(setxattr("f", "trusted.x", "t", 1, 0));
	WORKS(setxattr("f", "security.x", "s", 1, 0));
	AS (1000, 1000) {
		TEXT("u", value_of("f", "user.x"));
		TEXT("EACCES", value_of("secret", "user.x"));
		FAILS(EACCES, setxattr("f", "user.x", "1", 1, 0));
		FAILS(EACCES, removexattr("f", "user.x"));
		TEXT("ENODATA", value_of("f", "trusted.x"));
		FAILS(EPERM, setxattr("f", "trusted.x", "1", 1, 0));
		FAILS(EPERM, setxattr("own", "trusted.x", "1", 1, 0));
		FAILS(EPERM, removexattr("f", "trusted.x"));
		EQUAL(0, is_listed("f", "trusted.x"));
		EQUAL(1, is_listed("f", "security.x"));
		TEXT("s", value_of("f", "security.x"));
		FAILS(EPERM, setxattr("own", "security.x", "1", 1, 0));
		WORKS(setxattr("own", "user.x", "mine", 4, 0));
		TEXT("mine", value_of("own", "user.x"));
		FAILS(EPERM, setxattr("sticky", "user.x", "1", 1, 0));
	}
}

TEST(errors)
{
	char name[300] = "user.", *big = malloc(70000);
	memset(name + 5, 'n', sizeof(name) - 5);
	name[256] = '\0';
	memset(big, 'v', 70000);
	put_file("f", 0644, "");
	FAILS(ERANGE, setxattr("f", name, "1", 1, 0));
	FAILS(ERANGE, getxattr("f", name, NULL, 0));
	FAILS(ERANGE, setxattr("f", "", "1", 1, 0));
	FAILS(E2BIG, setxattr("f", "user.x", big, 65537, 0));
	FAILS(EOPNOTSUPP, setxattr("f", "other.x", "1", 1, 0));
	FAILS(EOPNOTSUPP, setxattr("f", "x", "1", 1, 0));
	FAILS(EOPNOTSUPP, getxattr("f", "other.x", NULL, 0));
	FAILS(EINVAL, setxattr("f", "user.", "1", 1, 0));
	FAILS(EINVAL, setxattr("f", "trusted.", "1", 1, 0));
	FAILS(EINVAL, setxattr("f", "user.x", "1", 1, 4));
	FAILS(ENOENT, setxattr("missing", "user.x", "1", 1, 0));
	FAILS(ENOENT, getxattr("missing", "user.x", NULL, 0));
	FAILS(ENOENT, listxattr("missing", NULL, 0));
	FAILS(ENOENT, removexattr("missing", "user.x"));
	FAILS(EFAULT, setxattr("f", bad, "1", 1, 0));
	FAILS(EFAULT, setxattr("f", "user.x", bad, 1, 0));
	FAILS(EFAULT, setxattr(bad, "user.x", "1", 1, 0));
	WORKS(setxattr("f", "user.x", "1", 1, 0));
	FAILS(EFAULT, getxattr("f", "user.x", bad, 10));
	FAILS(EFAULT, listxattr("f", bad, 100));
	EQUAL(1, is_listed("f", "user.x"));
	free(big);
}

TEST(file_capabilities)
{
	static const unsigned char v2[20] = { 1, 0, 0, 2, 0, 4 };
	unsigned char back[24];
	put_file("f", 0755, "x");
	FAILS(EINVAL, setxattr("f", "security.capability", "short", 5, 0));
	WORKS(setxattr("f", "security.capability", v2, sizeof(v2), 0));
	EQUAL(20, getxattr("f", "security.capability", back, sizeof(back)));
	EQUAL(0, memcmp(v2, back, 20));
	EQUAL(1, is_listed("f", "security.capability"));
	WORKS(chown("f", 1000, 1000));
	WORKS(setxattr("f", "security.capability", v2, sizeof(v2), 0));
	AS (1000, 1000) {
		FAILS(EPERM, setxattr("f", "security.capability", v2, sizeof(v2), 0));
		FAILS(EPERM, removexattr("f", "security.capability"));
	}
	/* Writing takes them away, even root's. */
	int fd = WORKS(open("f", O_WRONLY | O_TRUNC));
	EQUAL(1, write(fd, "y", 1));
	TEXT("ENODATA", value_of("f", "security.capability"));
	WORKS(setxattr("f", "security.capability", v2, sizeof(v2), 0));
	WORKS(removexattr("f", "security.capability"));
}

/* include/uapi/linux/posix_acl_xattr.h */
struct acl {
	uint32_t version;
	struct {
		uint16_t tag, perm;
		uint32_t id;
	} entry[5];
};
enum { USER_OBJ = 1, USER = 2, GROUP_OBJ = 4, GROUP = 8, MASK = 16, OTHER = 32 };

TEST(an_acl_grants_and_shows_in_the_mode)
{
	struct acl acl = { 2, { { USER_OBJ, 6, -1 }, { USER, 4, 1000 }, { GROUP_OBJ, 0, -1 }, { MASK, 4, -1 }, { OTHER, 0, -1 } } };
	struct acl back;
	put_file("f", 0600, "secret");
	if (setxattr("f", "system.posix_acl_access", &acl, sizeof(acl), 0) < 0 && errno == EOPNOTSUPP)
		SKIP("the file system has no ACLs");
	EQUAL(0640, mode_of("f"));
	EQUAL(sizeof(acl), getxattr("f", "system.posix_acl_access", &back, sizeof(back)));
	EQUAL(0, memcmp(&acl, &back, sizeof(acl)));
	EQUAL(1, is_listed("f", "system.posix_acl_access"));
	AS (1000, 1000) {
		TEXT("secret", file_text("f"));
		FAILS(EACCES, open("f", O_WRONLY));
		FAILS(EPERM, setxattr("f", "system.posix_acl_access", &acl, sizeof(acl), 0));
	}
	AS (1001, 1001)
		FAILS(EACCES, open("f", O_RDONLY));
	/* chmod changes the mask, which limits. */
	WORKS(chmod("f", 0600));
	AS (1000, 1000)
		FAILS(EACCES, open("f", O_RDONLY));
	EQUAL(sizeof(acl), getxattr("f", "system.posix_acl_access", &back, sizeof(back)));
	EQUAL(0, back.entry[3].perm);
	EQUAL(4, back.entry[1].perm);
	WORKS(removexattr("f", "system.posix_acl_access"));
	TEXT("ENODATA", value_of("f", "system.posix_acl_access"));
	EQUAL(0600, mode_of("f"));
}

/* cp sets such a list. */
TEST(an_acl_that_is_a_mode_leaves_set_id_and_sticky_bits)
{
	struct acl acl = { 2, { { USER_OBJ, 7, -1 }, { GROUP_OBJ, 5, -1 }, { OTHER, 1, -1 } } };
	const size_t size = sizeof(acl) - 2 * sizeof(acl.entry[0]);
	put_file("f", 0700, "text");
	WORKS(chmod("f", 06700));
	if (setxattr("f", "system.posix_acl_access", &acl, size, 0) < 0 && errno == EOPNOTSUPP)
		SKIP("the file system has no ACLs");
	EQUAL(06751, mode_of("f"));
	TEXT("ENODATA", value_of("f", "system.posix_acl_access"));
	int fd = open("g", O_RDWR | O_CREAT | O_EXCL, 06777);
	WORKS(fsetxattr(fd, "system.posix_acl_access", &acl, size, 0));
	EQUAL(06751, mode_of("g"));
	WORKS(mkdir("d", 0755));
	WORKS(chmod("d", 01777));
	WORKS(setxattr("d", "system.posix_acl_access", &acl, size, 0));
	EQUAL(01751, mode_of("d"));
}

TEST(wrong_acls_and_default_acls)
{
	struct acl acl = { 2, { { USER_OBJ, 7, -1 }, { USER, 4, 1000 }, { GROUP_OBJ, 5, -1 }, { MASK, 7, -1 }, { OTHER, 0, -1 } } };
	put_file("f", 0600, "");
	WORKS(mkdir("d", 0755));
	WORKS(symlink("f", "l"));
	if (setxattr("d", "system.posix_acl_default", &acl, sizeof(acl), 0) < 0 && errno == EOPNOTSUPP)
		SKIP("the file system has no ACLs");
	FAILS(EACCES, setxattr("f", "system.posix_acl_default", &acl, sizeof(acl), 0));
	FAILS(EOPNOTSUPP, lsetxattr("l", "system.posix_acl_access", &acl, sizeof(acl), 0));
	FAILS(EINVAL, setxattr("f", "system.posix_acl_access", &acl, 20, 0));
	FAILS(EINVAL, setxattr("f", "system.posix_acl_access", &acl, 3, 0));
	/* New files get the default as far as their mode allows, and no umask. */
	umask(077);
	close(WORKS(open("d/f", O_CREAT | O_WRONLY, 0666)));
	EQUAL(0660, mode_of("d/f"));
	AS (1000, 1000)
		close(WORKS(open("d/f", O_RDONLY)));
	WORKS(mkdir("d/d", 0777));
	EQUAL(0770, mode_of("d/d"));
	EQUAL(sizeof(acl), getxattr("d/d", "system.posix_acl_default", NULL, 0));
}

TEST(a_default_acl_of_another_process_is_inherited_at_once)
{
	struct acl acl = { 2, { { USER_OBJ, 7, -1 }, { USER, 4, 1000 }, { GROUP_OBJ, 5, -1 }, { MASK, 7, -1 }, { OTHER, 0, -1 } } };
	char name[64];
	for (int i = 0; i < 20; i++) {
		make_known_directory(i, name);
		int status = 0;
		pid_t child = fork();
		if (child == 0)
			_exit(setxattr(name, "system.posix_acl_default", &acl, sizeof(acl), 0) < 0 ? errno : 0);
		WORKS(waitpid(child, &status, 0));
		if (WEXITSTATUS(status) == EOPNOTSUPP)
			SKIP("the file system has no ACLs");
		EQUAL(0, status);
		snprintf(name, sizeof(name), "d%d/d/f", i);
		close(WORKS(open(name, O_CREAT | O_WRONLY, 0666)));
		EQUAL(0660, mode_of(name));
	}
}

TEST(the_newest_calls)
{
	struct args args = { (uintptr_t)"value", 5, 0 };
	char back[16] = "";
	put_file("f", 0644, "");
	WORKS(symlink("f", "l"));
	int here = WORKS(open(".", O_PATH)), fd = WORKS(open("f", O_RDONLY));
	long r = syscall(463, here, "l", 0, "user.x", &args, sizeof(args));
	if (r < 0 && errno == ENOSYS && guest_is_native())
		SKIP("no setxattrat");
	WORKS(r);
	TEXT("value", value_of("f", "user.x"));
	args.value = (uintptr_t)back;
	args.size = sizeof(back);
	EQUAL(5, syscall(464, fd, "", AT_EMPTY_PATH, "user.x", &args, sizeof(args)));
	TEXT("value", back);
	EQUAL(7, syscall(465, here, "f", 0, back, sizeof(back)));
	TEXT("user.x", back);
	FAILS(EINVAL, syscall(464, here, "f", 0x1, "user.x", &args, sizeof(args)));
	FAILS(EINVAL, syscall(464, here, "f", 0, "user.x", &args, 8));
	FAILS(ENODATA, syscall(464, here, "l", AT_SYMLINK_NOFOLLOW, "user.x", &args, sizeof(args)));
	WORKS(syscall(466, here, "f", 0, "user.x"));
	TEXT("ENODATA", value_of("f", "user.x"));
	FAILS(ENODATA, syscall(466, fd, "", AT_EMPTY_PATH, "user.x"));
	int path = WORKS(open("f", O_PATH));
	FAILS(EBADF, syscall(466, path, "", AT_EMPTY_PATH, "user.x"));
	FAILS(EBADF, syscall(465, 77, "f", 0, back, sizeof(back)));
}
