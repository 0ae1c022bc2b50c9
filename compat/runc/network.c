/* SPDX-License-Identifier: Apache-2.0 */
/* Owns network namespaces. */
#include "compat/runc/network.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compat/runc/kernel_namespace.h"
#include "tracer/base/io.h"
#include "tracer/base/text.h"

static const struct kernel_namespace network = { CLONE_NEWNET, "/proc/self/ns/net", "network" };

static int raise_loopback(void)
{
	struct ifreq request = { .ifr_name = "lo" };
	CLEANUP_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		return -errno;
	request.ifr_flags |= IFF_UP;
	return ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

/* "net.ipv4.ip_forward" is a file below /proc/sys, with the dots as slashes. */
static int write_sysctl(const char *key, struct json *value, void *arg)
{
	struct error *err = arg;
	const char *text = json_text(value);
	if (!text_starts(key, "net.") || !text)
		return 0;
	CLEANUP_TALLOC char *path = mem_printf(NULL, "/proc/sys/%s", key);
	for (char *dot = path + strlen("/proc/sys/"); (dot = strpbrk(dot, "./")); dot++) {
		if (strncmp(dot, "/", 1) == 0)
			return error_set(err, 0, "sysctl '%s' has a slash", key);
		*dot = '/';
	}
	CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return error_set(err, errno, "cannot set sysctl '%s' to '%s'", key, text);
	return 0;
}

int network_enter(const struct spec *spec, bool *ret_is_real, struct error *err)
{
	*ret_is_real = false;
	for (size_t i = 0; i < spec->namespace_count; i++) {
		const struct spec_namespace *n = &spec->namespaces[i];
		if (n->clone_flag != CLONE_NEWNET)
			continue;
		if (n->path) {
			*ret_is_real = true;
			return kernel_namespace_join(&network, n->path, err);
		}
		if (unshare(CLONE_NEWNET) < 0)
			return 0;
		*ret_is_real = true;
		int r = raise_loopback();
		if (r < 0)
			return error_set(err, -r, "cannot raise the loopback interface");
		return json_each(json_get(json_get(spec->document, "linux"), "sysctl"), write_sysctl, err);
	}
	return 0;
}

int network_join(pid_t pid, struct error *err)
{
	CLEANUP_TALLOC char *path = mem_printf(NULL, "/proc/%d/ns/net", pid);
	return kernel_namespace_join(&network, path, err);
}
