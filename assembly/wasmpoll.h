// Guest ABI 1 for C11: what docs/abi.md describes. Numbers are those of abi.ts; a test compares
// them. docs/languages.md introduces it.

#ifndef WASMPOLL_H
#define WASMPOLL_H

#include <stdint.h>
#include "wasmpoll-bytes.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WASMPOLL_STATUS_OK 0
#define WASMPOLL_STATUS_CLOSED (-1)
#define WASMPOLL_STATUS_BOUNDS (-2)
#define WASMPOLL_STATUS_LIMIT (-3)
#define WASMPOLL_STATUS_STATE (-4)
#define WASMPOLL_STATUS_ABSENT (-5)
#define WASMPOLL_STATUS_CONFLICT (-6)
#define WASMPOLL_STATUS_UNAVAILABLE (-7)
#define WASMPOLL_STATUS_UNKNOWN (-8)
#define WASMPOLL_STATUS_DENIED (-9)

#define WASMPOLL_CLOSE_GRACEFUL 0
#define WASMPOLL_CLOSE_ABORT 1
#define WASMPOLL_CLOSE_OUTPUT 2

#define WASMPOLL_CONNECT_LINK 1

#define WASMPOLL_JOIN_PATTERN 1
#define WASMPOLL_JOIN_QUIET 2
#define WASMPOLL_JOIN_SHARED 4

#define WASMPOLL_PUBLISH_RETAIN 1
#define WASMPOLL_PUBLISH_OTHERS 2

#define WASMPOLL_MESSAGE_RETAINED 1
#define WASMPOLL_MESSAGE_DIRECT 2

#define WASMPOLL_LOG_DEBUG 0
#define WASMPOLL_LOG_INFO 1
#define WASMPOLL_LOG_WARN 2
#define WASMPOLL_LOG_ERROR 3

#define WASMPOLL_METRIC_COUNTER 0
#define WASMPOLL_METRIC_GAUGE 1
#define WASMPOLL_METRIC_HISTOGRAM 2

#define WASMPOLL_REASON_PEER 1
#define WASMPOLL_REASON_GUEST 2
#define WASMPOLL_REASON_FRAME 3
#define WASMPOLL_REASON_LIMIT 4
#define WASMPOLL_REASON_IDLE 5
#define WASMPOLL_REASON_WRITE_TIMEOUT 6
#define WASMPOLL_REASON_FRAME_TIMEOUT 7
#define WASMPOLL_REASON_TRAP 8
#define WASMPOLL_REASON_HUNG 9
#define WASMPOLL_REASON_SHUTDOWN 10
#define WASMPOLL_REASON_ERROR 11
#define WASMPOLL_REASON_MEMORY 12
#define WASMPOLL_REASON_CONNECT 13
#define WASMPOLL_REASON_TLS 14
#define WASMPOLL_REASON_PROXY 15

// In front of a value that on_reply brings.
enum { WASMPOLL_VERSION_BYTES = 8 };

// One of the rows that on_replies is given: what on_reply would be called with.
struct wasmpoll_reply {
  int32_t tag;
  int32_t status;
  const uint8_t *data;
  int32_t length;
};

#define WASMPOLL_IMPORT(name) __attribute__((import_module("wasmpoll"), import_name(#name)))
// Put before the definition of each callback: WASMPOLL_EXPORT(on_data) int32_t on_data(…) { … }
#define WASMPOLL_EXPORT(name) __attribute__((export_name(#name)))

WASMPOLL_IMPORT(send)
int32_t wasmpoll_send(int32_t connection, const void *data, int32_t length);
WASMPOLL_IMPORT(close)
int32_t wasmpoll_close(int32_t connection, int32_t how);
WASMPOLL_IMPORT(pause)
int32_t wasmpoll_pause(int32_t connection);
WASMPOLL_IMPORT(resume)
int32_t wasmpoll_resume(int32_t connection);
WASMPOLL_IMPORT(want)
int32_t wasmpoll_want(int32_t connection, int32_t bytes);
WASMPOLL_IMPORT(set_timer)
int32_t wasmpoll_set_timer(int32_t connection, int32_t milliseconds);
WASMPOLL_IMPORT(peer_address)
int32_t wasmpoll_peer_address(int32_t connection, void *buffer, int32_t capacity);
WASMPOLL_IMPORT(property)
int32_t wasmpoll_property(int32_t connection, const void *key, int32_t key_length, void *buffer,
                          int32_t capacity);
