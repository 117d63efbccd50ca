// A subset of Redis's protocol, RESP2: PING, ECHO, SET, GET and DEL. The host has the keys: all
// connections of all workers share them, and with --store they outlive the process.

#include "wasmpoll.h"

WASMPOLL_GUEST

enum { MAX_WORDS = 8, MAX_BULK = 60000, LONGEST_NUMBER = 32 };
enum { UNFINISHED = 0, WRONG = -1 };
// What a request was for: its tag.
enum { SET, GET, DEL };

struct word {
  const char *text;
  int32_t length;
};

// A number behind its mark. Returns where the line after it begins, UNFINISHED or WRONG.
static int32_t number(const char *data, int32_t at, int32_t length, char mark, int32_t most,
                      int32_t *value) {
  if (at < length && data[at] != mark) return WRONG;
  int32_t end = wasmpoll_find(data, at, length, '\n');
  if (end < 0) return length - at > LONGEST_NUMBER ? WRONG : UNFINISHED;
  int64_t parsed;
  if (data[end - 1] != '\r') return WRONG;
  if (!wasmpoll_read_decimal(data + at + 1, end - at - 2, 0, most, &parsed)) return WRONG;
  *value = (int32_t)parsed;
  return end + 1;
}

// "*" count CRLF, then count times "$" length CRLF bytes CRLF. Returns the command's length,
// UNFINISHED or WRONG.
static int32_t command(int32_t connection, const char *data, int32_t length, struct word *words,
                       int32_t *count) {
  int32_t at = number(data, 0, length, '*', MAX_WORDS, count);
  for (int32_t word = 0; at > 0 && word < *count; word += 1) {
    int32_t bytes;
    at = number(data, at, length, '$', MAX_BULK, &bytes);
    if (at <= 0) return at;
    words[word] = (struct word){data + at, bytes};
    at += bytes + 2;
    if (at > length) {
      return wasmpoll_want(connection, at) == WASMPOLL_STATUS_OK ? UNFINISHED : WRONG;
    }
    if (data[at - 2] != '\r' || data[at - 1] != '\n') return WRONG;
  }
  return at;
}

static void bulk(int32_t connection, const char *bytes, int32_t length) {
  char head[24] = "$";
  int32_t end = 1 + wasmpoll_decimal(head + 1, length);
  head[end] = '\r';
  head[end + 1] = '\n';
  wasmpoll_send(connection, head, end + 2);
  wasmpoll_send(connection, bytes, length);
  WASMPOLL_SEND(connection, "\r\n");
}

static int is(struct word word, const char *name, int32_t length) {
  if (word.length != length) return 0;
  for (int32_t at = 0; at < length; at += 1) {
    if ((word.text[at] | 0x20) != name[at]) return 0;
  }
  return 1;
}

// The next command waits for the answer, so that replies keep the order of commands.
static void ask(int32_t connection, int32_t status) {
  if (status == WASMPOLL_STATUS_OK) wasmpoll_pause(connection);
  else WASMPOLL_SEND(connection, "-ERR too much at once, or too long\r\n");
}

static void run(int32_t connection, const struct word *words, int32_t count) {
  const struct word name = words[0], key = words[1], value = words[2];
  if (is(name, "ping", 4) && count == 1) WASMPOLL_SEND(connection, "+PONG\r\n");
  else if (is(name, "echo", 4) && count == 2) bulk(connection, key.text, key.length);
  else if (is(name, "set", 3) && count == 3) {
    ask(connection, wasmpoll_store_put(connection, SET, key.text, key.length, value.text,
                                       value.length, 0, 0));
  } else if (is(name, "get", 3) && count == 2) {
    ask(connection, wasmpoll_store_get(connection, GET, key.text, key.length));
  } else if (is(name, "del", 3) && count == 2) {
    ask(connection, wasmpoll_store_delete(connection, DEL, key.text, key.length, 0));
  } else WASMPOLL_SEND(connection, "-ERR unknown command, or wrong number of arguments\r\n");
}

WASMPOLL_EXPORT(on_data)
int32_t on_data(int32_t connection, void *state, const char *data, int32_t length) {
  struct word words[MAX_WORDS] = {{0, 0}};
  int32_t count = 0;
  int32_t used = command(connection, data, length, words, &count);
  if (used > 0 && count > 0) run(connection, words, count);
  if (used != WRONG) return used;
  WASMPOLL_SEND(connection, "-ERR Protocol error\r\n");
  wasmpoll_close(connection, WASMPOLL_CLOSE_GRACEFUL);
  return length;
}

WASMPOLL_EXPORT(on_reply)
void on_reply(int32_t connection, void *state, int32_t tag, int32_t status, const char *data,
              int32_t length) {
  wasmpoll_resume(connection);
  if (status == WASMPOLL_STATUS_OK && tag == SET) WASMPOLL_SEND(connection, "+OK\r\n");
  else if (status == WASMPOLL_STATUS_OK && tag == DEL) WASMPOLL_SEND(connection, ":1\r\n");
  else if (status == WASMPOLL_STATUS_OK) {
    bulk(connection, data + WASMPOLL_VERSION_BYTES, length - WASMPOLL_VERSION_BYTES);
  } else if (status == WASMPOLL_STATUS_ABSENT) {
    if (tag == GET) WASMPOLL_SEND(connection, "$-1\r\n");
    else WASMPOLL_SEND(connection, ":0\r\n");
  } else if (status == WASMPOLL_STATUS_LIMIT) WASMPOLL_SEND(connection, "-OOM no room\r\n");
  else WASMPOLL_SEND(connection, "-ERR the store does not answer\r\n");
}
