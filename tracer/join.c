/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns sessions: processes from outside that become guests of a run, and what may be asked of it.  The loop of
 * stops sleeps in waitpid, which knows no sockets: a signal tells of a connection, and its handler makes a child
 * that ends at once, so that the wait returns even when the signal came just before it.
 */
#include "tracer/join.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/arena.h"
#include "tracer/base/compat.h"
#include "tracer/base/io.h"
#include "tracer/base/mem.h"
#include "tracer/cgroups.h"
#include "tracer/filter.h"
#include "tracer/guest_ptrace.h"
#include "tracer/mounts.h"
#include "tracer/namespaces.h"
#include "tracer/path.h"
#include "tracer/pids.h"
#include "tracer/stats.h"
#include "tracer/tracee.h"

#ifndef PR_SET_PTRACER
#define PR_SET_PTRACER 0x59616d61
#endif

enum { PATIENCE_SECONDS = 2 }; /* for a peer that connects and says nothing */

struct held {
	pid_t pid;
	int status;
};

static struct {
	int listener;
	volatile sig_atomic_t has_rung;
	struct sigaction old;
	struct held *held;
	size_t count;
} join = { .listener = -1 };

/* ---- the bell ---- */

static void ring(int signal)
{
	(void)signal;
	int kept = errno;
	join.has_rung = 1;
	if (vfork() == 0)
		_exit(0);
	errno = kept;
}

int join_open(int listener, struct error *err)
{
	struct sigaction bell = { .sa_handler = ring };
	join.listener = listener;
	join.has_rung = 1; /* who connected before */
	sigaction(SIGIO, &bell, &join.old);
	if (fcntl(listener, F_SETOWN, getpid()) < 0 || fcntl(listener, F_SETFL, O_NONBLOCK | O_ASYNC) < 0) {
		join_close();
		return error_set(err, errno, "cannot be told of who joins");
	}
	return 0;
}

void join_close(void)
{
	TALLOC_FREE(join.held);
	join.count = 0;
	if (join.listener < 0)
		return;
	fcntl(join.listener, F_SETFL, O_NONBLOCK);
	sigaction(SIGIO, &join.old, NULL);
	memset(&join, 0, sizeof(join));
	join.listener = -1;
}

/* ---- stops that wait ---- */

bool join_is_paused(pid_t tid)
{
	const struct tracee *t = tracee_find(tid);
	return t && t->is_known && t->process->is_paused;
}

void join_hold(pid_t pid, int status)
{
	join.held = mem_grow(NULL, join.held, struct held, join.count + 1);
	join.held[join.count++] = (struct held){ pid, status };
}

static void take(size_t i)
{
	memmove(join.held + i, join.held + i + 1, (--join.count - i) * sizeof(*join.held));
}

bool join_take_held(pid_t *ret_pid, int *ret_status)
{
	for (size_t i = 0; i < join.count; i++) {
		if ((join_is_paused(join.held[i].pid) && !session.is_over) || cgroups_holds(join.held[i].pid, join.held[i].status))
			continue;
		*ret_pid = join.held[i].pid;
		*ret_status = join.held[i].status;
		take(i);
		return true;
	}
	return false;
}

void join_forget(pid_t pid)
{
	for (size_t i = join.count; i-- > 0;)
		if (join.held[i].pid == pid)
			take(i);
}

/* ---- what may be asked ---- */

static bool is_of(const struct tracee *t, const struct join_request *asked)
{
	return t->is_known && (!asked->place.container || t->process->container == asked->place.container);
}

static int pause_task(struct tracee *t, void *arg)
{
	if (!is_of(t, arg) || t->process->is_paused)
		return 0;
	t->is_interrupted = true;
	ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL);
	return 0;
}

/* Once all of its threads are interrupted. */
static int set_paused(struct tracee *t, void *arg)
{
	const struct join_request *asked = arg;
	if (is_of(t, asked))
		t->process->is_paused = asked->verb == JOIN_PAUSE;
	return 0;
}