WASMPOLL_IMPORT(start_tls)
int32_t wasmpoll_start_tls(int32_t connection);
WASMPOLL_IMPORT(connect)
int32_t wasmpoll_connect(int32_t parent, const void *upstream, int32_t length, int32_t flags);
WASMPOLL_IMPORT(splice)
int32_t wasmpoll_splice(int32_t a, int32_t b);
WASMPOLL_IMPORT(now)
double wasmpoll_now(void);
WASMPOLL_IMPORT(wall_clock)
double wasmpoll_wall_clock(void);
WASMPOLL_IMPORT(random)
int32_t wasmpoll_random(void *buffer, int32_t length);
WASMPOLL_IMPORT(config)
int32_t wasmpoll_config(void *buffer, int32_t capacity);
WASMPOLL_IMPORT(metric)
int32_t wasmpoll_metric(int32_t kind, const void *name, int32_t length);
WASMPOLL_IMPORT(measure)
int32_t wasmpoll_measure(int32_t id, double value);
WASMPOLL_IMPORT(log)
void wasmpoll_log(int32_t level, const void *text, int32_t length);
WASMPOLL_IMPORT(join)
int32_t wasmpoll_join(int32_t connection, int32_t tag, const void *topic, int32_t topic_length,
                      int32_t flags);
WASMPOLL_IMPORT(leave)
int32_t wasmpoll_leave(int32_t connection, const void *topic, int32_t topic_length, int32_t flags);
WASMPOLL_IMPORT(publish)
int32_t wasmpoll_publish(const void *topic, int32_t topic_length, const void *data, int32_t length,
                         int32_t flags);
WASMPOLL_IMPORT(publish_for)
int32_t wasmpoll_publish_for(const void *topic, int32_t topic_length, const void *data,
                             int32_t length, int32_t flags, uint32_t ttl_ms);
WASMPOLL_IMPORT(store_get)
int32_t wasmpoll_store_get(int32_t connection, int32_t tag, const void *key, int32_t key_length);
WASMPOLL_IMPORT(store_put)
int32_t wasmpoll_store_put(int32_t connection, int32_t tag, const void *key, int32_t key_length,
                           const void *value, int32_t value_length, const void *expected,
                           uint32_t ttl_ms);
WASMPOLL_IMPORT(store_delete)
int32_t wasmpoll_store_delete(int32_t connection, int32_t tag, const void *key, int32_t key_length,
                              const void *expected);
WASMPOLL_IMPORT(store_add)
int32_t wasmpoll_store_add(int32_t connection, int32_t tag, const void *key, int32_t key_length,
                           double delta, uint32_t ttl_ms);

// What AssemblyScript calls when it gives up: the callback ends like a trap, with this message and
// place. Both are UTF-16, with their length in bytes in front.
__attribute__((import_module("env"), import_name("abort"), noreturn))
void wasmpoll_abort(const void *message, const void *file, int32_t line, int32_t column);

// The two exports that every guest needs besides on_data, once in one file of the guest: blocks are
// cut from the end of memory as it grows, 16-byte aligned, never freed.
#define WASMPOLL_GUEST                                                                  \
  WASMPOLL_EXPORT(wasmpoll_abi_1) void wasmpoll_abi_1(void) {}                          \
  WASMPOLL_EXPORT(allocate) void *wasmpoll_allocate(uint32_t bytes) {                   \
    uint32_t pages = bytes / 65536u + (bytes % 65536u != 0);                            \
    __SIZE_TYPE__ before = __builtin_wasm_memory_grow(0, pages);                        \
    return before == (__SIZE_TYPE__)-1 ? 0 : (void *)(before * 65536u);                 \
  }

// Ends the callback if a condition does not hold; the trap says which one, in which file and line.
#define WASMPOLL_ASSERT(condition) \
  ((condition) ? (void)0 : WASMPOLL_FAIL("assertion failed: " #condition))
// The same without a condition. `message` is a string literal.
#define WASMPOLL_FAIL(message)                                                          \
  __extension__({                                                                       \
    WASMPOLL_STRING(wasmpoll_message, message);                                         \
    WASMPOLL_STRING(wasmpoll_file, __FILE__);                                           \
    wasmpoll_abort(wasmpoll_message.units, wasmpoll_file.units, __LINE__, 0);           \
  })
#define WASMPOLL_STRING(name, literal)                                                  \
  static const struct {                                                                 \
    uint32_t bytes;                                                                     \
    wasmpoll_unit units[sizeof(u"" literal) / 2];                                       \
  } name = {sizeof(u"" literal) - 2, u"" literal}
#ifdef __cplusplus
typedef char16_t wasmpoll_unit;
#else
typedef __CHAR16_TYPE__ wasmpoll_unit;
#endif

// Sends a string literal.
#define WASMPOLL_SEND(connection, literal) \
  wasmpoll_send(connection, "" literal, (int32_t)sizeof(literal) - 1)

#ifdef __cplusplus
}
#endif

#endif
