// Numbers as text: what counts as one, and JavaScript's own form of it. Knows text; must not know the store.
#pragma once

#include <string_view>

namespace wasmpoll {

// Longer texts are no numbers.
constexpr size_t kLongestDecimal = 32;

// -?digits[.digits][e[+-]digits], the whole text. False if it is something else.
bool ReadDecimal(std::string_view text, double* value);

// The shortest text that reads as this number, as `String(value)` gives it in JavaScript. The number is
// finite; `text` has room for kLongestDecimal. Returns the length.
size_t WriteDecimal(double value, char* text);

}  // namespace wasmpoll