static int send_signal(struct tracee *t, void *arg)
{
	const struct join_request *asked = arg;
	if (!is_of(t, asked) || t->process->pid != t->tid)
		return 0;
	/* A killed process must be served to end. */
	t->process->is_paused &= asked->value != SIGKILL;
	return kill(t->tid, asked->value) < 0 && errno != ESRCH ? errno : 0;
}

struct pids {
	const struct join_request *asked;
	pid_t *items;
	size_t count;
};

static int list_process(struct tracee *t, void *arg)
{
	struct pids *list = arg;
	if (!is_of(t, list->asked) || t->process->pid != t->tid)
		return 0;
	list->items = mem_grow(NULL, list->items, pid_t, list->count + 1);
	list->items[list->count++] = t->tid;
	return 0;
}

/* Where the process is, as the guest names it; what the guest cannot name is its root. */
static struct fs *place_of(const struct mounts *mounts, pid_t pid, mode_t mask)
{
	char link[64], host[PATH_ROOM], guest[PATH_ROOM] = "/";
	snprintf(link, sizeof(link), "/proc/%d/cwd", pid);
	ssize_t n = readlink(link, host, sizeof(host) - 1);
	host[n < 0 ? 0 : n] = '\0';
	if (host[0] != '/' || !mounts_to_guest(mounts, strcmp(host, "/") == 0 ? "" : host, guest, sizeof(guest)))
		memcpy(guest, "/", sizeof("/"));
	struct fs *fs = fs_new("/", guest, mask);
	fs->is_cwd_elsewhere = strcmp(guest, host) != 0;
	return fs;
}

/* Become the tracer of a process that waits for our answer in tracer_join. */
static int trace(pid_t pid, mode_t mask, const struct session_place *place)
{
	pid_t pids_of = place->pids_of == SESSION_FIRST_PIDS ? session.first_pid : place->pids_of;
	const struct tracee *with = pids_of > 0 ? tracee_find(pids_of) : NULL;
	const struct tracee *first = place->container ? tracee_find(place->container) : NULL;
	if (tracee_find(pid))
		return EEXIST;
	if (pids_of > 0 && (!with || !with->is_known || pids_has_ended(with->process->pids)))
		return ESRCH;
	/* Its end is looked at as in guest_arm_events, which is for those who are stopped. */
	bool has_pids = pids_of == SESSION_NEW_PIDS || (with && with->process->pids);
	uintptr_t options = TRACE_OPTIONS | (has_pids ? PTRACE_O_TRACEEXIT : 0);
	if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)options) < 0)
		return errno;
	struct tracee *t = tracee_add(pid);
	t->process = process_new(pid);
	t->process->exe = mem_strdup(t->process, "");
	process_set_mm(t->process, mm_new());
	t->process->mm->is_off = true;
	t->mounts = namespaces_first_mounts();
	t->uts = namespaces_first_uts();
	t->fs = place_of(t->mounts, pid, mask);
	cgroups_inherit(t->process, NULL);
	cred_init(&t->cred, 0, 0);
	t->process->container = place->container ? place->container : pid;
	t->process->is_paused = first && first->is_known && first->process->is_paused;
	namespaces_put_pids(t, with ? with->process : NULL, pids_of == SESSION_NEW_PIDS);
	t->is_known = true;
	if (session.first_pid <= 0)
		session.first_pid = pid;
	return 0;
}

static int serve(struct join_request *request, pid_t pid, struct pids *ret_pids)
{
	switch (request->verb) {
	case JOIN_TRACE:
		return session.is_over ? ESRCH : trace(pid, request->value & 0777, &request->place);
	case JOIN_PIDS:
		ret_pids->asked = request;
		tracee_each(list_process, ret_pids);
		return 0;
	case JOIN_PAUSE:
		tracee_each(pause_task, request);
		/* fall through */
	case JOIN_RESUME:
		tracee_each(set_paused, request);
		return 0;
	case JOIN_KILL:
		return tracee_each(send_signal, request);
	}
	return EINVAL;
}

