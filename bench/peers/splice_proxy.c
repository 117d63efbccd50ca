// The limit of a proxy: a single-threaded, level-triggered epoll loop in C that connects each client to one upstream.
// Usage: splice_proxy PORT splice|copy. It prints `listening on 127.0.0.1:PORT`.
//
// With `splice` bytes stay in the kernel and go through a pipe for each direction (splice(2)); with `copy` they go through
// a buffer of 128 KiB. Half-closes are passed on, and a reset of one side resets the other. Limits, timeouts and logs it
// has none.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK (128 * 1024)
// Pipes that are empty again are kept for the next connections.
#define SPARE 1024

struct pair;

// One direction's source: what was read from `fd` waits in the pipe, or in `rest`, for the other end.
struct end {
  struct pair *pair;
  struct end *other;
  int fd;
  unsigned watched;
  int pipe[2];
  char *rest;
  size_t start, held;
  int ended, finished, connected;
};

struct pair {
  struct end client, server;
  struct pair *next_dead;
  int dead;
};

static int epoll_fd, splices;
static struct sockaddr_in upstream = {.sin_family = AF_INET};
static char buffer[CHUNK];
static int spare[SPARE][2];
static int spares;
static struct pair *dead;

static void fail(const char *what) {
  fprintf(stderr, "splice_proxy: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void drop(struct pair *pair) {
  struct end *ends[] = {&pair->client, &pair->server};
  if (pair->dead) return;
  pair->dead = 1;
  for (int index = 0; index < 2; index++) {
    struct end *end = ends[index];
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    if (!end->ended || !end->finished) setsockopt(end->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(end->fd);
    free(end->rest);
    if (end->pipe[0] < 0) continue;
    if (end->held == 0 && spares < SPARE) {
      memcpy(spare[spares++], end->pipe, sizeof end->pipe);
      continue;
    }
    close(end->pipe[0]);
    close(end->pipe[1]);
  }
  // Events of this turn may still name it.
  pair->next_dead = dead;
  dead = pair;
}

static void watch(struct end *end) {
  unsigned mask = !end->ended && end->held == 0 && end->other->connected ? EPOLLIN : 0;
  if (end->other->held > 0 || !end->connected) mask |= EPOLLOUT;
  if (mask == end->watched) return;
  struct epoll_event event = {.events = mask, .data.ptr = end};
  if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, end->fd, &event) < 0) fail("epoll_ctl");
  end->watched = mask;
}

static int open_pipe(struct end *end) {
  if (end->pipe[0] >= 0) return 0;
  if (spares > 0) {
    memcpy(end->pipe, spare[--spares], sizeof end->pipe);
    return 0;
  }
  return pipe2(end->pipe, O_NONBLOCK | O_CLOEXEC);
}

// Sends what waits of `end` to the other one. Returns −1 when the pair is lost.
static int flush(struct end *end) {
  while (end->held > 0) {
    ssize_t sent = splices ? splice(end->pipe[0], NULL, end->other->fd, NULL, end->held,
                                    SPLICE_F_MOVE | SPLICE_F_NONBLOCK)
                           : send(end->other->fd, end->rest + end->start, end->held, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) return 0;
    if (sent <= 0) return -1;
    end->start += (size_t)sent;
    end->held -= (size_t)sent;
  }
  free(end->rest);
  end->rest = NULL;
  if (end->ended && !end->other->finished) {
    end->other->finished = 1;
    if (shutdown(end->other->fd, SHUT_WR) < 0 && errno != ENOTCONN) return -1;
  }
  return 0;
}

static int move(struct end *end) {
  ssize_t got;
  if (splices) {
    if (open_pipe(end) < 0) return -1;
    got = splice(end->fd, NULL, end->pipe[1], NULL, CHUNK, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  } else {
    got = recv(end->fd, buffer, CHUNK, 0);
  }
  if (got < 0) return errno == EAGAIN ? 0 : -1;
  if (got == 0) end->ended = 1;
  if (got > 0 && !splices) {
    ssize_t sent = send(end->other->fd, buffer, (size_t)got, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return -1;
    if (sent < 0) sent = 0;
    if (sent == got) return 0;
    if ((end->rest = malloc((size_t)(got - sent))) == NULL) return -1;
    memcpy(end->rest, buffer + sent, (size_t)(got - sent));
    end->start = 0;
    got -= sent;
  }
  end->held += (size_t)got;
  return flush(end);
}

static void serve(struct end *end, unsigned events) {
  struct pair *pair = end->pair;
  if (pair->dead) return;
  if (!end->connected && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(end->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
      drop(pair);
      return;
    }
    end->connected = 1;
  }
  int lost = (events & EPOLLERR) != 0;
  if (!lost && (events & EPOLLOUT) != 0 && end->other->held > 0) lost = flush(end->other) < 0;
  if (!lost && (events & (EPOLLIN | EPOLLHUP)) != 0 && !end->ended && end->held == 0) lost = move(end) < 0;
  if (lost || (end->finished && end->other->finished)) {
    drop(pair);
    return;
  }
  watch(end);
  watch(end->other);
}

static void add(struct end *end, struct pair *pair, struct end *other, int fd, unsigned mask) {
  int one = 1;
  *end = (struct end){.pair = pair, .other = other, .fd = fd, .watched = mask, .pipe = {-1, -1}};
  struct epoll_event event = {.events = mask, .data.ptr = end};
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0) fail("setsockopt");
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) fail("epoll_ctl");
}

static void accept_all(int listener) {
  for (int times = 0; times < 64; times++) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    int up = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct pair *pair = calloc(1, sizeof *pair);
    if (up < 0 || pair == NULL) fail("socket");
    if (connect(up, (struct sockaddr *)&upstream, sizeof upstream) < 0 && errno != EINPROGRESS)
      fail("connect");
    add(&pair->client, pair, &pair->server, fd, 0);
    add(&pair->server, pair, &pair->client, up, EPOLLOUT);
    pair->client.connected = 1;
  }
}

int main(int argc, char **argv) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t size = sizeof address;
  struct rlimit files;
  int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (argc != 3) return 2;
  splices = strcmp(argv[2], "splice") == 0;
  upstream.sin_port = htons((uint16_t)atoi(argv[1]));
  address.sin_addr.s_addr = upstream.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  signal(SIGPIPE, SIG_IGN);
  if (getrlimit(RLIMIT_NOFILE, &files) < 0) fail("getrlimit");
  files.rlim_cur = files.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &files) < 0) fail("setrlimit");
  if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0) fail("setsockopt");
  if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 4096) < 0) fail("listen");
  if (getsockname(listener, (struct sockaddr *)&address, &size) < 0) fail("getsockname");
  if ((epoll_fd = epoll_create1(EPOLL_CLOEXEC)) < 0) fail("epoll_create1");
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event) < 0) fail("epoll_ctl");
  printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
  fflush(stdout);
  for (;;) {
    struct epoll_event events[256];
    int ready = epoll_wait(epoll_fd, events, 256, -1);
    if (ready < 0 && errno != EINTR) fail("epoll_wait");
    for (int index = 0; index < ready; index++) {
      if (events[index].data.ptr == NULL) accept_all(listener);
      else serve(events[index].data.ptr, events[index].events);
    }
    while (dead != NULL) {
      struct pair *next = dead->next_dead;
      free(dead);
      dead = next;
    }
  }
}
