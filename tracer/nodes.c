/* SPDX-License-Identifier: Apache-2.0 */
/* Owns which of the guest's device nodes a descriptor is open on. */
#include "tracer/nodes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tracer/base/compat.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/behind.h"
#include "tracer/fast.h"
#include "tracer/keeper.h"
#include "tracer/share.h"

enum { NODES_MAX = 64, COPIES = 8, COMPARE_FILES = 0 /* KCMP_FILE */ };

static struct node {
	dev_t rdev, dev;
	ino_t ino;
	int fd;            /* of the file that is the node on the host; so its inode is not used again */
	char *host;        /* where it was when it was opened last */
	struct kept *kept; /* once it is there no more */
	int copy[COPIES];  /* of descriptors of it, -1: none */
	unsigned next_copy;
	unsigned long opened; /* when it was opened last, by the count of openings */
} node[NODES_MAX];
static unsigned node_count, opening;
static unsigned long openings;
static bool cannot_copy; /* Linux before 5.6 */

static void forget(struct node *n)
{
	for (unsigned i = 0; i < COPIES; i++)
		if (n->copy[i] >= 0)
			close(n->copy[i]);
	close(n->fd);
	keeper_put(n->kept);
	talloc_free(n->host);
}

void nodes_close(void)
{
	while (node_count)
		forget(&node[--node_count]);
}

static struct node *add(const struct object *o, dev_t rdev)
{
	const char *host = path_short(o->host);
	/* By a descriptor of O_PATH nothing could be changed; it will do where there is no other. */
	int fd = open(host, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		fd = open(host, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	if (node_count == NODES_MAX) {
		forget(&node[0]);
		memmove(node, node + 1, --node_count * sizeof(*node));
	}
	struct node *n = &node[node_count++];
	*n = (struct node){ .rdev = rdev, .dev = o->real.st_dev, .ino = o->real.st_ino, .fd = fd };
	for (unsigned i = 0; i < COPIES; i++)
		n->copy[i] = -1;
	return n;
}

enum nodes_opening nodes_opening(const struct object *o, dev_t rdev, const char *device)
{
	unsigned i = 0, same = 0;
	struct stat st;
	while (i < node_count && (node[i].ino != o->real.st_ino || node[i].dev != o->real.st_dev))
		i++;
	/* Where the host's own is a symlink, O_NOFOLLOW would not lead to it. */
	if (lstat(device, &st) < 0 || !S_ISCHR(st.st_mode) || (i == node_count && !add(o, rdev)))
		return NODES_UNKNOWN;
	/* It may have taken the place of another. */
	if (i == NODES_MAX)
		i--;
	if (!o->is_fd && !(node[i].host && strcmp(node[i].host, o->host) == 0)) {
		talloc_free(node[i].host);
		node[i].host = mem_strdup(NULL, o->host);
	}
	fast_note_node();
	for (unsigned j = 0; j < node_count; j++)
		same += node[j].rdev == rdev;
	opening = i;
	node[i].opened = ++openings;
	return same > 1 ? NODES_COPIED : NODES_MARKED;
}

void nodes_opened(const struct tracee *t, int fd)
{
	struct node *n = &node[opening];
	int copy = behind_copy(t->process->pid, fd);
	cannot_copy |= copy < 0 && errno == ENOSYS;
	if (copy < 0 || opening >= node_count)
		return;
	if (n->copy[n->next_copy] >= 0)
		close(n->copy[n->next_copy]);
	n->copy[n->next_copy] = copy;
	n->next_copy = (n->next_copy + 1) % COPIES;
}

static bool is_copied(const struct node *n, pid_t pid, int fd)
{
	for (unsigned i = 0; i < COPIES && n->copy[i] >= 0; i++)
		if (syscall(SYS_kcmp, getpid(), pid, COMPARE_FILES, (unsigned long)n->copy[i], (unsigned long)fd) == 0)
			return true;
	return false;
}

static bool is_marked(pid_t pid, int fd)
{
	char name[64], text[256];
	snprintf(name, sizeof(name), "/proc/%d/fdinfo/%d", pid, fd);
	CLEANUP_CLOSE int info = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t n = info < 0 ? -1 : read(info, text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	const char *flags = strstr(text, "flags:");
	const unsigned long mark = O_NOFOLLOW;
	return flags && (strtoul(flags + 6, NULL, 8) & (mark | O_PATH)) == mark;
}

/* The node that the link to a descriptor, "/proc/PID/fd/N" or that of a task, leads to; NULL: none. */
static struct node *behind(const char *link, dev_t rdev)
{
	const char *slash = strrchr(link, '/'), *task = strstr(link, "/task/");
	struct node *found = NULL;
	unsigned count = 0;
	for (unsigned i = 0; i < node_count; i++)
		if (node[i].rdev == rdev) {
			/* Without copies the last one is the best guess; with them, one that was alone when it was opened. */
			found = found && !(cannot_copy && node[i].opened > found->opened) ? found : &node[i];
			count++;
		}
	if (!found || !slash || slash - link < 3 || strncmp(slash - 3, "/fd", 3) != 0 || strncmp(link, "/proc/", 6) != 0)
		return NULL;
	pid_t pid = (pid_t)strtol(task ? task + 6 : link + 6, NULL, 10);
	int fd = (int)strtol(slash + 1, NULL, 10);
	if (!is_marked(pid, fd))
		return NULL;
	/* Those that were opened while there was but one were not copied. */
	for (unsigned i = 0; i < node_count && count > 1; i++)
		if (node[i].rdev == rdev && is_copied(&node[i], pid, fd))
			return &node[i];
	return found;
}

/* Where the node is by now; NULL when nobody can say. */
static const char *place_of(struct node *n, bool *ret_is_link)
{
	struct stat st;
	*ret_is_link = false;
	if (n->host && path_lstat(n->host, &st) == 0 && st.st_dev == n->dev && st.st_ino == n->ino)
		return n->host;
	if (!n->kept)
		n->kept = keeper_keep(n->fd);
	*ret_is_link = true;
	return n->kept ? n->kept->path : NULL;
}

void nodes_settle(const struct tracee *t, struct object *o)
{
	char guest[PATH_ROOM];
	bool is_link;
	struct node *n = node_count && S_ISCHR(o->real.st_mode) ? behind(o->host, o->real.st_rdev) : NULL;
	const char *place = n ? place_of(n, &is_link) : NULL;
	if (!place || fstat(n->fd, &o->real) < 0)
		return;
	o->host_length = strlen(place);
	memcpy(o->host, place, o->host_length + 1);
	o->birth = 0;
	o->is_fd = is_link;
	o->is_node = true;
	if (!is_link && mounts_to_guest(t->mounts, place, guest, sizeof(guest)))
		o->mount = mounts_of(t->mounts, guest);
}

ssize_t nodes_readlink(const char *link, char *target, size_t room)
{
	struct stat st;
	bool is_link;
	if (!node_count || stat(link, &st) < 0 || !S_ISCHR(st.st_mode))
		return -1;
	struct node *n = behind(link, st.st_rdev);
	const char *place = n ? place_of(n, &is_link) : NULL;
	if (!place)
		return -1;
	return is_link ? readlink(place, target, room - 1) : snprintf(target, room, "%s", place);
}
