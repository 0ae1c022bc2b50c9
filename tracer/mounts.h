/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual mount table: which host path shows at which guest path, one table a mount namespace. */
#ifndef FAKEBUILD_MOUNTS_H
#define FAKEBUILD_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>

struct mount {
	char *guest; /* canonical guest path; "/" for the root */
	char *host;  /* canonical host path; "" for the host's "/" */
	size_t guest_length, host_length;
	unsigned flags; /* enum binding_flags */
	char *fs_type, *source;
	int id, parent_id;
};

struct mounts {
	unsigned users;
	struct mount **list; /* later ones cover earlier ones */
	size_t count;
	int next_id;
	unsigned serial; /* tells tables apart in the path cache; changes with each change */
};

struct mounts *mounts_new(void);
struct mounts *mounts_get(struct mounts *m);
struct mounts *mounts_copy(const struct mounts *m);
void mounts_put(struct mounts *m);
/* Cover `guest` by `host`. */
struct mount *mounts_add(struct mounts *m, const char *guest, const char *host, unsigned flags,
			 const char *fs_type, const char *source);
/* Uncover the topmost mount at `guest`; false when there is none. */
bool mounts_remove(struct mounts *m, const char *guest);
/* The mount whose point is exactly this guest path, or NULL. */
const struct mount *mounts_at(const struct mounts *m, const char *guest, size_t length);
/* The mount that a guest path lies on. */
const struct mount *mounts_of(const struct mounts *m, const char *guest);
/*
 * Detranslate: the guest path where this host path shows, into `guest` (room bytes); false when it
 * shows nowhere.
 */
bool mounts_to_guest(const struct mounts *m, const char *host, char *guest, size_t room);

#endif
