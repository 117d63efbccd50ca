// Echo as the textbook has it: blocking calls, one client at a time. The listener is descriptor 3, as
// systemd and wasmpoll hand it over; apart from that this is any POSIX program.

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#ifndef __wasi__
#include <signal.h> // WASI has no signals
#endif

static char buffer[65536];

// Until the client has finished, or is lost.
static void echo(int client) {
  ssize_t length;
  while ((length = recv(client, buffer, sizeof buffer, 0)) > 0) {
    for (ssize_t sent = 0; sent < length;) {
      ssize_t taken = send(client, buffer + sent, (size_t)(length - sent), 0);
      if (taken < 0) return;
      sent += taken;
    }
  }
}

int main(void) {
#ifndef __wasi__
  signal(SIGPIPE, SIG_IGN);
#endif
  for (;;) {
    int client = accept(3, NULL, NULL);
    if (client >= 0) {
      echo(client);
      close(client);
    } else if (errno != ECONNABORTED) {
      perror("accept");
      return 1;
    }
  }
}
