// NAME: answers each line with its number. Edit it while `npx wasmpoll dev` serves it.

#include "wasmpoll.h"

WASMPOLL_GUEST

// What is kept for each connection. It outlives traps, and swaps of the module.
struct client {
  uint32_t lines;
};

WASMPOLL_EXPORT(state_size)
int32_t state_size(void) { return sizeof(struct client); }

// Bytes have come: one line of them is answered, and this is called again for the next one.
WASMPOLL_EXPORT(on_data)
int32_t on_data(int32_t connection, struct client *client, const char *data, int32_t length) {
  const int32_t end = wasmpoll_find(data, 0, length, '\n');
  if (end >= 0) {
    client->lines += 1;
    char number[24];
    int32_t digits = wasmpoll_decimal(number, client->lines);
    number[digits] = ' ';
    wasmpoll_send(connection, number, digits + 1);
    wasmpoll_send(connection, data, end + 1);
    return end + 1;
  }
  if (wasmpoll_want(connection, length + 1) != WASMPOLL_STATUS_OK) {
    wasmpoll_send(connection, "that line is too long\n", 22);
    wasmpoll_close(connection, WASMPOLL_CLOSE_GRACEFUL);
  }
  return 0;
}
