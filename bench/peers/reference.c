// The limit: the shortest correct single-threaded, level-triggered epoll echo in C.
// Usage: reference [receive buffer bytes]. It prints `listening on 127.0.0.1:PORT`.
//
// So that the comparison is fair, it receives into a buffer as large as wasmpoll's window, takes up
// to 256 events a wake, and sets the socket options of host/listen/listener.ts. It answers a slow reader,
// a half-close and a reset as it should; limits, timeouts and logs it has none.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

// What a connection could not send at once. While there is some, nothing is read from it.
struct backlog {
  char *bytes;
  size_t start, length;
};

static struct backlog *backlogs;
static int epoll_fd;
static char *buffer;
static size_t buffer_size = 128 * 1024;

static void fail(const char *what) {
  fprintf(stderr, "reference: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void watch(int op, int fd, unsigned mask) {
  struct epoll_event event = {.events = mask, .data.fd = fd};
  if (epoll_ctl(epoll_fd, op, fd, &event) < 0) fail("epoll_ctl");
}

static void drop(int fd) {
  free(backlogs[fd].bytes);
  backlogs[fd] = (struct backlog){0};
  close(fd);
}

static void flush(int fd) {
  struct backlog *backlog = &backlogs[fd];
  ssize_t sent = send(fd, backlog->bytes + backlog->start, backlog->length, MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno != EAGAIN) drop(fd);
    return;
  }
  backlog->start += (size_t)sent;
  backlog->length -= (size_t)sent;
  if (backlog->length == 0) watch(EPOLL_CTL_MOD, fd, EPOLLIN);
}

static void echo(int fd) {
  ssize_t received = recv(fd, buffer, buffer_size, 0);
  if (received <= 0) {
    if (received == 0 || errno != EAGAIN) drop(fd);
    return;
  }
  ssize_t sent = send(fd, buffer, (size_t)received, MSG_NOSIGNAL);
  if (sent == received) return;
  if (sent < 0 && errno != EAGAIN) {
    drop(fd);
    return;
  }
  if (sent < 0) sent = 0;
  struct backlog *backlog = &backlogs[fd];
  if (backlog->bytes == NULL && (backlog->bytes = malloc(buffer_size)) == NULL) fail("malloc");
  backlog->start = 0;
  backlog->length = (size_t)(received - sent);
  memcpy(backlog->bytes, buffer + sent, backlog->length);
  watch(EPOLL_CTL_MOD, fd, EPOLLOUT);
}

static void accept_from(int listener) {
  int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) watch(EPOLL_CTL_ADD, fd, EPOLLIN);
  else if (errno != EAGAIN && errno != ECONNABORTED) fail("accept4");
}

static void set(int fd, int level, int option, int value) {
  if (setsockopt(fd, level, option, &value, sizeof value) < 0) fail("setsockopt");
}

static int listen_on_loopback(void) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  if (fd < 0) fail("socket");
  set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 256 * 1024);
  set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 300);
  if (bind(fd, (struct sockaddr *)&address, length) < 0) fail("bind");
  if (listen(fd, 4096) < 0) fail("listen");
  if (getsockname(fd, (struct sockaddr *)&address, &length) < 0) fail("getsockname");
  printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

int main(int argc, char **argv) {
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) < 0) fail("getrlimit");
  files.rlim_cur = files.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &files) < 0) fail("setrlimit");
  if (argc > 1) buffer_size = strtoul(argv[1], NULL, 10);
  buffer = malloc(buffer_size);
  backlogs = calloc(files.rlim_max, sizeof *backlogs);
  if (buffer == NULL || backlogs == NULL) fail("malloc");
  if ((epoll_fd = epoll_create1(EPOLL_CLOEXEC)) < 0) fail("epoll_create1");
  int listener = listen_on_loopback();
  watch(EPOLL_CTL_ADD, listener, EPOLLIN);
  for (;;) {
    struct epoll_event events[256];
    int count = epoll_wait(epoll_fd, events, 256, -1);
    for (int index = 0; index < count; index++) {
      int fd = events[index].data.fd;
      if (fd == listener) accept_from(listener);
      else if (backlogs[fd].length > 0) flush(fd);
      else echo(fd);
    }
  }
}
