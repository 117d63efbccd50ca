// What a command finds besides its sockets: arguments, environment, standard input, the directory
// /data, and the listeners behind it. `command STATUS …` prints it, serves one client, and exits so.

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static void say(const char *what, long result) {
  printf("%s: %s\n", what, result < 0 ? strerror(errno) : "done");
}

static void use_directory(void) {
  FILE *file = fopen("/data/new", "w");
  if (file == NULL) {
    say("fopen", -1);
    return;
  }
  fputs("twelve bytes", file);
  fclose(file);
  struct stat status;
  say("rename", rename("/data/new", "/data/renamed"));
  say("stat", stat("/data/renamed", &status));
  printf("%ld bytes\n", (long)status.st_size);
  DIR *directory = opendir("/data");
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    if (entry->d_name[0] != '.') printf("entry %s\n", entry->d_name);
  }
  closedir(directory);
  say("unlink", unlink("/data/renamed"));
  say("/etc/passwd", open("/etc/passwd", O_RDONLY));
  say("/data/../etc/passwd", open("/data/../etc/passwd", O_RDONLY));
}

static int first_listener(void) {
  for (int fd = 3;; fd++) {
    int type;
    socklen_t length = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0) return fd;
    if (errno == EBADF) return -1;
  }
}

int main(int argc, char **argv) {
  for (int index = 0; index < argc; index++) printf("argument %s\n", argv[index]);
  for (char **each = environ; *each != NULL; each++) printf("environment %s\n", *each);
  char line[100];
  while (fgets(line, sizeof line, stdin) != NULL) printf("input %s", line);
  use_directory();
  int listener = first_listener();
  printf("listener %d\n", listener);
  if (listener >= 0) {
    fflush(stdout);
    int client = accept(listener, NULL, NULL);
    send(client, "served\n", 7, 0);
    close(client);
  }
  fprintf(stderr, "exit %s\n", argv[1]);
  return atoi(argv[1]);
}