/* Rings interrupt. */
static ssize_t receive(int fd, struct msghdr *message)
{
	ssize_t n;
	do
		n = recvmsg(fd, message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	return n;
}

static void answer(int peer)
{
	struct ucred who;
	socklen_t size = sizeof(who);
	struct timeval patience = { .tv_sec = PATIENCE_SECONDS };
	struct join_request request;
	struct iovec asked = { &request, sizeof(request) };
	struct msghdr question = { .msg_iov = &asked, .msg_iovlen = 1 };
	struct pids pids = { NULL, NULL, 0 };
	setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0 || (who.uid != session.uid && who.uid != 0) ||
	    receive(peer, &question) != sizeof(request))
		return;
	struct join_answer reply = { .error = serve(&request, who.pid, &pids), .count = pids.count };
	struct iovec parts[] = { { &reply, sizeof(reply) }, { pids.items, pids.count * sizeof(*pids.items) } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	/* Until its first execve the guest needs the arena itself. */
	CLEANUP_CLOSE int arena = request.verb == JOIN_TRACE && !reply.error ? arena_descriptor() : -1;
	if (arena >= 0) {
		memset(&control, 0, sizeof(control));
		control.head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET,
						 .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.head), &arena, sizeof(arena));
		message.msg_control = &control;
		message.msg_controllen = sizeof(control.room);
	}
	sendmsg(peer, &message, MSG_NOSIGNAL);
	talloc_free(pids.items);
}

void join_answer_all(void)
{
	if (!join.has_rung)
		return;
	join.has_rung = 0;
	for (;;) {
		CLEANUP_CLOSE int peer = accept4(join.listener, NULL, NULL, SOCK_CLOEXEC);
		if (peer < 0)
			return;
		answer(peer);
	}
}

bool join_wait_first(int keeper)
{
	while (session.first_pid <= 0) {
		struct pollfd wanted[2] = { { join.listener, POLLIN, 0 }, { keeper, POLLIN, 0 } };
		poll(wanted, 2, -1);
		join.has_rung = 1;
		join_answer_all();
		/* The bells' children. */
		while (session.first_pid <= 0 && waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (session.first_pid <= 0 && wanted[1].revents)
			return false;
	}
	return true;
}

int tracer_listen(const char *socket_path, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *name = strrchr(socket_path, '/') + 1;
	CLEANUP_TALLOC char *dir = mem_printf(NULL, "%.*s", (int)(name - socket_path), socket_path);
	CLEANUP_CLOSE int folder = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	/* The folder's own name may be longer than an address. */
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", folder, name);
	if (folder < 0 || fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 64) < 0)
		return error_set(err, errno, "cannot listen at '%s'", socket_path);
	return io_take_fd(&fd);
}

/* ---- the other half ---- */

static int connect_to(const char *socket_path, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char link[64];
	CLEANUP_CLOSE int folder = -1;
	CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (strlen(socket_path) >= sizeof(address.sun_path)) {
		/* A longer name is reached through a descriptor. */
		folder = open(socket_path, O_PATH | O_CLOEXEC);
		snprintf(link, sizeof(link), "/proc/self/fd/%d", folder);
		socket_path = folder < 0 ? socket_path : link;
	}
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return error_set(err, errno, "cannot connect to the session at '%s'", socket_path);
	return io_take_fd(&fd);
}

