// NAME: answers each line with its number. docs/abi.md of the package wasmpoll has what a guest may do.

#include "wasmpoll.h"

WASMPOLL_GUEST

// What is kept for each connection. It outlives traps, and swaps of the module.
struct client {
  uint32_t lines;
};

WASMPOLL_EXPORT(state_size)
int32_t state_size(void) { return sizeof(struct client); }

static void number(int32_t connection, uint32_t value) {
  char text[11];
  int32_t at = sizeof text;
  text[--at] = ' ';
  do text[--at] = (char)('0' + value % 10);
  while ((value /= 10) > 0);
  wasmpoll_send(connection, text + at, (int32_t)sizeof text - at);
}

// Bytes have come: one line of them is answered, and called for the next one again.
WASMPOLL_EXPORT(on_data)
int32_t on_data(int32_t connection, struct client *client, const char *data, int32_t length) {
  for (int32_t at = 0; at < length; at += 1) {
    if (data[at] != '\n') continue;
    client->lines += 1;
    number(connection, client->lines);
    wasmpoll_send(connection, data, at + 1);
    return at + 1;
  }
  wasmpoll_want(connection, length + 1);
  return 0;
}
