// Load for an echo server with TLS. Every byte that comes back is compared with what was sent.
// Usage: tls_load PORT. It reads commands, one a line, and answers each with a line:
//
//   echo BYTES MESSAGES    so many messages at least, in a closed loop over 50 connections that stay open; how many
//   shake COUNT RESUME     how many of so many handshakes, one after the other, went on with an earlier session
//   hold COUNT             opens so many connections, each with one message echoed, which stay open
//   clock PID              the processor time of a process in nanoseconds, threads that have ended included
//
// Sockets block: a record comes whole, or its rest is on its way.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS 50
#define MOST_BYTES (64 * 1024)
// What a connection sends repeats after a prime number of bytes, and each starts elsewhere in it.
#define PERIOD 65521
#define PATIENCE_SECONDS 20

struct connection {
  SSL *ssl;
  int fd;
  size_t at, received;
};

static struct connection open_ones[CONNECTIONS];
static int opened;
static SSL_CTX *context;
static SSL_SESSION *session;
static char pattern[PERIOD + MOST_BYTES], input[MOST_BYTES];
static uint16_t port;

static void fail(const char *what) {
  fprintf(stderr, "tls_load: %s: %s\n", what, strerror(errno));
  ERR_print_errors_fp(stderr);
  exit(1);
}

static int keep_session(SSL *ssl, SSL_SESSION *newest) {
  (void)ssl;
  SSL_SESSION_free(session);
  session = newest;
  return 1;
}

static struct connection connect_one(int resume) {
  static size_t made;
  struct connection connection = {.at = ++made * 7919 % PERIOD};
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
  int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0) fail("socket");
  if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0) fail("setsockopt");
  if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0) fail("connect");
  connection.fd = fd;
  connection.ssl = SSL_new(context);
  if (connection.ssl == NULL || SSL_set_fd(connection.ssl, fd) != 1) fail("SSL_new");
  if (resume && session != NULL) SSL_set_session(connection.ssl, session);
  if (SSL_connect(connection.ssl) != 1) fail("SSL_connect");
  return connection;
}

static void disconnect(struct connection *connection) {
  SSL_shutdown(connection->ssl);
  SSL_free(connection->ssl);
  close(connection->fd);
}

static void send_message(struct connection *connection, size_t bytes) {
  connection->received = 0;
  if (SSL_write(connection->ssl, pattern + connection->at, (int)bytes) != (int)bytes)
    fail("SSL_write");
}

// Whether the message is whole.
static int receive(struct connection *connection, size_t bytes) {
  do {
    int got = SSL_read(connection->ssl, input, (int)(bytes - connection->received));
    if (got <= 0) fail("SSL_read");
    if (memcmp(input, pattern + connection->at + connection->received, (size_t)got) != 0)
      fail("a wrong byte came back");
    connection->received += (size_t)got;
  } while (SSL_pending(connection->ssl) > 0 && connection->received < bytes);
  if (connection->received < bytes) return 0;
  connection->at = (connection->at + bytes) % PERIOD;
  return 1;
}

static void exchange(struct connection *connection, size_t bytes) {
  send_message(connection, bytes);
  while (!receive(connection, bytes));
}

static void echo(size_t bytes, unsigned long least) {
  int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  unsigned long messages = 0;
  if (epoll_fd < 0 || bytes < 1 || bytes > MOST_BYTES) fail("echo");
  for (; opened < CONNECTIONS; opened++) {
    open_ones[opened] = connect_one(0);
    exchange(&open_ones[opened], 1);
  }
  for (int index = 0; index < CONNECTIONS; index++) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &open_ones[index]};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, open_ones[index].fd, &event) < 0) fail("epoll_ctl");
    send_message(&open_ones[index], bytes);
  }
  for (int flying = CONNECTIONS; flying > 0;) {
    struct epoll_event events[CONNECTIONS];
    int ready = epoll_wait(epoll_fd, events, CONNECTIONS, PATIENCE_SECONDS * 1000);
    if (ready == 0) fail("nothing came back");
    for (int index = 0; index < ready; index++) {
      struct connection *connection = events[index].data.ptr;
      if (!receive(connection, bytes)) continue;
      messages++;
      if (messages + CONNECTIONS <= least) send_message(connection, bytes);
      else flying--;
    }
  }
  close(epoll_fd);
  printf("%lu\n", messages);
}

static void shake(int count, int resume) {
  int resumed = 0;
  for (int index = 0; index < count; index++) {
    struct connection connection = connect_one(resume);
    // With TLS 1.3 the ticket comes behind the handshake: it is read along with the answer.
    exchange(&connection, 1);
    resumed += SSL_session_reused(connection.ssl);
    disconnect(&connection);
  }
  printf("%d\n", resumed);
}

static void hold(int count) {
  for (int index = 0; index < count; index++) {
    struct connection connection = connect_one(0);
    exchange(&connection, 64);
  }
  printf("%d\n", count);
}

static void clock_of(int pid) {
  clockid_t clock;
  struct timespec time;
  if ((errno = clock_getcpuclockid(pid, &clock)) != 0) fail("clock_getcpuclockid");
  if (clock_gettime(clock, &time) < 0) fail("clock_gettime");
  printf("%lld\n", (long long)time.tv_sec * 1000000000 + time.tv_nsec);
}

int main(int argc, char **argv) {
  struct rlimit files;
  char line[128];
  uint32_t random = 1;
  if (argc != 2) return 2;
  signal(SIGPIPE, SIG_IGN);
  port = (uint16_t)atoi(argv[1]);
  if (getrlimit(RLIMIT_NOFILE, &files) < 0) fail("getrlimit");
  files.rlim_cur = files.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &files) < 0) fail("setrlimit");
  for (size_t at = 0; at < sizeof pattern; at++) {
    random = random * 1664525u + 1013904223u;
    pattern[at] = at < PERIOD ? (char)(random >> 24) : pattern[at - PERIOD];
  }
  if ((context = SSL_CTX_new(TLS_client_method())) == NULL) fail("SSL_CTX_new");
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, keep_session);
  printf("ready\n");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin) != NULL) {
    unsigned long bytes, messages;
    int number, resume;
    if (sscanf(line, "echo %lu %lu", &bytes, &messages) == 2) echo(bytes, messages);
    else if (sscanf(line, "shake %d %d", &number, &resume) == 2) shake(number, resume);
    else if (sscanf(line, "hold %d", &number) == 1) hold(number);
    else if (sscanf(line, "clock %d", &number) == 1) clock_of(number);
    else fail(line);
    fflush(stdout);
  }
  return 0;
}
