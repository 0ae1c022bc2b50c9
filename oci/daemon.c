/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what is said to Docker's daemon; the connection is web.c's. */
#include "oci/daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/json.h"
#include "oci/web.h"
#include "tracer/base/text.h"

static int find_socket(const char **ret, struct error *err)
{
	const char *host = getenv("DOCKER_HOST");
	*ret = "/var/run/docker.sock";
	if (host && *host) {
		if (!text_starts(host, "unix://"))
			return error_set(err, 0, "cannot load into the docker daemon at '%s': only unix:// is spoken", host);
		*ret = host + strlen("unix://");
	}
	struct stat st;
	if (stat(*ret, &st) < 0)
		return error_set(err, errno, "there is no docker daemon to load into: '%s'", *ret);
	return access(*ret, R_OK | W_OK) < 0 ? error_set(err, errno, "cannot talk to the docker daemon at '%s'", *ret) : 0;
}

/* The answer is a line of JSON a message, of which one may be the failure, whatever the status said. */
static int read_answer(const char *body, long status, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	char *text = mem_strdup(scratch, body), *save = NULL;
	for (char *line = strtok_r(text, "\r\n", &save); line; line = strtok_r(NULL, "\r\n", &save)) {
		struct json *root;
		if (json_parse(scratch, line, "the answer", &root, NULL) < 0)
			continue;
		const char *failure = json_get_string(root, "error");
		failure = failure || status == 200 ? failure : json_get_string(root, "message");
		if (failure)
			return error_set(err, 0, "the docker daemon refuses the image: %s", failure);
	}
	return status == 200 ? 0 : error_set(err, 0, "the docker daemon answers with status %ld", status);
}

int daemon_load(int archive_fd, struct error *err)
{
	CLEANUP_TALLOC void *scratch = talloc_new(NULL);
	const char *path;
	struct stat st;
	struct web *web;
	struct web_response response;
	if (find_socket(&path, err) < 0)
		return -1;
	if (fstat(archive_fd, &st) < 0)
		return error_set(err, errno, "cannot examine the archive");
	struct web_request request = {
		.method = "POST", .url = "http://localhost/images/load?quiet=1", .content_type = "application/x-tar",
		.unix_socket = path, .body_fd = archive_fd, .body_bytes = st.st_size,
	};
	if (web_open(scratch, &web, err) < 0)
		return -1;
	if (web_perform(scratch, web, &request, &response, err) < 0)
		return error_wrap(err, "cannot talk to the docker daemon at '%s'", path);
	return read_answer(response.body, response.status, err);
}
