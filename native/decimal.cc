// libc does the arithmetic, and whole numbers need none of it. std::from_chars and std::to_chars would be shorter here, and
// bring 125 KB of tables with them. What libc reads and writes has no point in it, which would be the locale's.
#include "decimal.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace wasmpoll {
namespace {

// Any number of so many digits is told apart from its neighbours by a double, and any double by so many digits.
constexpr int kSafeDigits = std::numeric_limits<double>::digits10;
constexpr int kMostDigits = std::numeric_limits<double>::max_digits10;
// Beyond it, a number of 32 digits is infinite, or nothing.
constexpr int kFarExponent = 9999;
// Of Number::toString: with more places before the point there is an exponent, and with as many zeros behind it.
constexpr int kMostPlaces = 21;
constexpr int kMostZeros = 6;

bool IsDigit(char letter) { return letter >= '0' && letter <= '9'; }

// ±digits × 10^exponent, in as many digits as were written.
struct Decimal {
  bool negative = false;
  char digits[kLongestDecimal];
  int count = 0;
  int exponent = 0;

  // Takes digits. False if there is none.
  bool Take(const char** at, const char* end) {
    const char* const start = *at;
    for (; *at != end && IsDigit(**at); ++*at) digits[count++] = **at;
    return *at != start;
  }

  bool TakeExponent(const char** at, const char* end) {
    const bool below = *at != end && **at == '-';
    if (*at != end && (below || **at == '+')) ++*at;
    const char* const start = *at;
    int value = 0;
    for (; *at != end && IsDigit(**at); ++*at) {
      value = std::min(value * 10 + (**at - '0'), kFarExponent);
    }
    exponent += below ? -value : value;
    return *at != start;
  }

  bool Parse(std::string_view text) {
    const char* at = text.data();
    const char* const end = at + text.size();
    negative = at != end && *at == '-';
    if (negative) ++at;
    if (!Take(&at, end)) return false;
    if (at != end && *at == '.') {
      const int whole = count;
      ++at;
      if (!Take(&at, end)) return false;
      exponent = whole - count;
    }
    if (at != end && *at == 'e') {
      ++at;
      if (!TakeExponent(&at, end)) return false;
    }
    return at == end;
  }

  double Value() const {
    if (count <= kSafeDigits && exponent == 0) {
      int64_t whole = 0;
      for (int at = 0; at < count; ++at) whole = whole * 10 + (digits[at] - '0');
      return negative ? -static_cast<double>(whole) : static_cast<double>(whole);
    }
    char text[kLongestDecimal + 16];
    snprintf(text, sizeof text, "%s%.*se%d", negative ? "-" : "", count, digits, exponent);
    return strtod(text, nullptr);
  }

  // Leaves out zeros at the end.
  void Trim() {
    for (; count > 1 && digits[count - 1] == '0'; --count) ++exponent;
  }

  // As many digits as asked for, of a number above 0, the nearest ones.
  void Round(double value, int wanted) {
    char text[kLongestDecimal];
    snprintf(text, sizeof text, "%.*e", wanted - 1, value);
    const char* const mark = strchr(text, 'e');
    count = 0;
    for (const char* at = text; at != mark; ++at) {
      if (IsDigit(*at)) digits[count++] = *at;
    }
    exponent = atoi(mark + 1) - (count - 1);
  }

  // The next number of as many digits.
  void Next() {
    int at = count - 1;
    for (; at >= 0 && digits[at] == '9'; --at) digits[at] = '0';
    if (at >= 0) {
      ++digits[at];
      return;
    }
    digits[0] = '1';
    ++exponent;
  }
};

// The fewest digits that are read as this number, which is above 0.
Decimal Shortest(double value) {
  Decimal decimal;
  int exponent = 0;
  // Below a power of two doubles are twice as close as above it: the nearest digits may be another number, and the
  // next ones this.
  const bool uneven = std::frexp(value, &exponent) == 0.5;
  // The smallest numbers have fewer bits.
  const int least = value < std::numeric_limits<double>::min() ? 1 : kSafeDigits;
  for (int wanted = least; wanted < kMostDigits; ++wanted) {
    decimal.Round(value, wanted);
    if (decimal.Value() == value) break;
    if (!uneven) continue;
    decimal.Next();
    if (decimal.Value() == value) break;
  }
  if (decimal.Value() != value) decimal.Round(value, kMostDigits);
  decimal.Trim();
  return decimal;
}

char* Put(char* to, const char* from, int count) {
  memcpy(to, from, count);
  return to + count;
}

char* PutZeros(char* to, int count) {
  memset(to, '0', count);
  return to + count;
}

char* PutWhole(char* to, uint64_t value) {
  char digits[kLongestDecimal];
  int count = 0;
  for (; value > 0; value /= 10) digits[count++] = static_cast<char>('0' + value % 10);
  while (count > 0) *to++ = digits[--count];
  return to;
}

}  // namespace

bool ReadDecimal(std::string_view text, double* value) {
  Decimal decimal;
  if (text.empty() || text.size() > kLongestDecimal || !decimal.Parse(text)) return false;
  *value = decimal.Value();
  return true;
}

size_t WriteDecimal(double value, char* text) {
  char* to = text;
  if (value == 0) {
    *to = '0';
    return 1;
  }
  if (value < 0) *to++ = '-';
  const double size = std::fabs(value);
  if (size < 1e15 && size == std::floor(size)) {
    return static_cast<size_t>(PutWhole(to, static_cast<uint64_t>(size)) - text);
  }
  const Decimal decimal = Shortest(size);
  const int count = decimal.count;
  // The point stands behind so many digits.
  const int point = count + decimal.exponent;
  if (point > 0 && point <= kMostPlaces) {
    to = Put(to, decimal.digits, std::min(count, point));
    if (count < point) to = PutZeros(to, point - count);
    if (count > point) {
      *to++ = '.';
      to = Put(to, decimal.digits + point, count - point);
    }
  } else if (point > -kMostZeros && point <= 0) {
    to = Put(to, "0.", 2);
    to = PutZeros(to, -point);
    to = Put(to, decimal.digits, count);
  } else {
    *to++ = decimal.digits[0];
    if (count > 1) {
      *to++ = '.';
      to = Put(to, decimal.digits + 1, count - 1);
    }
    *to++ = 'e';
    *to++ = point > 0 ? '+' : '-';
    to = PutWhole(to, static_cast<uint64_t>(std::abs(point - 1)));
  }
  return static_cast<size_t>(to - text);
}

}  // namespace wasmpoll
