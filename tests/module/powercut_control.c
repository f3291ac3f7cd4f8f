// SPDX-License-Identifier: GPL-2.0
/* The control socket: connections are served one after the other. */
#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "powercut_control.h"

static void (*answer_line)(const char *line, char *answer, size_t size);

static void *control(void *arg)
{
	int listener = (int)(intptr_t)arg;

	for (;;) {
		int fd = accept(listener, NULL, NULL);
		char line[256];
		char answer[2048];
		ssize_t n;

		if (fd < 0)
			continue;
		n = read(fd, line, sizeof(line) - 1);
		if (n > 0) {
			line[n] = '\0';
			answer_line(line, answer, sizeof(answer));
			if (write(fd, answer, strlen(answer)) < 0)
				nbdkit_debug("control: nobody listens");
		}
		close(fd);
	}
	return NULL;
}

int control_start(const char *path, void (*obey)(const char *line, char *answer, size_t size))
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pthread_t thread;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	unlink(path);
	answer_line = obey;
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(listener, 4) < 0 ||
	    pthread_create(&thread, NULL, control, (void *)(intptr_t)listener)) {
		nbdkit_error("%s: %s", path, strerror(errno));
		return -1;
	}
	return 0;
}
