// Whether OpenSSL is there, and the one that Node has.
#include "openssl.h"

namespace wasmpoll {
namespace {

constexpr unsigned kMajor = 3;

struct Function {
  const char* name;
  void (*address)();
};

#define WASMPOLL_FUNCTION(name) {#name, reinterpret_cast<void (*)()>(&name)},
const Function kFunctions[] = {WASMPOLL_OPENSSL(WASMPOLL_FUNCTION)};
#undef WASMPOLL_FUNCTION

const char* Missing() {
  // What a reader knows best is named first.
  if (&SSL_new == nullptr) return "SSL_new";
  for (const Function& function : kFunctions) {
    if (function.address == nullptr) return function.name;
  }
  return nullptr;
}

}  // namespace

std::string OpensslRefusal(const std::string& expected) {
  if (&OPENSSL_version_major != nullptr && OPENSSL_version_major() != kMajor) {
    return "OpenSSL " + std::to_string(OPENSSL_version_major()) + " is not known, " +
           std::to_string(kMajor) + " is needed";
  }
  const char* const missing = Missing();
  if (missing != nullptr) {
    return std::string("this Node.js does not export OpenSSL (") + missing + " is missing)";
  }
  const std::string found = OpenSSL_version(OPENSSL_FULL_VERSION_STRING);
  if (found == expected) return "";
  return "process.versions.openssl is " + expected + ", but " + found + " was found";
}

}  // namespace wasmpoll
