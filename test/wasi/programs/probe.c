// What a POSIX program sees of its sockets, call by call: `probe NAME` accepts a client on descriptor 3
// and prints results in lines. The test plays the client, and expects the same lines of this program
// natively compiled. `ready` asks the client for its next step.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#ifndef __wasi__
#include <signal.h>
#endif

static char buffer[1024];

static const char *error_name(void) {
  switch (errno) {
    case EAGAIN: return "EAGAIN";
    case EBADF: return "EBADF";
    case ECONNRESET: return "ECONNRESET";
    case EINVAL: return "EINVAL";
    case ENOTSOCK: return "ENOTSOCK";
    case EPIPE: return "EPIPE";
    default: return strerror(errno);
  }
}

static void say(const char *what, long result) {
  if (result < 0) printf("%s: %s\n", what, error_name());
  else printf("%s: %ld\n", what, result);
}

static void ready(void) { puts("ready"); }

static void say_received(const char *what, long length) {
  if (length > 0) printf("%s: %.*s\n", what, (int)length, buffer);
  else say(what, length);
}

static void say_polled(const char *what, struct pollfd *polled, nfds_t count, int timeout) {
  printf("%s: %d", what, poll(polled, count, timeout));
  for (nfds_t index = 0; index < count; index++) {
    int events = polled[index].revents;
    printf(" [%s%s%s%s%s]", events & POLLIN ? "in" : "", events & POLLOUT ? "out" : "",
           events & POLLERR ? "err" : "", events & POLLHUP ? "hup" : "",
           events & POLLNVAL ? "nval" : "");
  }
  puts("");
}

static int accepted(void) {
  int client = accept(3, NULL, NULL);
  if (client < 0) perror("accept");
  return client;
}

static void set_nonblocking(int fd, int on) {
  int flags = fcntl(fd, F_GETFL);
  say("fcntl", fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK));
}

static double milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void wait_readable(int fd) {
  struct pollfd one = {.fd = fd, .events = POLLIN};
  poll(&one, 1, -1);
}

static void probe_timeouts(int client) {
  struct pollfd one = {.fd = client, .events = POLLIN};
  double start = milliseconds();
  say_polled("30 ms", &one, 1, 30);
  puts(milliseconds() - start >= 30 ? "not too early" : "too early");
  say_polled("at once", &one, 1, 0);
  start = milliseconds();
  say_polled("no descriptor, 30 ms", &one, 0, 30);
  struct timespec rest = {.tv_nsec = 30000000};
  say("nanosleep", nanosleep(&rest, NULL));
  puts(milliseconds() - start >= 60 ? "not too early" : "too early");
  one.events = POLLIN | POLLOUT;
  say_polled("ready before the time", &one, 1, 600000);
}

static void probe_sets(int client) {
  ready();
  wait_readable(client);
  struct pollfd same[2] = {{.fd = client, .events = POLLIN}, {.fd = client, .events = POLLOUT}};
  say_polled("twice in a set", same, 2, -1);
  struct pollfd mixed[3] = {{.fd = 3, .events = POLLIN},
                            {.fd = -1, .events = POLLIN},
                            {.fd = client, .events = POLLIN | POLLOUT}};
  say_polled("the first that is ready", mixed, 3, -1);
  struct pollfd bad[2] = {{.fd = 99, .events = POLLIN}, {.fd = client, .events = POLLOUT}};
  say_polled("one that is not open", bad, 2, -1);
  say_received("recv", recv(client, buffer, sizeof buffer, 0));
  say_polled("after it was read", same, 1, 0);
}

static void probe_end(int client) {
  ready();
  wait_readable(client);
  struct pollfd one = {.fd = client, .events = POLLIN | POLLOUT};
  poll(&one, 1, -1);
  puts(one.revents & POLLIN ? "readable" : "not readable");
  puts(one.revents & POLLHUP ? "hung up" : "not hung up");
  say("recv", recv(client, buffer, sizeof buffer, 0));
  say("recv again", recv(client, buffer, sizeof buffer, 0));
  say("send", send(client, "after the end", 13, 0));
}

