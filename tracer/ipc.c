/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns whose System V shared memory, semaphores and message queues are: to the kernel all are the invoking
 * user's.  Who made one in this run is remembered; what is not known is root's.
 */
#include "tracer/ipc.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#include "tracer/arena.h"
#include "tracer/hooks.h"
#include "tracer/inside.h"
#include "tracer/memory.h"
#include "tracer/namespaces.h"
#include "tracer/users.h"

enum kind { NOTHING, SHARED_MEMORY, SEMAPHORES, QUEUE };
enum { OBJECTS = 1024, COMMAND_64 = 0x100 /* IPC_64 */, BUFFER_MAX = 128 };

struct object_of_ipc {
	enum kind kind;
	int id;
	uint32_t uid, gid, cuid, cgid;
};
static struct object_of_ipc objects[OBJECTS];

/* struct ipc64_perm, which all three structures of IPC_STAT begin with. */
struct permissions {
	uint32_t key, uid, gid, cuid, cgid, mode;
};

/* One of the calls, by its own number or through i386's ipc(2). */
struct request {
	enum kind kind;
	bool is_get;
	int id;           /* or the key */
	unsigned command; /* or the flags */
	unsigned buffer;  /* number of the argument */
	bool is_indirect; /* which points to a pointer to it */
};

static struct request decode(const struct call *c)
{
	/* ipc(2): call, then four numbers or pointers; by the call, where the flags or the command are. */
	static const struct {
		enum kind kind;
		bool is_get;
		unsigned char command;
	} by_number[] = {
		[2] = { SEMAPHORES, true, 3 }, [3] = { SEMAPHORES, false, 3 },	   [13] = { QUEUE, true, 2 },
		[14] = { QUEUE, false, 2 },    [23] = { SHARED_MEMORY, true, 3 }, [24] = { SHARED_MEMORY, false, 2 },
	};
	const char *name = c->row->name;
	struct request q = { .kind = NOTHING };
	if (strcmp(name, "ipc") == 0) {
		unsigned number = c->argument[0] & 0xffff;
		if (number >= sizeof(by_number) / sizeof(*by_number) || !by_number[number].kind)
			return q;
		q.kind = by_number[number].kind;
		q.is_get = by_number[number].is_get;
		q.id = call_int(c, 1);
		q.command = c->argument[by_number[number].command];
		q.buffer = 4;
		q.is_indirect = q.kind == SEMAPHORES;
	} else {
		q.kind = name[0] == 'm' ? QUEUE : name[1] == 'h' ? SHARED_MEMORY : SEMAPHORES;
		q.is_get = strcmp(name + 3, "get") == 0;
		q.id = call_int(c, 0);
		q.command = c->argument[q.is_get ? 2 - (q.kind == QUEUE) : 1 + (q.kind == SEMAPHORES)];
		q.buffer = q.kind == SEMAPHORES ? 3 : 2;
	}
	q.command &= q.is_get ? ~0u : ~(unsigned)COMMAND_64;
	return q;
}

static taddr buffer_of(const struct call *c, const struct request *q)
{
	uint32_t pointer = 0;
	if (!q->is_indirect)
		return c->argument[q->buffer];
	memory_read(c->t, c->argument[q->buffer], &pointer, sizeof(pointer));
	return pointer;
}

static struct object_of_ipc *find(enum kind kind, int id)
{
	for (unsigned i = 0; i < OBJECTS; i++)
		if (objects[i].kind == kind && objects[i].id == id)
			return &objects[i];
	return NULL;
}

static struct object_of_ipc look(enum kind kind, int id)
{
	const struct object_of_ipc *o = find(kind, id);
	return o ? *o : (struct object_of_ipc){ .kind = kind, .id = id };
}

static void remove_object(const struct object_of_ipc *o)
{
	if (o->kind == SHARED_MEMORY)
		shmctl(o->id, IPC_RMID, NULL);
	else if (o->kind == SEMAPHORES)
		semctl(o->id, 0, IPC_RMID);
	else if (o->kind == QUEUE)
		msgctl(o->id, IPC_RMID, NULL);
}

void ipc_close(void)
{
	for (unsigned i = 0; i < OBJECTS; i++)
		remove_object(&objects[i]);
	memset(objects, 0, sizeof(objects));
}

static unsigned mode_of(enum kind kind, int id)
{
	struct shmid_ds shm = { .shm_perm = { .mode = 0 } };
	struct semid_ds sem = { .sem_perm = { .mode = 0 } };
	struct msqid_ds msg = { .msg_perm = { .mode = 0 } };
	union {
		struct semid_ds *buffer;
	} argument = { &sem };
	switch (kind) {
	case SHARED_MEMORY:
		return shmctl(id, IPC_STAT, &shm) == 0 ? shm.shm_perm.mode : 0;
	case SEMAPHORES:
		return semctl(id, 0, IPC_STAT, argument) == 0 ? sem.sem_perm.mode : 0;
	default:
		return msgctl(id, IPC_STAT, &msg) == 0 ? msg.msg_perm.mode : 0;
	}
}

