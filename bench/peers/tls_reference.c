// The limit with TLS: a single-threaded, level-triggered epoll echo in C on OpenSSL.
// Usage: tls_reference CERTIFICATE KEY. It prints `listening on 127.0.0.1:PORT`.
//
// It is as fair as reference.c: a receive buffer of 128 KiB, up to 256 events a wake, the same socket options.
// OpenSSL is set as wasmpoll sets it: partial writes, buffers released, tickets on, no session cache. It reads
// ahead, as a record costs two system calls otherwise. A reader that does not take what it is sent is paused;
// limits, timeouts and logs it has none.

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
#include <unistd.h>

#define BUFFER (128 * 1024)

struct connection {
  SSL *ssl;
  // What could not be sent at once. While there is some, nothing is read.
  char *backlog;
  size_t start, length;
};

static struct connection *connections;
static SSL_CTX *context;
static int epoll_fd;
static char buffer[BUFFER];

static void fail(const char *what) {
  fprintf(stderr, "tls_reference: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void refuse(const char *what) {
  fprintf(stderr, "tls_reference: %s: ", what);
  ERR_print_errors_fp(stderr);
  exit(1);
}

static void watch(int op, int fd, unsigned mask) {
  struct epoll_event event = {.events = mask, .data.fd = fd};
  if (epoll_ctl(epoll_fd, op, fd, &event) < 0) fail("epoll_ctl");
}

static void drop(int fd) {
  struct connection *connection = &connections[fd];
  SSL_free(connection->ssl);
  free(connection->backlog);
  *connection = (struct connection){0};
  close(fd);
}

// How much went out; −1 when the connection is gone.
static ssize_t write_some(int fd, const char *bytes, size_t length) {
  size_t done = 0;
  while (done < length) {
    int sent = SSL_write(connections[fd].ssl, bytes + done, (int)(length - done));
    if (sent > 0) {
      done += (size_t)sent;
      continue;
    }
    int why = SSL_get_error(connections[fd].ssl, sent);
    if (why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ) break;
    drop(fd);
    return -1;
  }
  return (ssize_t)done;
}

// All records that are there: what OpenSSL holds already is not reported by epoll.
static void echo(int fd) {
  struct connection *connection = &connections[fd];
  size_t received;
  do {
    received = 0;
    while (received < BUFFER) {
      int got = SSL_read(connection->ssl, buffer + received, (int)(BUFFER - received));
      if (got > 0) {
        received += (size_t)got;
        if (SSL_has_pending(connection->ssl)) continue;
        break;
      }
      if (SSL_get_error(connection->ssl, got) == SSL_ERROR_WANT_READ) break;
      drop(fd);
      return;
    }
    if (received == 0) return;
    ssize_t sent = write_some(fd, buffer, received);
    if (sent < 0) return;
    if ((size_t)sent < received) {
      if (connection->backlog == NULL) connection->backlog = malloc(BUFFER);
      if (connection->backlog == NULL) fail("malloc");
      connection->start = 0;
      connection->length = received - (size_t)sent;
      memcpy(connection->backlog, buffer + sent, connection->length);
      watch(EPOLL_CTL_MOD, fd, EPOLLOUT);
      return;
    }
  } while (received == BUFFER);
}

static void flush(int fd) {
  struct connection *connection = &connections[fd];
  ssize_t sent = write_some(fd, connection->backlog + connection->start, connection->length);
  if (sent < 0) return;
  connection->start += (size_t)sent;
  connection->length -= (size_t)sent;
  if (connection->length > 0) return;
  watch(EPOLL_CTL_MOD, fd, EPOLLIN);
  echo(fd);
}

static void accept_from(int listener) {
  int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) {
    if (errno != EAGAIN && errno != ECONNABORTED) fail("accept4");
    return;
  }
  SSL *ssl = SSL_new(context);
  if (ssl == NULL || SSL_set_fd(ssl, fd) != 1) refuse("SSL_new");
  SSL_set_accept_state(ssl);
  connections[fd].ssl = ssl;
  watch(EPOLL_CTL_ADD, fd, EPOLLIN);
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

static void configure(const char *certificate, const char *key) {
  context = SSL_CTX_new(TLS_server_method());
  if (context == NULL) refuse("SSL_CTX_new");
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_session_id_context(context, (const unsigned char *)"echo", 4);
  if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1) refuse(certificate);
  if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) refuse(key);
}

int main(int argc, char **argv) {
  struct rlimit files;
  if (argc != 3) {
    fprintf(stderr, "usage: tls_reference CERTIFICATE KEY\n");
    return 2;
  }
  // The BIO of a socket writes without MSG_NOSIGNAL.
  signal(SIGPIPE, SIG_IGN);
  if (getrlimit(RLIMIT_NOFILE, &files) < 0) fail("getrlimit");
  files.rlim_cur = files.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &files) < 0) fail("setrlimit");
  configure(argv[1], argv[2]);
  connections = calloc(files.rlim_max, sizeof *connections);
  if (connections == NULL) fail("calloc");
  if ((epoll_fd = epoll_create1(EPOLL_CLOEXEC)) < 0) fail("epoll_create1");
  int listener = listen_on_loopback();
  watch(EPOLL_CTL_ADD, listener, EPOLLIN);
  for (;;) {
    struct epoll_event events[256];
    int count = epoll_wait(epoll_fd, events, 256, -1);
    for (int index = 0; index < count; index++) {
      int fd = events[index].data.fd;
      if (fd == listener) accept_from(listener);
      else if (connections[fd].length > 0) flush(fd);
      else echo(fd);
    }
  }
}
