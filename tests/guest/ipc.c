/* SPDX-License-Identifier: Apache-2.0 */
/* System V IPC: whose an object is, and who may use it. */
/* covers: shmget shmctl shmat semget semctl msgget msgctl ipc */
#include "guest.h"

#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

union semun {
	int value;
	struct semid_ds *buffer;
};

TEST(shared_memory_is_its_makers)
{
	key_t key = 0x46420000 + getpid() % 65536;
	struct shmid_ds is;
	int id = WORKS(shmget(key, 4096, IPC_CREAT | IPC_EXCL | 0600));
	WORKS(shmctl(id, IPC_STAT, &is));
	EQUAL(0, is.shm_perm.uid);
	EQUAL(0, is.shm_perm.cuid);
	AS (1000, 2000) {
		FAILS(EACCES, shmget(key, 4096, 0600));
		FAILS(EACCES, shmctl(id, IPC_STAT, &is));
		FAILS(EPERM, shmctl(id, IPC_RMID, NULL));
	}
	WORKS(shmctl(id, IPC_STAT, &is));
	is.shm_perm.uid = 1000;
	is.shm_perm.gid = 2000;
	is.shm_perm.mode = 0640;
	WORKS(shmctl(id, IPC_SET, &is));
	AS (1000, 2000) {
		EQUAL(id, shmget(key, 4096, 0600));
		WORKS(shmctl(id, IPC_STAT, &is));
		EQUAL(1000, is.shm_perm.uid);
		EQUAL(2000, is.shm_perm.gid);
		EQUAL(0, is.shm_perm.cuid);
		EQUAL(0640, is.shm_perm.mode & 0777);
		WORKS(shmctl(id, IPC_RMID, NULL));
	}
	FAILS(EINVAL, shmctl(id, IPC_STAT, &is));
}

TEST(what_is_anothers_is_neither_attached_nor_read)
{
	int id = WORKS(shmget(IPC_PRIVATE, 4096, 0640)), sem = WORKS(semget(IPC_PRIVATE, 1, 0640));
	AS (1000, 2000) {
		FAILS(EACCES, (long)shmat(id, NULL, 0));
		FAILS(EACCES, (long)shmat(id, NULL, SHM_RDONLY));
		FAILS(EPERM, shmctl(id, SHM_LOCK, NULL));
		FAILS(EACCES, semctl(sem, 0, GETVAL));
		FAILS(EACCES, semctl(sem, 0, GETPID));
		FAILS(EACCES, semctl(sem, 0, SETVAL, (union semun){ .value = 1 }));
		FAILS(EINVAL, (long)shmat(-1, NULL, 0));
	}
	AS (1000, 0) {
		FAILS(EACCES, (long)shmat(id, NULL, 0));
		WORKS((long)shmat(id, NULL, SHM_RDONLY));
		EQUAL(0, semctl(sem, 0, GETVAL));
		FAILS(EACCES, semctl(sem, 0, SETVAL, (union semun){ .value = 1 }));
	}
	WORKS((long)shmat(id, NULL, 0));
	WORKS(shmctl(id, IPC_RMID, NULL));
	WORKS(semctl(sem, 0, IPC_RMID));
}

/* Get what has this key, made when there is none; remove it.  tests/cli/run.bats */
ROLE(get)
{
	return argc == 3 && shmget(strtol(argv[2], NULL, 10), 4096, IPC_CREAT | 0600) >= 0 ? 0 : 1;
}

ROLE(remove)
{
	int id = argc == 3 ? shmget(strtol(argv[2], NULL, 10), 0, 0) : -1;
	return id >= 0 && shmctl(id, IPC_RMID, NULL) == 0 ? 0 : 1;
}

TEST(semaphores_and_queues_are_their_makers)
{
	struct semid_ds sem;
	struct msqid_ds msg;
	union semun argument = { .buffer = &sem };
	int ids[2] = { -1, -1 }, ends[2];
	WORKS(pipe(ends));
	AS (1000, 2000) {
		ids[0] = WORKS(semget(IPC_PRIVATE, 1, 0600));
		ids[1] = WORKS(msgget(IPC_PRIVATE, 0600));
		EQUAL(sizeof(ids), write(ends[1], ids, sizeof(ids)));
	}
	EQUAL(sizeof(ids), read(ends[0], ids, sizeof(ids)));
	WORKS(semctl(ids[0], 0, IPC_STAT, argument));
	EQUAL(1000, sem.sem_perm.uid);
	EQUAL(2000, sem.sem_perm.cgid);
	WORKS(msgctl(ids[1], IPC_STAT, &msg));
	EQUAL(1000, msg.msg_perm.cuid);
	EQUAL(2000, msg.msg_perm.gid);
	AS (1001, 2001) {
		FAILS(EPERM, semctl(ids[0], 0, IPC_RMID));
		FAILS(EPERM, msgctl(ids[1], IPC_RMID, NULL));
	}
	WORKS(semctl(ids[0], 0, SETVAL, (union semun){ .value = 3 }));
	EQUAL(3, semctl(ids[0], 0, GETVAL));
	WORKS(semctl(ids[0], 0, IPC_RMID));
	WORKS(msgctl(ids[1], IPC_RMID, NULL));
}
