// Which thread's end closes which descriptor. What the addon makes belongs to the environment that asked
// for it, or to the one that it works for; whoever closes a descriptor, in any thread, takes it out.
// Knows numbers and their owners; must not know what they are used for.
#pragma once

#include <cstdint>
#include <string>

#include <napi.h>
#include <sys/stat.h>

namespace wasmpoll {

// An environment's number, which no other one of the process gets; 0 is nobody.
using Owner = uint32_t;

void RegisterOwnership(Napi::Env env, Napi::Object exports);

// Whose is what this environment makes.
Owner OwnerIn(napi_env env);

// Notes that a new descriptor is the environment's. Returns what it is given; −errno is let through.
int Own(napi_env env, int fd);
// How many times the number was owned: what was noted at one time is not said of the next.
uint32_t TimesOwned(int fd);
// The file of a Unix listener that is owned: it goes with it if a thread's end closes it.
void OwnFile(int fd, const std::string& path, const struct stat& status);
// To be called before a close: afterwards the number may be somebody else's.
void Disown(int fd);
// Disown for a close that nobody has asked for. Returns whether the descriptor is still this owner's.
bool Claim(Owner owner, int fd);

// close(2) for a descriptor of whatever owner.
int CloseOwned(int fd);

}  // namespace wasmpoll
