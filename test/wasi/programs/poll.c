// Echo for many clients with poll(2) and non-blocking sockets. The listeners are the descriptors from
// 3 on, LISTEN_FDS of them; apart from that this is any POSIX program.
//
// A client's input is read when nothing of it is unsent, so a slow reader costs one buffer.

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#ifndef __wasi__
#include <signal.h> // WASI has no signals
#endif

#define FIRST_LISTENER 3
#define BUFFER_BYTES 65536

// What was received and stands unsent: [start, end) of the buffer, which is there only meanwhile.
struct client {
  char *unsent;
  size_t start, end;
};

// Side by side; the listeners' places in `clients` are unused.
static struct pollfd *polled;
static struct client *clients;
static size_t count, room, listeners;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void set_nonblocking(int fd) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) fail("fcntl");
}

static void add(int fd) {
  if (count == room) {
    room = room == 0 ? 16 : 2 * room;
    polled = realloc(polled, room * sizeof *polled);
    clients = realloc(clients, room * sizeof *clients);
    if (polled == NULL || clients == NULL) fail("realloc");
  }
  polled[count] = (struct pollfd){.fd = fd, .events = POLLIN};
  clients[count] = (struct client){0};
  count += 1;
}

// The last one takes its place.
static void drop(size_t index) {
  close(polled[index].fd);
  free(clients[index].unsent);
  count -= 1;
  polled[index] = polled[count];
  clients[index] = clients[count];
}

static void accept_all(int listener) {
  for (;;) {
    int client = accept(listener, NULL, NULL);
    if (client >= 0) {
      set_nonblocking(client);
      add(client);
    } else if (errno == EAGAIN) {
      return;
    } else if (errno != ECONNABORTED && errno != EINTR) {
      fail("accept");
    }
  }
}

// False when the client is lost. What the kernel does not take is kept.
static bool send_some(int fd, struct client *client, const char *data, size_t length) {
  ssize_t sent = send(fd, data, length, 0);
  if (sent < 0 && errno != EAGAIN) return false;
  if (sent < 0) sent = 0;
  if ((size_t)sent == length) {
    free(client->unsent);
    *client = (struct client){0};
    return true;
  }
  if (client->unsent == NULL) {
    client->unsent = malloc(length);
    if (client->unsent == NULL) fail("malloc");
    memcpy(client->unsent, data, length);
    client->end = length;
  }
  client->start += (size_t)sent;
  return true;
}

// False when the client has finished, or is lost.
static bool serve(int fd, struct client *client) {
  static char buffer[BUFFER_BYTES];
  if (client->unsent != NULL) {
    size_t length = client->end - client->start;
    return send_some(fd, client, client->unsent + client->start, length);
  }
  ssize_t length = recv(fd, buffer, sizeof buffer, 0);
  if (length < 0) return errno == EAGAIN;
  return length > 0 && send_some(fd, client, buffer, (size_t)length);
}

int main(void) {
#ifndef __wasi__
  signal(SIGPIPE, SIG_IGN);
#endif
  const char *handed = getenv("LISTEN_FDS");
  int number = handed == NULL ? 1 : atoi(handed);
  for (int fd = FIRST_LISTENER; fd < FIRST_LISTENER + number; fd++) {
    set_nonblocking(fd);
    add(fd);
  }
  listeners = count;
  for (;;) {
    if (poll(polled, count, -1) < 0) fail("poll");
    // Backwards: what takes the place of one that is dropped has been looked at.
    for (size_t index = count; index-- > listeners;) {
      if (polled[index].revents == 0) continue;
      if (serve(polled[index].fd, &clients[index])) {
        polled[index].events = clients[index].unsent == NULL ? POLLIN : POLLOUT;
      } else {
        drop(index);
      }
    }
    for (size_t index = 0; index < listeners; index++) {
      if (polled[index].revents != 0) accept_all(polled[index].fd);
    }
  }
}
