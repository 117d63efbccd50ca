// Closed-loop load for an echo server. Every byte that comes back is compared with what was sent.
// Usage: load to=HOST:PORT[,HOST:PORT...] [name=value]...     (the names: options.h)
// Connections go to the servers in turn.
//
// Each active connection keeps `depth` messages in flight: the next is sent when one has come back,
// so a slow server gets less load, and latencies are those at the throughput shown. The window of
// measurement opens after all connections have had one message echoed, and `warmup` seconds more.
// At its ends the kernel is asked for the processor time of the server (`pid`, all of its threads),
// and for how long its `core` and this one were idle. One line of JSON tells all this, and latencies.
//
// cycle=1: each active slot connects, has one message echoed, half-closes, and waits for the end; a
// message is such a cycle. hold=1: `{"open":N}` is written when all are open, and they stay until
// standard input ends.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "accounts.h"
#include "histogram.h"
#include "options.h"

// What a connection sends repeats after a prime number of bytes, and each starts elsewhere in it: a
// message that is lost, doubled, or a stranger's does not look like the one that is due.
#define PERIOD 65521
#define INPUT_SIZE (256 * 1024)
#define OPEN_TOGETHER 100
// One source address has about 28,000 ports.
#define PORTS_USED 20000
#define CYCLE_ADDRESSES 16
#define STALLED_NS 10000000000u

struct connection {
  int fd, waits_for_room;
  // Positions in its stream of bytes.
  uint64_t start, sent, received, allowed;
  // When each of the messages in flight was sent, as a ring of `depth`.
  uint64_t *times;
};

static struct connection *connections;
static size_t count, size, depth;
static char *pattern, *input;
static size_t pattern_size;
static int epoll_fd;
// Connections that have not had their first message echoed; cycles are not counted.
static size_t opening;
static uint64_t progress;
static struct histogram latencies;

static void wrong(const char *what, uint64_t at) {
  fprintf(stderr, "load: %s after %llu bytes\n", what, (unsigned long long)at);
  exit(1);
}

static void watch(struct connection *connection, int op, unsigned mask) {
  struct epoll_event event = {.events = mask, .data.ptr = connection};
  if (epoll_ctl(epoll_fd, op, connection->fd, &event) < 0) fail("epoll_ctl");
}

static void send_allowed(struct connection *connection) {
  unsigned mask = EPOLLIN;
  while (connection->sent < connection->allowed) {
    size_t at = (size_t)((connection->start + connection->sent) % PERIOD);
    uint64_t part = connection->allowed - connection->sent;
    if (part > pattern_size - at) part = pattern_size - at;
    ssize_t sent = send(connection->fd, pattern + at, part, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) fail("send");
    if (sent > 0) connection->sent += (uint64_t)sent;
    if (sent == (ssize_t)part) continue;
    mask |= EPOLLOUT;
    break;
  }
  int waits = (mask & EPOLLOUT) != 0;
  if (waits != connection->waits_for_room) watch(connection, EPOLL_CTL_MOD, mask);
  connection->waits_for_room = waits;
}

// Blocking: on loopback the handshake is over when connect(2) returns. All else is MSG_DONTWAIT.
static void open_connection(struct connection *connection) {
  static size_t opened;
  size_t source = cycle != 0 ? opened % CYCLE_ADDRESSES : opened / PORTS_USED;
  int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  struct sockaddr_in local = {.sin_family = AF_INET};
  local.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (unsigned)first_source + (unsigned)source);
  if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one) < 0 ||
      bind(fd, (struct sockaddr *)&local, sizeof local) < 0)
    fail("bind");
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0) fail("setsockopt");
  struct sockaddr_in *server = &servers[opened % server_count];
  connection->fd = fd;
  connection->start = opened++ * 7919;
  connection->sent = connection->received = 0;
  connection->allowed = size;
  connection->times[0] = now_ns();
  if (connect(fd, (struct sockaddr *)server, sizeof *server) < 0) fail("connect");
  watch(connection, EPOLL_CTL_ADD, EPOLLIN);
  send_allowed(connection);
}

static void end_cycle(struct connection *connection) {
  histogram_record(&latencies, now_ns() - connection->times[0]);
  close(connection->fd);
  open_connection(connection);
}

static void compare(struct connection *connection, const char *from, size_t length) {
  if (connection->received + length > connection->sent)
    wrong("more came back than was sent", connection->sent);
  for (size_t part; length > 0; from += part, length -= part, connection->received += part) {
    size_t at = (size_t)((connection->start + connection->received) % PERIOD);
    part = length < pattern_size - at ? length : pattern_size - at;
    if (memcmp(from, pattern + at, part) != 0) wrong("a wrong byte came", connection->received);
  }
}

static void receive(struct connection *connection) {
  ssize_t length = recv(connection->fd, input, INPUT_SIZE, MSG_DONTWAIT);
  if (length < 0 && errno == EAGAIN) return;
  if (length < 0) fail("recv");
  int whole = connection->received == size;
  if (length == 0 && cycle != 0 && whole) {
    end_cycle(connection);
    return;
  }
  if (length == 0) wrong("the server closed a connection", connection->received);
  uint64_t message = connection->received / size, now = now_ns();
  compare(connection, input, (size_t)length);
  progress = now;
  for (; message < connection->received / size; message++) {
    if (opening > 0) {
      opening -= 1;
    } else if (cycle != 0) {
      if (shutdown(connection->fd, SHUT_WR) < 0) fail("shutdown");
    } else {
      histogram_record(&latencies, now - connection->times[message % depth]);
      connection->times[message % depth] = now;
      connection->allowed += size;
    }
  }
  send_allowed(connection);
}

