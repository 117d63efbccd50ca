// Closed-loop load for a server that answers requests: each request is the same, and so is each answer. Every byte
// of every answer is compared.
// Usage: exchange to=HOST:PORT [name=value]...     (the names: options.h; `bytes`, `active`, `cycle` and `hold` mean nothing)
//
// Standard input has two lines: the request and its answer, in hexadecimal. Digits `?` of the request stand for the
// connection's number, so that each has a key of its own. Each connection keeps `depth` requests in flight: as many
// are sent, in one call, as answers have come. The window opens after `warmup` seconds. At its ends the kernel is asked for
// the processor time of the server (`pid`). One line of JSON tells the requests, the window and both processor times.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "accounts.h"
#include "options.h"

#define INPUT_SIZE (256 * 1024)
#define STALLED_NS 10000000000u

struct connection {
  int fd;
  // The request, as often as it may be in flight.
  char *requests;
  // Bytes of the request that are to be sent, and bytes of the answer that have come.
  size_t unsent, received;
};

static struct connection *connections;
static size_t count, depth, ask_size, tell_size, tell_copies;
static char *ask, *tell, *input;
static int epoll_fd;
static uint64_t answered;

static void wrong(const char *what) {
  fprintf(stderr, "exchange: %s after %llu answers\n", what, (unsigned long long)answered);
  exit(1);
}

static char *read_line(size_t *size) {
  char *line = NULL;
  size_t room = 0;
  ssize_t length = getline(&line, &room, stdin);
  if (length < 3 || length % 2 == 0) misused("standard input");
  *size = (size_t)length / 2;
  for (size_t at = 0; at < *size; at++) {
    unsigned byte;
    if (sscanf(line + 2 * at, "%2x", &byte) != 1) misused("standard input");
    line[at] = (char)byte;
  }
  return line;
}

/** As often as fits into what is received at once, and once more: an answer may begin anywhere. */
static void repeat_answer(void) {
  tell_copies = INPUT_SIZE / tell_size + 2;
  tell = realloc(tell, tell_copies * tell_size);
  if (tell == NULL) fail("realloc");
  for (size_t copy = 1; copy < tell_copies; copy++)
    memcpy(tell + copy * tell_size, tell, tell_size);
}

static void number(char *request, size_t value) {
  for (size_t at = ask_size; at-- > 0;) {
    if (request[at] != '?') continue;
    request[at] = (char)('0' + value % 10);
    value /= 10;
  }
}

static void watch(struct connection *connection, int op, unsigned mask) {
  struct epoll_event event = {.events = mask, .data.ptr = connection};
  if (epoll_ctl(epoll_fd, op, connection->fd, &event) < 0) fail("epoll_ctl");
}

// What is left begins within a request, so that the last byte is always that of a request's end.
static void send_more(struct connection *connection, size_t requests) {
  int waited = connection->unsent > 0;
  connection->unsent += requests * ask_size;
  while (connection->unsent > 0) {
    char *from = connection->requests + depth * ask_size - connection->unsent;
    ssize_t sent = send(connection->fd, from, connection->unsent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EAGAIN) break;
    if (sent < 0) fail("send");
    connection->unsent -= (size_t)sent;
  }
  int waits = connection->unsent > 0;
  if (waits != waited) watch(connection, EPOLL_CTL_MOD, waits ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void open_connection(struct connection *connection, size_t index) {
  int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0) fail("setsockopt");
  struct sockaddr_in *server = &servers[index % server_count];
  if (connect(fd, (struct sockaddr *)server, sizeof *server) < 0) fail("connect");
  connection->fd = fd;
  connection->requests = malloc(depth * ask_size);
  if (connection->requests == NULL) fail("malloc");
  memcpy(connection->requests, ask, ask_size);
  number(connection->requests, index);
  for (size_t copy = 1; copy < depth; copy++)
    memcpy(connection->requests + copy * ask_size, connection->requests, ask_size);
  watch(connection, EPOLL_CTL_ADD, EPOLLIN);
}

static void receive(struct connection *connection) {
  ssize_t length = recv(connection->fd, input, INPUT_SIZE, MSG_DONTWAIT);
  if (length < 0 && errno == EAGAIN) return;
  if (length < 0) fail("recv");
  if (length == 0) wrong("the server closed a connection");
  if (memcmp(input, tell + connection->received, (size_t)length) != 0) wrong("a wrong byte came");
  size_t all = connection->received + (size_t)length, whole = all / tell_size;
  connection->received = all % tell_size;
  answered += whole;
  if (whole > depth) wrong("more came than was asked for");
  send_more(connection, whole);
}

static void run_for(double duration) {
  uint64_t now = now_ns(), stop = now + (uint64_t)(duration * 1e9), progress = now;
  for (uint64_t seen = answered; now < stop; now = now_ns()) {
    struct epoll_event events[256];
    int ready = epoll_wait(epoll_fd, events, 256, 100);
    for (int index = 0; index < ready; index++) {
      struct connection *connection = events[index].data.ptr;
      if (events[index].events & EPOLLOUT) send_more(connection, 0);
      if (events[index].events & ~(unsigned)EPOLLOUT) receive(connection);
    }
    if (answered != seen) progress = now;
    seen = answered;
    if (now > progress + STALLED_NS) wrong("nothing has come for 10 seconds");
  }
}

int main(int argc, char **argv) {
  parse_options(argc, argv);
  count = (size_t)connections_wanted;
  depth = (size_t)depth_wanted;
  ask = read_line(&ask_size);
  tell = read_line(&tell_size);
  repeat_answer();
  input = malloc(INPUT_SIZE);
  connections = calloc(count, sizeof *connections);
  if (input == NULL || connections == NULL) fail("malloc");
  if ((epoll_fd = epoll_create1(EPOLL_CLOEXEC)) < 0) fail("epoll_create1");
  for (size_t index = 0; index < count; index++) open_connection(&connections[index], index);
  for (size_t index = 0; index < count; index++) send_more(&connections[index], depth);
  run_for(warmup);
  int core = sched_getcpu();
  uint64_t before = answered;
  struct accounts from = read_accounts(core, (int)server_pid, (int)server_core);
  run_for(seconds);
  struct accounts to = read_accounts(core, (int)server_pid, (int)server_core);
  printf("{\"requests\":%llu,\"windowNs\":%llu,\"serverNs\":%llu,\"loadNs\":%llu}\n",
         (unsigned long long)(answered - before), (unsigned long long)(to.wall - from.wall),
         (unsigned long long)(to.other - from.other), (unsigned long long)(to.own - from.own));
  return 0;
}