static void probe_reset(int client) {
  ready();
  wait_readable(client);
  struct pollfd one = {.fd = client, .events = POLLIN | POLLOUT};
  poll(&one, 1, -1);
  puts(one.revents & (POLLIN | POLLERR | POLLHUP) ? "noticed" : "not noticed");
  say("recv", recv(client, buffer, sizeof buffer, 0));
  say("send", send(client, "x", 1, 0));
  say("close", close(client));
  say("recv", recv(client, buffer, sizeof buffer, 0));
}

static void say_selected(int fd) {
  fd_set reading, writing;
  FD_ZERO(&reading);
  FD_ZERO(&writing);
  FD_SET(fd, &reading);
  FD_SET(fd, &writing);
  struct timeval none = {0};
  printf("select: %d", select(fd + 1, &reading, &writing, NULL, &none));
  printf(" [%s%s]\n", FD_ISSET(fd, &reading) ? "in" : "", FD_ISSET(fd, &writing) ? "out" : "");
}

// What poll and select say of the client, whatever is asked for; and of poll without a time limit.
static void say_all(int client, const char *what) {
  static const struct {
    const char *name;
    short events;
  } rows[] = {{"in", POLLIN}, {"out", POLLOUT}, {"in, out", POLLIN | POLLOUT}};
  puts(what);
  for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
    struct pollfd one = {.fd = client, .events = rows[row].events};
    say_polled(rows[row].name, &one, 1, 0);
    if (one.revents != 0) say_polled("for ever", &one, 1, -1);
  }
  say_selected(client);
}

static void probe_finished(int client) {
  say_all(client, "connected");
  ready();
  wait_readable(client);
  say_all(client, "sent");
  say_received("recv", recv(client, buffer, sizeof buffer, 0));
  ready();
  wait_readable(client);
  say_all(client, "finished");
  say("recv", recv(client, buffer, sizeof buffer, 0));
  say_all(client, "finished and read");
}

static void probe_aborted(int client) {
  ready();
  wait_readable(client);
  say_all(client, "reset");
  say("recv", recv(client, buffer, sizeof buffer, 0));
  say_all(client, "reset and read");
}

static void probe_fionread(int client) {
  int waiting = -1;
  say("ioctl", ioctl(client, FIONREAD, &waiting));
  say("nothing", waiting);
  ready();
  wait_readable(client);
  ioctl(client, FIONREAD, &waiting);
  say("all", waiting);
  say_received("recv", recv(client, buffer, 2, 0));
  ioctl(client, FIONREAD, &waiting);
  say("rest", waiting);
}

static void probe_select(int client) {
  fd_set reading, writing;
  FD_ZERO(&reading);
  FD_ZERO(&writing);
  FD_SET(client, &reading);
  struct timeval none = {0}, short_time = {.tv_usec = 30000};
  say("nothing yet", select(client + 1, &reading, NULL, NULL, &none));
  FD_SET(client, &reading);
  double start = milliseconds();
  say("30 ms", select(client + 1, &reading, NULL, NULL, &short_time));
  puts(milliseconds() - start >= 30 ? "not too early" : "too early");
  ready();
  FD_SET(client, &reading);
  say("data", select(client + 1, &reading, NULL, NULL, NULL));
  FD_SET(3, &reading);
  FD_SET(client, &writing);
  say("both", select(client + 1, &reading, &writing, NULL, NULL));
  printf("%d %d %d\n", FD_ISSET(3, &reading) != 0, FD_ISSET(client, &reading) != 0,
         FD_ISSET(client, &writing) != 0);
}

static void probe_nonblocking(int client) {
  say("blocking", fcntl(client, F_GETFL) & O_NONBLOCK);
  set_nonblocking(client, 1);
  puts(fcntl(client, F_GETFL) & O_NONBLOCK ? "non-blocking" : "blocking");
  say("recv", recv(client, buffer, sizeof buffer, 0));
  say("read", read(client, buffer, sizeof buffer));
  set_nonblocking(client, 0);
  ready();
  say_received("recv", recv(client, buffer, sizeof buffer, 0));
  int on = 1;
  say("ioctl", ioctl(client, FIONBIO, &on));
  say("recv", recv(client, buffer, sizeof buffer, 0));
  // As much as the kernel takes of a client that does not read.
  static char block[1 << 20];
  long sent, whole = 0;
  while ((sent = send(client, block, sizeof block, 0)) > 0) whole += sent;
  say("send", sent);
  puts(whole > 0 ? "some was sent" : "nothing was sent");
}

