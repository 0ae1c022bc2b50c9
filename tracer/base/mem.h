/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory by talloc: a result hangs on the caller's ctx (first parameter), scratch on NULL with
 * CLEANUP_TALLOC.  Running out of memory ends the program with one line, so nothing here returns NULL.
 */
#ifndef FAKEBUILD_BASE_MEM_H
#define FAKEBUILD_BASE_MEM_H

#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <talloc.h>

/* Free the talloc tree in this variable when it goes out of scope. */
#define CLEANUP_TALLOC __attribute__((cleanup(mem_cleanup_talloc)))
/* free() the pointer in this variable when it goes out of scope. */
#define CLEANUP_FREE __attribute__((cleanup(mem_cleanup_free)))
void mem_cleanup_talloc(void *variable);
void mem_cleanup_free(void *variable);

/* A zeroed object of `type`, named after it. */
#define mem_new(ctx, type) ((type *)mem_must(talloc_zero(ctx, type)))
/* A zeroed array of `count` elements; count may be 0. */
#define mem_array(ctx, type, count) \
	((type *)mem_must(talloc_zero_array(ctx, type, mem_count(count))))
/* Resize an array; new elements are not zeroed. */
#define mem_grow(ctx, array, type, count) \
	((type *)mem_must(talloc_realloc(ctx, array, type, mem_count(count))))

/* talloc gives NULL for an array of nothing, and of more than a quarter of a gigabyte. */
static inline unsigned mem_count(size_t count)
{
	return count > UINT_MAX ? UINT_MAX : count ? (unsigned)count : 1;
}

/* Die with this line, and status 125: where no caller can do anything about it. */
void mem_end(const char *text) __attribute__((noreturn));
/* Die with one line when pointer is NULL, else return it. */
void *mem_must(void *pointer);
/*
 * From now on die with one line, and status 125, too, when a page of a mapped file cannot be had: the disk is full, or
 * fails.  mmap(2), SIGBUS.
 */
void mem_end_at_lost_page(void);
char *mem_strdup(const void *ctx, const char *text);
char *mem_strndup(const void *ctx, const char *text, size_t length);
char *mem_memdup(const void *ctx, const void *bytes, size_t length);
char *mem_printf(const void *ctx, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Append to a string of mem_*; returns where it now is. */
char *mem_append(char *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A NULL-terminated list of strings that grows; entries hang on the list itself. */
struct strlist {
	char **items; /* items[count] is NULL */
	size_t count;
};
struct strlist *strlist_new(const void *ctx);
void strlist_add(struct strlist *list, const char *text);
/* Into the order of strcmp(3); has: of a list in that order. */
void strlist_sort(struct strlist *list);
bool strlist_has(const struct strlist *sorted, const char *text);
void strlist_addf(struct strlist *list, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
