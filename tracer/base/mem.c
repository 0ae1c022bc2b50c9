/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the rule that running out of memory ends the program. */
#include "tracer/base/mem.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void mem_cleanup_talloc(void *variable)
{
	TALLOC_FREE(*(void **)variable);
}

void mem_cleanup_free(void *variable)
{
	free(*(void **)variable);
}

void mem_end(const char *text)
{
	if (write(2, text, strlen(text)) < 0)
		_exit(125);
	_exit(125);
}

void *mem_must(void *pointer)
{
	if (!pointer)
		mem_end("fakebuild: out of memory\n");
	return pointer;
}

static void on_bus_error(int number, siginfo_t *info, void *context)
{
	enum { NO_PAGE = 2 /* BUS_ADRERR */ };
	(void)context;
	if (info->si_code == NO_PAGE)
		mem_end("fakebuild: a page of a file cannot be written: the disk is full, or fails\n");
	signal(number, SIG_DFL);
	raise(number);
}

void mem_end_at_lost_page(void)
{
	const struct sigaction action = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO };
	sigaction(SIGBUS, &action, NULL);
}

char *mem_strdup(const void *ctx, const char *text)
{
	return mem_must(talloc_strdup(ctx, text));
}

char *mem_strndup(const void *ctx, const char *text, size_t length)
{
	return mem_must(talloc_strndup(ctx, text, length));
}

char *mem_memdup(const void *ctx, const void *bytes, size_t length)
{
	char *copy = mem_must(talloc_size(ctx, length ? length : 1));
	memcpy(copy, bytes, length);
	return copy;
}

char *mem_printf(const void *ctx, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *text = talloc_vasprintf(ctx, fmt, ap);
	va_end(ap);
	return mem_must(text);
}

char *mem_append(char *text, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	text = talloc_vasprintf_append(text, fmt, ap);
	va_end(ap);
	return mem_must(text);
}

struct strlist *strlist_new(const void *ctx)
{
	struct strlist *list = mem_new(ctx, struct strlist);
	list->items = mem_array(list, char *, 8);
	return list;
}

static void strlist_take(struct strlist *list, char *text)
{
	if (list->count + 1 >= talloc_array_length(list->items))
		list->items = mem_grow(list, list->items, char *, list->count * 2 + 2);
	list->items[list->count++] = text;
	list->items[list->count] = NULL;
}

void strlist_add(struct strlist *list, const char *text)
{
	strlist_take(list, mem_strdup(list, text));
}

void strlist_addf(struct strlist *list, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *text = mem_must(talloc_vasprintf(list, fmt, ap));
	va_end(ap);
	strlist_take(list, text);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strlist_sort(struct strlist *list)
{
	if (list->count)
		qsort(list->items, list->count, sizeof(*list->items), by_text);
}

bool strlist_has(const struct strlist *sorted, const char *text)
{
	return sorted->count && bsearch(&text, sorted->items, sorted->count, sizeof(*sorted->items), by_text);
}
