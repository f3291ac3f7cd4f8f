// SPDX-License-Identifier: GPL-2.0
/*
 * A network block device whose connection can be cut: serves a file over a socket to the
 * kernel's nbd module.
 *
 * usage: nbdisk DEV FILE
 *
 * DEV (/dev/nbd0) has FILE's size and FLUSH. The program runs until it is killed, which
 * cuts the connection: requests under way fail, and all after them. What the file holds by
 * then is there when it is started again.
 */
#include "common.h"

#include <arpa/inet.h>
#include <linux/nbd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define MOST (32u << 20) /* bytes of one request */

static void whole(int fd, void *data, size_t bytes, bool out)
{
	char *at = data;

	while (bytes) {
		ssize_t n = out ? write(fd, at, bytes) : read(fd, at, bytes);

		if (n <= 0)
			exit(0); /* disconnected */
		at += n;
		bytes -= (size_t)n;
	}
}

/* 0 or a negative error. */
static int carry_out(int file, int link, const struct nbd_request *request, char *buffer)
{
	off_t from = (off_t)be64toh(request->from);
	size_t bytes = ntohl(request->len);

	switch (ntohl(request->type) & 0xffff) {
	case NBD_CMD_READ:
		return pread(file, buffer, bytes, from) == (ssize_t)bytes ? 0 : -EIO;
	case NBD_CMD_WRITE:
		whole(link, buffer, bytes, false);
		return pwrite(file, buffer, bytes, from) == (ssize_t)bytes ? 0 : -EIO;
	case NBD_CMD_FLUSH:
		return fdatasync(file) ? -EIO : 0;
	case NBD_CMD_DISC:
		exit(0);
	default:
		return -EINVAL;
	}
}

static void serve(int file, int link)
{
	char *buffer = buffer_new(MOST);

	for (;;) {
		struct nbd_request request;
		struct nbd_reply reply = { .magic = htonl(NBD_REPLY_MAGIC) };
		int error;

		whole(link, &request, sizeof(request), false);
		if (ntohl(request.magic) != NBD_REQUEST_MAGIC || ntohl(request.len) > MOST)
			die("nbdisk: no request");
		error = carry_out(file, link, &request, buffer);
		reply.error = htonl((uint32_t)-error);
		memcpy(reply.handle, request.handle, sizeof(reply.handle));
		whole(link, &reply, sizeof(reply), true);
		if (!error && (ntohl(request.type) & 0xffff) == NBD_CMD_READ)
			whole(link, buffer, ntohl(request.len), true);
	}
}

/* Hands the kernel its end, and stays with it until the connection is cut. */
static void attach(const char *path, uint64_t bytes, int link)
{
	int dev = open(path, O_RDWR | O_CLOEXEC);

	if (dev < 0 || ioctl(dev, NBD_CLEAR_SOCK) || ioctl(dev, NBD_SET_BLKSIZE, 512ul) ||
	    ioctl(dev, NBD_SET_SIZE_BLOCKS, (unsigned long)(bytes / SECTOR)) ||
	    ioctl(dev, NBD_SET_FLAGS, (unsigned long)(NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH)) ||
	    ioctl(dev, NBD_SET_SOCK, link))
		die("nbdisk: %s: %s", path, strerror(errno));
	ioctl(dev, NBD_DO_IT);
	ioctl(dev, NBD_CLEAR_QUE);
	ioctl(dev, NBD_CLEAR_SOCK);
}

int main(int argc, char **argv)
{
	struct stat st;
	int link[2];
	int file;
	pid_t child;

	if (argc != 3)
		die("usage: nbdisk DEV FILE");
	file = open(argv[2], O_RDWR | O_CLOEXEC);
	if (file < 0 || fstat(file, &st) || socketpair(AF_UNIX, SOCK_STREAM, 0, link))
		die("nbdisk: %s: %s", argv[2], strerror(errno));
	signal(SIGPIPE, SIG_IGN);
	child = fork();
	if (child < 0)
		die("nbdisk: fork: %s", strerror(errno));
	if (!child) {
		close(link[1]);
		attach(argv[1], (uint64_t)st.st_size, link[0]);
		return 0;
	}
	close(link[0]);
	serve(file, link[1]);
	return 0;
}
