// What a flood of handshakes takes from clients in clear, of one server.
// Usage: tls_flood CLEAR_PORT TLS_PORT MESSAGES HELLOS
//
// 50 connections in clear keep one message of 64 bytes each in flight. HELLOS others send a hello of TLS 1.3, and are
// reset and begun again at the first byte of the answer, so that each costs the server a key exchange and a signature.
// So many messages are answered without them, and so many with them, twice each: the first of each is served by code
// that is not compiled yet. A line for each tells how many hellos were answered meanwhile, and the median and the 99th
// of 100 of how long a message took there and back, in nanoseconds.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CLEAR 50
#define MOST_HELLOS 1000
#define SIZE 64
#define PATIENCE_MS 20000

struct connection {
  int fd, received;
  uint64_t sent_at;
};

static struct connection clear[CLEAR], floods[MOST_HELLOS];
static char hello[4096], text[SIZE], input[4096];
static size_t hello_length;
static int epoll_fd;
static uint64_t *waits;

static void fail(const char *what) {
  fprintf(stderr, "tls_flood: %s: %s\n", what, strerror(errno));
  exit(1);
}

static uint64_t now_ns(void) {
  struct timespec time;
  if (clock_gettime(CLOCK_MONOTONIC, &time) < 0) fail("clock_gettime");
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int connect_to(uint16_t port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0) fail("socket");
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
  return fd;
}

static void watch(struct connection *connection) {
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, connection->fd, &event) < 0) fail("epoll_ctl");
}

static void make_hello(void) {
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  SSL *ssl = context == NULL ? NULL : SSL_new(context);
  BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
  if (ssl == NULL || in == NULL || out == NULL) fail("SSL_new");
  SSL_set_bio(ssl, in, out);
  SSL_connect(ssl);
  int length = BIO_read(out, hello, sizeof hello);
  if (length <= 0) fail("there is no hello");
  hello_length = (size_t)length;
  SSL_free(ssl);
  SSL_CTX_free(context);
}

static void ask(struct connection *connection) {
  connection->received = 0;
  connection->sent_at = now_ns();
  if (send(connection->fd, text, SIZE, MSG_NOSIGNAL) != SIZE) fail("send");
}

static int is_answered(struct connection *connection) {
  ssize_t length = recv(connection->fd, input, SIZE, 0);
  if (length <= 0) fail("recv");
  connection->received += (int)length;
  return connection->received == SIZE;
}

static void begin_hello(struct connection *connection, uint16_t port) {
  connection->fd = connect_to(port);
  watch(connection);
  // It may be refused by now, which the next event tells.
  if (send(connection->fd, hello, hello_length, MSG_NOSIGNAL) < 0 && errno != EPIPE &&
      errno != ECONNRESET)
    fail("send");
}

// Whether a hello was answered.
static int again(struct connection *connection, uint16_t port) {
  struct linger at_once = {.l_onoff = 1, .l_linger = 0};
  ssize_t length = recv(connection->fd, input, sizeof input, 0);
  if (setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) < 0)
    fail("setsockopt");
  close(connection->fd);
  begin_hello(connection, port);
  return length > 0;
}

static int compare(const void *one, const void *other) {
  uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
  return (a > b) - (a < b);
}

static int is_clear(const struct connection *connection) {
  return connection >= clear && connection < clear + CLEAR;
}

static void measure(size_t messages, uint16_t flooded, size_t flooders) {
  size_t answered = 0, hellos = 0, flying = CLEAR;
  for (size_t index = 0; index < flooders; index++) begin_hello(&floods[index], flooded);
  for (size_t index = 0; index < CLEAR; index++) ask(&clear[index]);
  while (flying > 0) {
    struct epoll_event events[CLEAR + MOST_HELLOS];
    int count = epoll_wait(epoll_fd, events, CLEAR + MOST_HELLOS, PATIENCE_MS);
    if (count == 0) fail("nothing came back");
    // Answers are looked at first: what the flood takes of this program's time is no wait for the server.
    for (int index = 0; index < count; index++) {
      struct connection *connection = events[index].data.ptr;
      if (!is_clear(connection) || !is_answered(connection)) continue;
      waits[answered++] = now_ns() - connection->sent_at;
      if (answered + CLEAR <= messages) ask(connection);
      else flying--;
    }
    for (int index = 0; index < count; index++) {
      struct connection *connection = events[index].data.ptr;
      if (!is_clear(connection)) hellos += (size_t)again(connection, flooded);
    }
  }
  for (size_t index = 0; index < flooders; index++) close(floods[index].fd);
  qsort(waits, answered, sizeof *waits, compare);
  printf("%zu %llu %llu\n", hellos, (unsigned long long)waits[answered / 2],
         (unsigned long long)waits[answered * 99 / 100]);
  fflush(stdout);
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  uint16_t port = (uint16_t)atoi(argv[1]), flooded = (uint16_t)atoi(argv[2]);
  size_t messages = strtoul(argv[3], NULL, 10), flooders = strtoul(argv[4], NULL, 10);
  if (messages < CLEAR || flooders > MOST_HELLOS) return 2;
  signal(SIGPIPE, SIG_IGN);
  waits = calloc(messages + CLEAR, sizeof *waits);
  if (waits == NULL) fail("calloc");
  if ((epoll_fd = epoll_create1(EPOLL_CLOEXEC)) < 0) fail("epoll_create1");
  make_hello();
  for (size_t index = 0; index < CLEAR; index++) {
    clear[index].fd = connect_to(port);
    watch(&clear[index]);
  }
  for (int times = 0; times < 2; times++) {
    measure(messages, flooded, 0);
    measure(messages, flooded, flooders);
  }
  return 0;
}
