/* SPDX-License-Identifier: Apache-2.0 */
/* Owns dlopen: how libraries that most runs do without come in. */
#include "oci/library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/mem.h"

static int load(struct library *l, struct error *err)
{
	void *handle = NULL;
	for (unsigned i = 0; !handle && i < LIBRARY_NAMES_MAX && l->files[i]; i++)
		handle = dlopen(l->files[i], RTLD_LAZY | RTLD_LOCAL);
	if (!handle) {
		const char *cause = dlerror();
		return error_set(err, 0, "this needs %s, which cannot be loaded: %s", l->name, cause ? cause : l->files[0]);
	}
	for (size_t i = 0; l->symbols[i]; i++) {
		void *symbol = dlsym(handle, l->symbols[i]);
		if (!symbol)
			return error_set(err, 0, "this needs a newer %s: it has no %s", l->name, l->symbols[i]);
		/* A pointer to a function is no void *, but is as large. */
		memcpy((char *)l->pointers + i * sizeof(symbol), &symbol, sizeof(symbol));
	}
	if (l->begin)
		l->begin();
	__atomic_store_n(&l->is_loaded, true, __ATOMIC_RELEASE);
	return 0;
}

int library_load(struct library *l, struct error *err)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	if (__atomic_load_n(&l->is_loaded, __ATOMIC_ACQUIRE))
		return 0;
	pthread_mutex_lock(&lock);
	int r = l->is_loaded ? 0 : load(l, err);
	pthread_mutex_unlock(&lock);
	return r;
}

void library_must(struct library *l)
{
	struct error err = ERROR_INIT;
	if (library_load(l, &err) == 0)
		return;
	CLEANUP_TALLOC char *line = mem_printf(NULL, "fakebuild: %s\n", err.text);
	if (write(STDERR_FILENO, line, strlen(line)) < 0)
		_exit(EXIT_FAKEBUILD);
	_exit(EXIT_FAKEBUILD);
}
