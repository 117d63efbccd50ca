// Processor time, as the kernel accounts it: this process's, and another one's with all its threads.
// It knows nothing of what they do.

#ifndef ACCOUNTS_H
#define ACCOUNTS_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static inline void fail(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  exit(1);
}

static inline uint64_t read_clock(clockid_t clock) {
  struct timespec time;
  if (clock_gettime(clock, &time) < 0) fail("clock_gettime");
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static inline uint64_t now_ns(void) { return read_clock(CLOCK_MONOTONIC); }

struct accounts {
  // Nanoseconds.
  uint64_t wall, own, other;
  // The other one's once more, by mode, sampled in ticks.
  uint64_t user, system;
  // For how long their cores were idle, in nanoseconds, counted in ticks; 0 for core −1.
  uint64_t own_idle, other_idle;
};

// proc(5): utime and stime are fields 14 and 15, in ticks; the name before them may hold anything.
static inline void read_ticks(struct accounts *accounts, int pid) {
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *file = fopen(path, "r");
  if (file == NULL) fail(path);
  text[fread(text, 1, sizeof text - 1, file)] = 0;
  fclose(file);
  char *field = strrchr(text, ')');
  for (int number = 2; field != NULL && number < 14; number++) field = strchr(field + 1, ' ');
  if (field == NULL) fail(path);
  accounts->user = strtoull(field, &field, 10);
  accounts->system = strtoull(field, NULL, 10);
}

// proc(5): `cpuN user nice system idle iowait ...`, in ticks.
static inline uint64_t read_idle(int core) {
  char line[512], name[16];
  uint64_t idle = 0, waiting = 0;
  FILE *file = fopen("/proc/stat", "r");
  if (file == NULL) fail("/proc/stat");
  snprintf(name, sizeof name, "cpu%d ", core);
  while (fgets(line, sizeof line, file) != NULL) {
    if (strncmp(line, name, strlen(name)) != 0) continue;
    if (sscanf(line, "%*s %*u %*u %*u %lu %lu", &idle, &waiting) != 2) fail("/proc/stat");
  }
  fclose(file);
  return (idle + waiting) * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
}

/**
 * Of this process and, unless it is 0, of the one with that pid: its clock counts all of its threads,
 * those that have ended included.
 */
static inline struct accounts read_accounts(int core, int pid, int other_core) {
  struct accounts accounts = {.wall = now_ns(), .own = read_clock(CLOCK_PROCESS_CPUTIME_ID)};
  clockid_t clock;
  accounts.own_idle = read_idle(core);
  accounts.other_idle = read_idle(other_core);
  if (pid == 0) return accounts;
  if ((errno = clock_getcpuclockid(pid, &clock)) != 0) fail("clock_getcpuclockid");
  accounts.other = read_clock(clock);
  read_ticks(&accounts, pid);
  return accounts;
}

#endif