/* Ask; *ret_pids on ctx and *ret_fd may be NULL.  0 or -1. */
static int ask(const void *ctx, const char *socket_path, struct join_request request, pid_t **ret_pids,
	       size_t *ret_count, int *ret_fd, struct error *err)
{
	enum { PIDS_MAX = 65536 };
	CLEANUP_CLOSE int fd = connect_to(socket_path, err);
	if (fd < 0)
		return -1;
	struct join_answer reply;
	CLEANUP_TALLOC pid_t *pids = mem_array(NULL, pid_t, ret_pids ? PIDS_MAX : 0);
	struct iovec parts[] = { { &reply, sizeof(reply) }, { pids, ret_pids ? PIDS_MAX * sizeof(*pids) : 0 } };
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2, .msg_control = &control,
				  .msg_controllen = sizeof(control.room) };
	ssize_t n = send(fd, &request, sizeof(request), MSG_NOSIGNAL);
	if (n >= 0)
		n = receive(fd, &message);
	if (n < (ssize_t)sizeof(reply))
		return error_set(err, n < 0 ? errno : ECONNRESET, "the session at '%s' does not answer", socket_path);
	const struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	CLEANUP_CLOSE int got = -1;
	if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS)
		memcpy(&got, CMSG_DATA(head), sizeof(got));
	if (reply.error)
		return error_set(err, reply.error, "the session at '%s' refuses", socket_path);
	if (ret_pids) {
		*ret_count = (n - sizeof(reply)) / sizeof(*pids);
		*ret_pids = (pid_t *)(void *)mem_memdup(ctx, (const char *)pids, *ret_count * sizeof(*pids));
	}
	if (ret_fd)
		*ret_fd = io_take_fd(&got);
	return 0;
}

int tracer_join(const char *socket_path, const struct session_place *place, struct error *err)
{
	CLEANUP_TALLOC struct sock_fprog *filter = filter_make(NULL, err);
	if (!filter)
		return -1;
	mode_t mask = umask(0);
	umask(mask);
	/* Yama: with ptrace_scope 1 we must say who may.  It is somebody of this user, who may else, too. */
	prctl(PR_SET_PTRACER, -1L, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	CLEANUP_CLOSE int arena = -1;
	int r = ask(NULL, socket_path, (struct join_request){ JOIN_TRACE, mask, *place }, NULL, NULL, &arena, err);
	prctl(PR_SET_PTRACER, 0, 0, 0, 0);
	if (r < 0)
		return -1;
	void *wanted = (void *)SHIM_ARENA;
	void *at = mmap(wanted, SHIM_ARENA_BYTES, PROT_READ, MAP_SHARED, arena, 0);
	if (at != wanted)
		return error_set(err, at == MAP_FAILED ? errno : EEXIST, "cannot map the session's arena");
	madvise(at, SHIM_ARENA_BYTES, MADV_RANDOM);
	r = filter_install(filter);
	if (r < 0)
		return error_set(err, -r, "the kernel refuses our seccomp filter (CONFIG_SECCOMP_FILTER)");
	/* The first call that the session sees.  Before the next one, it adds the filter of who is in a pid namespace. */
	if (!tracer_is_guest())
		return error_set(err, 0, "the session at '%s' has ended", socket_path);
	return 0;
}

int join_inside(const char *socket_path, struct error *err)
{
	return tracer_join(socket_path, &(struct session_place){ 0, SESSION_FIRST_PIDS }, err);
}

int tracer_session_pids(const void *ctx, const char *socket_path, pid_t container, pid_t **ret, size_t *ret_count,
			struct error *err)
{
	return ask(ctx, socket_path, (struct join_request){ JOIN_PIDS, 0, { container, 0 } }, ret, ret_count, NULL, err);
}

int tracer_session_pause(const char *socket_path, pid_t container, bool is_paused, struct error *err)
{
	struct join_request request = { is_paused ? JOIN_PAUSE : JOIN_RESUME, 0, { container, 0 } };
	return ask(NULL, socket_path, request, NULL, NULL, NULL, err);
}

int tracer_session_kill(const char *socket_path, pid_t container, int signal, struct error *err)
{
	return ask(NULL, socket_path, (struct join_request){ JOIN_KILL, signal, { container, 0 } }, NULL, NULL, NULL, err);
}

bool tracer_is_guest(void)
{
	return prctl(PR_IS_GUEST, 0, 0, 0, 0) == IS_GUEST;
}
