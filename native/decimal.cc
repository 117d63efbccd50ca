// std::from_chars and std::to_chars do the arithmetic. What is left is the grammar, and where the point
// stands (ECMA-262, Number::toString).
#include "decimal.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

namespace wasmpoll {
namespace {

// Skips digits. False if there is none.
bool Digits(const char** at, const char* end) {
  const char* const start = *at;
  while (*at != end && **at >= '0' && **at <= '9') ++*at;
  return *at != start;
}

bool IsDecimal(std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  if (at != end && *at == '-') ++at;
  if (!Digits(&at, end)) return false;
  if (at != end && *at == '.') {
    ++at;
    if (!Digits(&at, end)) return false;
  }
  if (at != end && *at == 'e') {
    ++at;
    if (at != end && (*at == '+' || *at == '-')) ++at;
    if (!Digits(&at, end)) return false;
  }
  return at == end;
}

char* Put(char* to, const char* from, int count) {
  memcpy(to, from, count);
  return to + count;
}

char* PutZeros(char* to, int count) {
  memset(to, '0', count);
  return to + count;
}

}  // namespace

bool ReadDecimal(std::string_view text, double* value) {
  if (text.empty() || text.size() > kLongestDecimal || !IsDecimal(text)) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  // Too large or too small for a double: both are beyond what may be counted, or nothing at all.
  if (error == std::errc::result_out_of_range) {
    const size_t exponent = text.find('e');
    const bool tiny = exponent != std::string_view::npos && text[exponent + 1] == '-';
    *value = tiny ? 0 : std::numeric_limits<double>::infinity();
  }
  return true;
}

size_t WriteDecimal(double value, char* text) {
  char* to = text;
  if (value == 0) {
    *to = '0';
    return 1;
  }
  if (value < 0) *to++ = '-';
  // d[.ddd]e±dd
  char form[kLongestDecimal];
  const auto [end, error] =
      std::to_chars(form, form + sizeof form, std::fabs(value), std::chars_format::scientific);
  char* const mark = std::find(form, end, 'e');
  int exponent = 0;
  std::from_chars(mark[1] == '+' ? mark + 2 : mark + 1, end, exponent);
  char digits[kLongestDecimal];
  int count = 0;
  for (const char* at = form; at != mark; ++at) {
    if (*at != '.') digits[count++] = *at;
  }
  // The point stands behind so many digits.
  const int point = exponent + 1;
  if (point > 0 && point <= 21) {
    to = Put(to, digits, std::min(count, point));
    if (count < point) to = PutZeros(to, point - count);
    if (count > point) {
      *to++ = '.';
      to = Put(to, digits + point, count - point);
    }
  } else if (point > -6 && point <= 0) {
    to = Put(to, "0.", 2);
    to = PutZeros(to, -point);
    to = Put(to, digits, count);
  } else {
    *to++ = digits[0];
    if (count > 1) {
      *to++ = '.';
      to = Put(to, digits + 1, count - 1);
    }
    *to++ = 'e';
    *to++ = exponent < 0 ? '-' : '+';
    to = std::to_chars(to, text + kLongestDecimal, std::abs(exponent)).ptr;
  }
  return static_cast<size_t>(to - text);
}

}  // namespace wasmpoll