/** One round of events. */
static void turn(uint64_t now) {
  struct epoll_event events[256];
  int ready = epoll_wait(epoll_fd, events, 256, 100);
  for (int index = 0; index < ready; index++) {
    struct connection *connection = events[index].data.ptr;
    if (events[index].events & EPOLLOUT) send_allowed(connection);
    if (events[index].events & ~(unsigned)EPOLLOUT) receive(connection);
  }
  if (now > progress + STALLED_NS) {
    fprintf(stderr, "load: nothing has come back for 10 seconds\n");
    exit(1);
  }
}

static void run_for(double duration) {
  uint64_t now = now_ns(), stop = now + (uint64_t)(duration * 1e9);
  for (progress = now; now < stop; now = now_ns()) turn(now);
}

/** A few at a time, so that no server's queue overflows; each is in use before the next are opened. */
static void open_all(void) {
  for (size_t index = 0; index < count; index++) {
    open_connection(&connections[index]);
    opening += cycle == 0;
    if (index + 1 < count && (index + 1) % OPEN_TOGETHER != 0) continue;
    for (progress = now_ns(); opening > 0;) turn(now_ns());
  }
}

static void start_active(void) {
  size_t active = active_wanted == 0 ? count : (size_t)active_wanted;
  for (size_t index = 0; index < active; index++) {
    struct connection *connection = &connections[index * count / active];
    for (size_t slot = 0; slot < depth; slot++) connection->times[slot] = now_ns();
    connection->allowed += size * depth;
    send_allowed(connection);
  }
}

static void report(struct accounts from, struct accounts to) {
  static const double percents[] = {50, 75, 90, 95, 99, 99.9, 99.99, 100};
  const struct {
    const char *name;
    uint64_t value;
  } counts[] = {
      {"messages", latencies.total},
      {"windowNs", to.wall - from.wall},
      {"serverNs", to.other - from.other},
      {"userTicks", to.user - from.user},
      {"systemTicks", to.system - from.system},
      {"loadNs", to.own - from.own},
      {"serverIdleNs", to.other_idle - from.other_idle},
      {"loadIdleNs", to.own_idle - from.own_idle},
  };
  for (size_t index = 0; index < sizeof counts / sizeof *counts; index++) {
    printf("%s\"%s\":%llu", index > 0 ? "," : "{", counts[index].name,
           (unsigned long long)counts[index].value);
  }
  for (size_t index = 0; index < sizeof percents / sizeof *percents; index++) {
    printf("%s\"%g\":%.2f", index > 0 ? "," : ",\"latencyUs\":{", percents[index],
           histogram_quantile(&latencies, percents[index] / 100) / 1000);
  }
  printf("}}\n");
}

static void hold_all(void) {
  char ignored[64];
  printf("{\"open\":%zu}\n", count);
  fflush(stdout);
  while (read(STDIN_FILENO, ignored, sizeof ignored) > 0);
  for (size_t index = 0; index < count; index++) {
    if (recv(connections[index].fd, input, 1, MSG_DONTWAIT) != -1 || errno != EAGAIN)
      wrong("an idle connection was not left alone", connections[index].received);
  }
}

static void prepare(void) {
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) < 0) fail("getrlimit");
  files.rlim_cur = files.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &files) < 0) fail("setrlimit");
  count = (size_t)connections_wanted;
  size = (size_t)bytes;
  depth = (size_t)depth_wanted;
  // Wherever a position stands in the period, a whole message or half a window follows it.
  pattern_size = PERIOD + (size > INPUT_SIZE ? size : INPUT_SIZE);
  pattern = malloc(pattern_size);
  input = malloc(INPUT_SIZE);
  connections = calloc(count, sizeof *connections);
  uint64_t *times = calloc(count * depth, sizeof *times);
  if (pattern == NULL || input == NULL || connections == NULL || times == NULL) fail("malloc");
  uint32_t random = 1;
  for (size_t at = 0; at < pattern_size; at++) {
    random = random * 1664525u + 1013904223u;
    pattern[at] = at < PERIOD ? (char)(random >> 24) : pattern[at - PERIOD];
  }
  for (size_t index = 0; index < count; index++) connections[index].times = times + index * depth;
  if ((epoll_fd = epoll_create1(EPOLL_CLOEXEC)) < 0) fail("epoll_create1");
}

int main(int argc, char **argv) {
  parse_options(argc, argv);
  prepare();
  open_all();
  if (hold != 0) {
    hold_all();
    return 0;
  }
  if (cycle == 0) start_active();
  run_for(warmup);
  histogram_clear(&latencies);
  int core = sched_getcpu();
  struct accounts from = read_accounts(core, (int)server_pid, (int)server_core);
  run_for(seconds);
  report(from, read_accounts(core, (int)server_pid, (int)server_core));
  return 0;
}
