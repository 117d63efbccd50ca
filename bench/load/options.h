// What load.c can be asked for on its command line. Numbers are kept as they are written.

#ifndef LOAD_OPTIONS_H
#define LOAD_OPTIONS_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SERVERS 1024

static double connections_wanted = 50, active_wanted, bytes = 64, depth_wanted = 1;
static double seconds = 1, warmup = 0.2, server_pid, server_core = -1, cycle, hold, first_source;
static const struct {
  const char *name;
  double *value, min, max;
} options[] = {
    {"connections", &connections_wanted, 1, 1e6},
    {"active", &active_wanted, 0, 1e6},  // 0: all
    {"bytes", &bytes, 1, 1e8},
    {"depth", &depth_wanted, 1, 1024},
    {"seconds", &seconds, 0.01, 3600},
    {"warmup", &warmup, 0, 3600},
    {"pid", &server_pid, 0, 1e9},  // 0: no server's processor time
    {"core", &server_core, -1, 1e6},   // the one that the server is pinned to
    {"cycle", &cycle, 0, 1},
    {"hold", &hold, 0, 1},
    {"source", &first_source, 0, 60000},  // added to 127.0.0.1, the address it connects from
};

static struct sockaddr_in servers[MAX_SERVERS];
static size_t server_count;

static void misused(const char *argument) {
  fprintf(stderr, "load: cannot use '%s'; wanted to=HOST:PORT and", argument);
  for (size_t index = 0; index < sizeof options / sizeof *options; index++) {
    fprintf(stderr, " %s=%g..%g", options[index].name, options[index].min, options[index].max);
  }
  fprintf(stderr, "\n");
  exit(2);
}

static int parse_servers(const char *text) {
  for (int used = 0; server_count < MAX_SERVERS; text += used + 1) {
    struct sockaddr_in *server = &servers[server_count++];
    char host[INET_ADDRSTRLEN];
    unsigned port;
    if (sscanf(text, "%15[0-9.]:%5u%n", host, &port, &used) != 2) return 0;
    if (port < 1 || port > 65535 || inet_pton(AF_INET, host, &server->sin_addr) != 1) return 0;
    server->sin_family = AF_INET;
    server->sin_port = htons((uint16_t)port);
    if (text[used] == 0) return 1;
    if (text[used] != ',') return 0;
  }
  return 0;
}

static void parse(const char *argument) {
  const char *sign = strchr(argument, '=');
  if (sign == NULL) misused(argument);
  size_t length = (size_t)(sign - argument);
  if (length == 2 && strncmp(argument, "to", 2) == 0 && parse_servers(sign + 1)) return;
  for (size_t index = 0; index < sizeof options / sizeof *options; index++) {
    if (strlen(options[index].name) != length) continue;
    if (strncmp(options[index].name, argument, length) != 0) continue;
    char *end;
    *options[index].value = strtod(sign + 1, &end);
    if (end == sign + 1 || *end != 0) break;
    if (!(*options[index].value >= options[index].min)) break;
    if (*options[index].value <= options[index].max) return;
  }
  misused(argument);
}

static void parse_options(int argc, char **argv) {
  for (int index = 1; index < argc; index++) parse(argv[index]);
  if (server_count == 0) misused("no server");
  if (active_wanted > connections_wanted) misused("more active than there are connections");
}

#endif