/* ipcperms of ipc/util.c */
static bool may_use(const struct tracee *t, const struct object_of_ipc *o, unsigned mode, unsigned flags)
{
	const struct cred *c = &t->cred;
	unsigned requested = (flags >> 6 | flags >> 3 | flags) & 7;
	bool is_owner = c->euid == o->uid || c->euid == o->cuid;
	bool is_member = cred_in_group(c, o->gid) || cred_in_group(c, o->cgid);
	unsigned granted = is_owner ? mode >> 6 : is_member ? mode >> 3 : mode;
	return !(requested & ~granted) || namespaces_has(t, CLONE_NEWIPC, CAPABILITY_IPC_OWNER);
}

/* Does the key lead to an object already?  It may be of another run, or of the host's: those are not ours to remove. */
static bool is_taken(const struct request *q)
{
	if (q->id == IPC_PRIVATE || !(q->command & IPC_CREAT))
		return false;
	int id = q->kind == SHARED_MEMORY ? shmget(q->id, 0, 0) : q->kind == SEMAPHORES ? semget(q->id, 0, 0) : msgget(q->id, 0);
	return id >= 0 || errno != ENOENT;
}

/* The exit of *get: a new object is the caller's; one that is there may be another's. */
static int64_t got(struct call *c)
{
	struct request q = decode(c);
	const struct cred *cred = &c->t->cred;
	bool is_new = ((q.command & IPC_CREAT) || q.id == IPC_PRIVATE) && !c->t->exit_private;
	if (c->result < 0)
		return c->result;
	struct object_of_ipc *o = find(q.kind, c->result);
	if (!o && is_new) {
		o = find(NOTHING, 0);
		if (o)
			*o = (struct object_of_ipc){ q.kind,	   c->result,  cred->euid,
						     cred->egid, cred->euid, cred->egid };
		return c->result;
	}
	struct object_of_ipc is = look(q.kind, c->result);
	return may_use(c->t, &is, mode_of(q.kind, c->result), q.command) ? c->result : -EACCES;
}

/* Who has made and who has used it last: pid_t of struct shmid64_ds and struct msqid64_ds of asm-generic, and of i386. */
static void show_users(struct call *c, const struct request *q, taddr at)
{
	static const unsigned char where[ABI_COUNT][2] = { [ABI_64] = { 80, 96 }, [ABI_32] = { 64, 72 } };
	pid_t users[2];
	at += where[c->abi][q->kind == QUEUE];
	if (!c->t->process->pids || q->kind == SEMAPHORES || memory_read(c->t, at, users, sizeof(users)) < 0)
		return;
	for (unsigned i = 0; i < 2; i++)
		users[i] = inside_shown(c->t, users[i]);
	memory_write(c->t, at, users, sizeof(users));
}

/* The exit of IPC_STAT and of those that ask by index, whose result is the id. */
static int64_t show(struct call *c)
{
	struct request q = decode(c);
	struct permissions p;
	taddr at = buffer_of(c, &q);
	if (c->result < 0 || memory_read(c->t, at, &p, sizeof(p)) < 0)
		return c->result;
	struct object_of_ipc o = look(q.kind, q.command == IPC_STAT ? q.id : (int)c->result);
	p.uid = p.uid == session.uid ? o.uid : p.uid;
	p.gid = p.gid == session.gid ? o.gid : p.gid;
	p.cuid = p.cuid == session.uid ? o.cuid : p.cuid;
	p.cgid = p.cgid == session.gid ? o.cgid : p.cgid;
	p.uid = users_shown(c->t, ID_USER, p.uid);
	p.gid = users_shown(c->t, ID_GROUP, p.gid);
	p.cuid = users_shown(c->t, ID_USER, p.cuid);
	p.cgid = users_shown(c->t, ID_GROUP, p.cgid);
	memory_write(c->t, at, &p, sizeof(p));
	show_users(c, &q, at);
	return c->result;
}

/* semctl(2), GETPID */
static int64_t show_semaphore_user(struct call *c)
{
	return inside_show_result(c);
}

static int64_t removed(struct call *c)
{
	struct request q = decode(c);
	struct object_of_ipc *o = c->result == 0 ? find(q.kind, q.id) : NULL;
	if (o)
		*o = (struct object_of_ipc){ .kind = NOTHING };
	return c->result;
}

static int64_t was_set(struct call *c)
{
	struct request q = decode(c);
	struct object_of_ipc *o = c->result == 0 ? find(q.kind, q.id) : NULL;
	if (o) {
		o->uid = c->t->exit_private >> 32;
		o->gid = c->t->exit_private;
	}
	return c->result;
}

