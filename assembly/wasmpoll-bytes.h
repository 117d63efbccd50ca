// Bytes and numbers for guests in C, and what the compiler calls by itself. wasmpoll.h includes it.

#ifndef WASMPOLL_BYTES_H
#define WASMPOLL_BYTES_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Where a byte is first found from an offset on, or -1.
static inline int32_t wasmpoll_find(const void *data, int32_t from, int32_t length, char byte) {
  const char *text = (const char *)data;
  for (int32_t at = from; at < length; at += 1) {
    if (text[at] == byte) return at;
  }
  return -1;
}

// Whether the bytes are those of a string literal.
#define WASMPOLL_IS(data, length, literal)             \
  ((length) == (int32_t)sizeof(literal) - 1 &&         \
   __builtin_memcmp(data, "" literal, sizeof(literal) - 1) == 0)

// Writes a number; the text needs room for 20 bytes, and has no zero at its end. Returns its
// length.
static inline int32_t wasmpoll_decimal(char *text, int64_t value) {
  char digits[20];
  int32_t count = 0;
  int32_t length = 0;
  uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  do digits[count++] = (char)('0' + rest % 10);
  while ((rest /= 10) > 0);
  if (value < 0) text[length++] = '-';
  while (count > 0) text[length++] = digits[--count];
  return length;
}

// Reads a number that is the whole text: an optional minus and digits. Returns 0 if it is none, or
// not from least to most; then *value is as before.
static inline int32_t wasmpoll_read_decimal(const void *data, int32_t length, int64_t least,
                                            int64_t most, int64_t *value) {
  const char *text = (const char *)data;
  const int32_t sign = length > 0 && text[0] == '-';
  if (length <= sign) return 0;
  // It is kept below zero, where there is one number more.
  int64_t number = 0;
  for (int32_t at = sign; at < length; at += 1) {
    const int64_t digit = text[at] - '0';
    if (digit < 0 || digit > 9) return 0;
    if (number < (INT64_MIN + digit) / 10) return 0;
    number = number * 10 - digit;
  }
  if (!sign) {
    if (number == INT64_MIN) return 0;
    number = -number;
  }
  if (number < least || number > most) return 0;
  *value = number;
  return 1;
}

// Numbers as they stand in a protocol, the highest byte first (be) or last (le). No alignment is
// needed.
static inline uint16_t wasmpoll_u16le(const void *from) {
  uint16_t value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}
static inline uint32_t wasmpoll_u32le(const void *from) {
  uint32_t value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}
static inline uint16_t wasmpoll_u16be(const void *from) {
  return __builtin_bswap16(wasmpoll_u16le(from));
}
static inline uint32_t wasmpoll_u32be(const void *from) {
  return __builtin_bswap32(wasmpoll_u32le(from));
}
static inline void wasmpoll_put_u16le(void *to, uint16_t value) {
  __builtin_memcpy(to, &value, sizeof value);
}
static inline void wasmpoll_put_u32le(void *to, uint32_t value) {
  __builtin_memcpy(to, &value, sizeof value);
}
static inline void wasmpoll_put_u16be(void *to, uint16_t value) {
  wasmpoll_put_u16le(to, __builtin_bswap16(value));
}
static inline void wasmpoll_put_u32be(void *to, uint32_t value) {
  wasmpoll_put_u32le(to, __builtin_bswap32(value));
}

// The compiler calls these four where a guest copies, fills or compares memory. With a C library
// they are there.
#ifndef __wasi__
#define WASMPOLL_WEAK __attribute__((weak, no_builtin))
struct wasmpoll_word {
  uint64_t value;
} __attribute__((packed, may_alias));

// A word is read before it is written, so the target may run over a source that lies above it.
__attribute__((no_builtin)) static inline void *wasmpoll_forwards(void *to, const void *from,
                                                                  __SIZE_TYPE__ bytes) {
  char *target = (char *)to;
  const char *source = (const char *)from;
  for (; bytes >= 8; bytes -= 8, target += 8, source += 8) {
    *(struct wasmpoll_word *)target = *(const struct wasmpoll_word *)source;
  }
  for (; bytes > 0; bytes -= 1) *target++ = *source++;
  return to;
}
WASMPOLL_WEAK void *memcpy(void *to, const void *from, __SIZE_TYPE__ bytes) {
  return wasmpoll_forwards(to, from, bytes);
}
WASMPOLL_WEAK void *memmove(void *to, const void *from, __SIZE_TYPE__ bytes) {
  char *target = (char *)to;
  const char *source = (const char *)from;
  if (target <= source || target >= source + bytes) return wasmpoll_forwards(to, from, bytes);
  while (bytes > 0) {
    bytes -= 1;
    target[bytes] = source[bytes];
  }
  return to;
}
WASMPOLL_WEAK void *memset(void *to, int byte, __SIZE_TYPE__ bytes) {
  char *target = (char *)to;
  const uint64_t eight = (uint8_t)byte * UINT64_C(0x0101010101010101);
  for (; bytes >= 8; bytes -= 8, target += 8) ((struct wasmpoll_word *)target)->value = eight;
  for (; bytes > 0; bytes -= 1) *target++ = (char)byte;
  return to;
}
WASMPOLL_WEAK int memcmp(const void *left, const void *right, __SIZE_TYPE__ bytes) {
  const uint8_t *one = (const uint8_t *)left;
  const uint8_t *other = (const uint8_t *)right;
  for (; bytes > 0; bytes -= 1, one += 1, other += 1) {
    if (*one != *other) return *one - *other;
  }
  return 0;
}
#endif

#ifdef __cplusplus
}
#endif

#endif