static void say_type(const char *what, int fd) {
  int type = 0;
  socklen_t length = sizeof type;
  int result = getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length);
  if (result == 0 && type == SOCK_STREAM) printf("%s: stream\n", what);
  else say(what, result);
}

static void probe_types(int client) {
  say_type("listener", 3);
  say_type("client", client);
  say_type("standard input", 0);
  say_type("not open", 99);
  struct stat status;
  say("fstat", fstat(client, &status));
  puts(S_ISSOCK(status.st_mode) ? "a socket" : "not a socket");
  puts(isatty(client) ? "a terminal" : "not a terminal");
  puts(isatty(0) ? "a terminal" : "not a terminal");
  say("lseek", lseek(0, 0, SEEK_CUR));
  say("lseek", lseek(client, 0, SEEK_CUR) < 0 && errno == ESPIPE ? 0 : 1);
}

static void probe_flags(int client) {
  ready();
  wait_readable(client);
  say_received("peek", recv(client, buffer, sizeof buffer, MSG_PEEK));
  say_received("peek again", recv(client, buffer, 3, MSG_PEEK));
  say_received("recv", recv(client, buffer, sizeof buffer, 0));
  ready();
  say_received("all 10", recv(client, buffer, 10, MSG_WAITALL));
  ready();
  say_received("what there is at the end", recv(client, buffer, 10, MSG_WAITALL));
}

static void probe_shutdown(int client) {
  say("send", send(client, "last", 4, 0));
  say("shutdown", shutdown(client, SHUT_WR));
  say("send", send(client, "x", 1, 0));
  ready();
  say_received("recv", recv(client, buffer, 4, MSG_WAITALL));
  say("shutdown", shutdown(client, SHUT_RD));
  say("recv", recv(client, buffer, sizeof buffer, 0));
  say("standard input", shutdown(0, SHUT_WR));
  say("not open", shutdown(99, SHUT_WR));
}

static void probe_accept(int client) {
  // The lowest free numbers, as POSIX has it.
  say("first", client);
  set_nonblocking(3, 1);
  say("nobody", accept(3, NULL, NULL));
  ready();
  wait_readable(3);
  int second = accept4(3, NULL, NULL, SOCK_NONBLOCK);
  say("second", second);
  say("recv", recv(second, buffer, sizeof buffer, 0));
  say("close", close(client));
  ready();
  wait_readable(3);
  say("third", accept(3, NULL, NULL));
  say("of a client", accept(second, NULL, NULL));
  say("of standard input", accept(0, NULL, NULL));
  say("not open", accept(99, NULL, NULL));
  say("close", close(99));
}

static void probe_vectors(int client) {
  char first[3], rest[16];
  struct iovec into[2] = {{first, sizeof first}, {rest, sizeof rest}};
  ready();
  wait_readable(client);
  ssize_t length = readv(client, into, 2);
  printf("readv: %.3s|%.*s\n", first, (int)length - 3, rest);
  struct iovec from[3] = {{"one ", 4}, {"", 0}, {"two", 3}};
  say("writev", writev(client, from, 3));
  say("write", write(client, " three", 6));
  say("nothing", write(client, "", 0));
  ready();
  say_received("read", read(client, buffer, sizeof buffer));
  say("read", read(client, buffer, sizeof buffer));
}

static const struct {
  const char *name;
  void (*run)(int client);
} probes[] = {
    {"timeouts", probe_timeouts}, {"sets", probe_sets},
    {"end", probe_end},           {"reset", probe_reset},
    {"finished", probe_finished}, {"aborted", probe_aborted},
    {"fionread", probe_fionread}, {"select", probe_select},
    {"nonblocking", probe_nonblocking}, {"types", probe_types},
    {"flags", probe_flags},       {"shutdown", probe_shutdown},
    {"accept", probe_accept},     {"vectors", probe_vectors},
};

int main(int argc, char **argv) {
#ifndef __wasi__
  signal(SIGPIPE, SIG_IGN);
#endif
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (size_t index = 0; argc > 1 && index < sizeof probes / sizeof *probes; index++) {
    if (strcmp(argv[1], probes[index].name) != 0) continue;
    probes[index].run(accepted());
    return 0;
  }
  fprintf(stderr, "usage: probe NAME\n");
  return 2;
}