/* IPC_SET with the owner that the kernel lets us have; the guest's is remembered. */
static int64_t set(struct call *c, const struct request *q)
{
	size_t size = BUFFER_MAX;
	char *copy = call_room(c, size), *pointer = call_room(c, sizeof(uint32_t));
	if (!copy || !pointer)
		return -ENOMEM;
	/* The structures are of different length: as much as is there. */
	while (size && memory_read(c->t, buffer_of(c, q), copy, size) < 0)
		size -= 8;
	struct permissions p;
	if (size < sizeof(p))
		return -EFAULT;
	memcpy(&p, copy, sizeof(p));
	p.uid = users_named(c->t, ID_USER, p.uid);
	p.gid = users_named(c->t, ID_GROUP, p.gid);
	if (p.uid == ID_NONE || p.gid == ID_NONE)
		return -EINVAL;
	c->t->exit_private = (uint64_t)p.uid << 32 | p.gid;
	p.uid = session.uid;
	p.gid = session.gid;
	memcpy(copy, &p, sizeof(p));
	uint32_t address = arena_address(copy);
	memcpy(pointer, &address, sizeof(address));
	call_set(c, q->buffer, arena_address(q->is_indirect ? pointer : copy));
	c->t->at_exit = was_set;
	return CALL_PASS_EXIT;
}

/* What semctl(2) and shmctl(2) ask of the caller beside: 0 or -errno. */
static int may_control(const struct tracee *t, const struct request *q, const struct object_of_ipc *o, unsigned mode)
{
	enum { LOCK = 11, UNLOCK = 12 }; /* of shmctl(2) */
	bool is_owner = t->cred.euid == o->uid || t->cred.euid == o->cuid;
	if (session.is_plain)
		return 0;
	if (q->kind == SEMAPHORES && (q->command == SETVAL || q->command == SETALL))
		return may_use(t, o, mode, 0222) ? 0 : -EACCES;
	if (q->kind == SEMAPHORES && q->command >= GETPID && q->command <= GETZCNT)
		return may_use(t, o, mode, 0444) ? 0 : -EACCES;
	if (q->kind == SHARED_MEMORY && (q->command == LOCK || q->command == UNLOCK))
		return is_owner || namespaces_has(t, CLONE_NEWIPC, CAPABILITY_IPC_LOCK) ? 0 : -EPERM;
	return 0;
}

static int64_t control(struct call *c, const struct request *q)
{
	/* *_STAT and *_STAT_ANY */
	static const unsigned by_index[][2] = {
		[SHARED_MEMORY] = { 13, 15 }, [SEMAPHORES] = { 18, 20 }, [QUEUE] = { 11, 13 },
	};
	const struct cred *cred = &c->t->cred;
	struct object_of_ipc o = look(q->kind, q->id);
	unsigned mode = mode_of(q->kind, q->id);
	bool is_there = mode || find(q->kind, q->id);
	bool is_change = q->command == IPC_RMID || q->command == IPC_SET;
	if (is_change && is_there && cred->euid != o.uid && cred->euid != o.cuid &&
	    !namespaces_has(c->t, CLONE_NEWIPC, CAPABILITY_SYS_ADMIN))
		return -EPERM;
	int r = is_there ? may_control(c->t, q, &o, mode) : 0;
	if (r < 0)
		return r;
	if (q->command == IPC_SET)
		return set(c, q);
	if (q->command == IPC_STAT && is_there && !may_use(c->t, &o, mode, 0444))
		return -EACCES;
	bool is_shown = q->command == IPC_STAT || q->command == by_index[q->kind][0] ||
			q->command == by_index[q->kind][1];
	if (q->kind == SEMAPHORES && q->command == GETPID && c->t->process->pids) {
		c->t->at_exit = show_semaphore_user;
		return CALL_PASS_EXIT;
	}
	if (!is_shown && q->command != IPC_RMID)
		return CALL_PASS;
	c->t->at_exit = q->command == IPC_RMID ? removed : show;
	return CALL_PASS_EXIT;
}

/* do_shmat of ipc/shm.c */
static int64_t attach(struct call *c, int id, unsigned flags)
{
	struct object_of_ipc o = look(SHARED_MEMORY, id);
	unsigned mode = mode_of(SHARED_MEMORY, id);
	unsigned wanted = (flags & SHM_RDONLY ? 0444 : 0666) | (flags & SHM_EXEC ? 0111 : 0);
	bool is_there = mode || find(SHARED_MEMORY, id);
	return !is_there || session.is_plain || may_use(c->t, &o, mode, wanted) ? CALL_PASS : -EACCES;
}

int64_t hook_shmat(struct call *c)
{
	return attach(c, call_int(c, 0), c->argument[2]);
}

int64_t hook_ipc(struct call *c)
{
	enum { ATTACH = 21 }; /* SHMAT of ipc(2) */
	struct request q = decode(c);
	if (!q.kind && strcmp(c->row->name, "ipc") == 0 && (c->argument[0] & 0xffff) == ATTACH)
		return attach(c, call_int(c, 1), c->argument[2]);
	if (!q.kind)
		return CALL_PASS;
	if (!q.is_get)
		return control(c, &q);
	c->t->exit_private = is_taken(&q);
	c->t->at_exit = got;
	return CALL_PASS_EXIT;
}
