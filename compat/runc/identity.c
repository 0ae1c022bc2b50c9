/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the calls that take privileges away. */
#include "compat/runc/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tracer/base/io.h"
#include "tracer/base/text.h"

#ifndef PR_CAP_AMBIENT
#define PR_CAP_AMBIENT 47
#define PR_CAP_AMBIENT_RAISE 2
#define PR_CAP_AMBIENT_CLEAR_ALL 4
#endif

enum { PASSWD_MAX_BYTES = 10 << 20, CAPABILITIES = 64 };

/* ---- limits ---- */

void identity_raise_limits(const struct spec_process *p)
{
	for (size_t i = 0; i < p->rlimit_count; i++) {
		struct rlimit now;
		if (getrlimit(p->rlimits[i].resource, &now) < 0 || now.rlim_max >= p->rlimits[i].hard)
			continue;
		now.rlim_max = p->rlimits[i].hard;
		setrlimit(p->rlimits[i].resource, &now);
	}
}

static int set_limits(const struct spec_process *p, struct error *err)
{
	for (size_t i = 0; i < p->rlimit_count; i++) {
		const struct rlimit wanted = { p->rlimits[i].soft, p->rlimits[i].hard };
		if (setrlimit(p->rlimits[i].resource, &wanted) == 0)
			continue;
		struct rlimit now;
		/* What is more than the host's own limit is for real root to give: as much as there is, then. */
		if (errno != EPERM || getrlimit(p->rlimits[i].resource, &now) < 0)
			return error_set(err, errno, "cannot set the limit of resource %d", p->rlimits[i].resource);
		now.rlim_cur = wanted.rlim_cur < now.rlim_max ? wanted.rlim_cur : now.rlim_max;
		setrlimit(p->rlimits[i].resource, &now);
	}
	return 0;
}

/* ---- capabilities ---- */

static int drop_bounding(uint64_t kept, struct error *err)
{
	for (unsigned n = 0; n < CAPABILITIES; n++) {
		if ((kept >> n & 1) || prctl(PR_CAPBSET_READ, n, 0, 0, 0) != 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, n, 0, 0, 0) < 0)
			return error_set(err, errno, "cannot drop capability %u from the bounding set", n);
	}
	return 0;
}

/* Those that the kernel does not know, or that the bounding set lacks, are left out: runc, too, only warns. */
static int set_capabilities(const struct spec_capabilities *c, struct error *err)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct had[2], data[2];
	if (syscall(SYS_capget, &header, had) < 0)
		return error_set(err, errno, "cannot read the capabilities");
	for (unsigned i = 0; i < 2; i++) {
		uint32_t permitted = (uint32_t)(c->permitted >> 32 * i) & had[i].permitted;
		data[i] = (struct __user_cap_data_struct){
			.permitted = permitted,
			.effective = (uint32_t)(c->effective >> 32 * i) & permitted,
			.inheritable = (uint32_t)(c->inheritable >> 32 * i) & (had[i].permitted | had[i].inheritable),
		};
	}
	if (syscall(SYS_capset, &header, data) < 0)
		return error_set(err, errno, "cannot set the capabilities");
	/* Kernels before 4.3 have no ambient ones. */
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (unsigned n = 0; n < CAPABILITIES; n++) {
		uint32_t both = data[n / 32].permitted & data[n / 32].inheritable;
		if ((c->ambient >> n & 1) && (both >> n % 32 & 1))
			prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, n, 0, 0);
	}
	return 0;
}

/* ---- the user ---- */

/* So that it may open /dev/stdout, which is whatever its maker gave it; /dev/null is everybody's. */
static void own_standard_descriptors(uid_t uid)
{
	struct stat st, null;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fstat(fd, &st) < 0 || st.st_uid == uid ||
		    (stat("/dev/null", &null) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == null.st_rdev))
			continue;
		if (fchown(fd, uid, st.st_gid) < 0)
			continue;
	}
}

static int set_user(const struct spec_user *u, struct error *err)
{
	if (setgroups(u->additional_gid_count, u->additional_gids) < 0)
		return error_set(err, errno, "cannot set the additional groups");
	if (setresgid(u->gid, u->gid, u->gid) < 0)
		return error_set(err, errno, "cannot become group %u", u->gid);
	if (setresuid(u->uid, u->uid, u->uid) < 0)
		return error_set(err, errno, "cannot become user %u", u->uid);
	return 0;
}

int identity_take(const struct spec_process *p, struct error *err)
{
	own_standard_descriptors(p->user.uid);
	if (set_limits(p, err) < 0)
		return -1;
	if (p->has_capabilities && drop_bounding(p->capabilities.bounding, err) < 0)
		return -1;
	if (p->has_capabilities)
		prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
	if (set_user(&p->user, err) < 0)
		return -1;
	if (p->has_capabilities) {
		prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
		if (set_capabilities(&p->capabilities, err) < 0)
			return -1;
	}
	if (p->has_no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_set(err, errno, "cannot set no_new_privs");
	return 0;
}

char *identity_home(const void *ctx, uid_t uid)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *text, *lines = NULL;
	struct stat st;
	/* A fifo in its place is nothing to wait for. */
	if (stat("/etc/passwd", &st) < 0 || !S_ISREG(st.st_mode) ||
	    io_read_file(scratch, AT_FDCWD, "/etc/passwd", PASSWD_MAX_BYTES, &text, NULL, NULL) < 0)
		return mem_strdup(ctx, "/");
	for (char *line = strtok_r(text, "\n", &lines); line; line = strtok_r(NULL, "\n", &lines)) {
		/* name:password:uid:gid:comment:home:shell */
		char *field[7] = { line };
		size_t count = 1;
		for (char *colon = line; count < 7 && (colon = strchr(colon, ':'));) {
			*colon++ = '\0';
			field[count++] = colon;
		}
		uint64_t number;
		if (count >= 6 && text_to_number(field[2], UINT32_MAX, &number) && number == uid && *field[5])
			return mem_strdup(ctx, field[5]);
	}
	return mem_strdup(ctx, "/");
}
