// The table of owners, and the list of socket files, are all that the addon's threads share. The table
// lives as long as the addon is loaded, needs no lock, and takes memory only where there are descriptors.
#include "ownership.h"

#include <atomic>
#include <memory>
#include <mutex>

#include <unistd.h>
#include <uv.h>

#include "arguments.h"
#include "peer_tables.h"
#include "syscall.h"

namespace wasmpoll {
namespace {

// Linux's own limit (fs.nr_open) unless it is raised, and the kernel gives the lowest number that is
// free. What lies above has no owner.
constexpr int kDescriptors = 1 << 20;

// An entry: the owner in 31 bits, whether the descriptor is in `files` as well, and above them the low
// half of its inode, if that is known.
constexpr uint64_t kOwner = INT32_MAX;
constexpr uint64_t kHasFile = kOwner + 1;
constexpr int kInode = 32;

std::atomic<uint64_t> entries[kDescriptors];
std::atomic<uint32_t> times[kDescriptors];
// No entry was ever made above it.
std::atomic<int> highest{-1};
std::atomic<Owner> owners{0};

// A socket file and what it was when it was made. Listeners are few, and made and closed seldom.
struct File {
  int fd;
  std::string path;
  dev_t device;
  ino_t inode;
  File* next;
};

std::mutex files_lock;
// A bare pointer: a list with a destructor would be gone before the last thread is.
File* files = nullptr;

struct Environment {
  // The owner of what is made here.
  Owner maker;
};

bool Tracked(int fd) { return fd >= 0 && fd < kDescriptors; }

Owner OwnerOf(uint64_t entry) { return static_cast<Owner>(entry & kOwner); }

// Takes the file out of the list; null if there is none.
std::unique_ptr<File> TakeFile(int fd) {
  const std::lock_guard<std::mutex> guard(files_lock);
  for (File** link = &files; *link != nullptr; link = &(*link)->next) {
    if ((*link)->fd != fd) continue;
    std::unique_ptr<File> file(*link);
    *link = file->next;
    return file;
  }
  return nullptr;
}

uint32_t InodeOf(int fd) {
  struct stat status{};
  return fstat(fd, &status) < 0 ? 0 : static_cast<uint32_t>(status.st_ino);
}

// Before the listener is closed: as long as it is open, no other file gets the inode's number.
void RemoveFile(int fd) {
  const std::unique_ptr<File> file = TakeFile(fd);
  struct stat found{};
  if (!file || lstat(file->path.c_str(), &found) < 0) return;
  if (found.st_dev == file->device && found.st_ino == file->inode) unlink(file->path.c_str());
}

// The environment's end: its JavaScript and all threads that it has started are over.
void CloseAll(void* data) {
  const auto owner = static_cast<Owner>(reinterpret_cast<uintptr_t>(data));
  const int last = highest.load();
  for (int fd = 0; fd <= last; ++fd) {
    const bool hasFile = (entries[fd].load() & kHasFile) != 0;
    if (!Claim(owner, fd)) continue;
    if (hasFile) RemoveFile(fd);
    LeavePeers(fd);
    CloseOnce(fd);
  }
}

void MakeFor(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "makeFor");
  const int owner = arguments.Int(0, "owner", 1, INT_MAX);
  if (arguments.Failed()) return;
  info.Env().GetInstanceData<Environment>()->maker = static_cast<Owner>(owner);
}

void DisownGiven(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "disown");
  const int fd = arguments.Fd(0);
  if (!arguments.Failed()) Disown(fd);
}

void Identify(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "identify");
  const int fd = arguments.Fd(0);
  if (arguments.Failed() || !Tracked(fd)) return;
  uint64_t entry = entries[fd].load();
  if (OwnerOf(entry) == 0) return;
  const uint64_t known = uint64_t{InodeOf(fd)} << kInode | (entry & (kOwner | kHasFile));
  entries[fd].compare_exchange_strong(entry, known);
}

}  // namespace

void RegisterOwnership(Napi::Env env, Napi::Object exports) {
  const Owner owner = ++owners;
  env.SetInstanceData(new Environment{owner});
  uv_loop_t* loop = nullptr;
  napi_get_uv_event_loop(env, &loop);
  // The main thread ends with its process, and all descriptors with it.
  if (loop != uv_default_loop()) {
    napi_add_env_cleanup_hook(env, CloseAll, reinterpret_cast<void*>(uintptr_t{owner}));
  }
  exports.Set("owner", Napi::Number::New(env, owner));
  exports.Set("makeFor", Napi::Function::New<MakeFor>(env, "makeFor"));
  exports.Set("disown", Napi::Function::New<DisownGiven>(env, "disown"));
  exports.Set("identify", Napi::Function::New<Identify>(env, "identify"));
}

Owner OwnerIn(napi_env env) { return Napi::Env(env).GetInstanceData<Environment>()->maker; }

int Own(napi_env env, int fd) {
  if (!Tracked(fd)) return fd;
  ++times[fd];
  // A file that is still noted: its listener was closed by other means.
  if ((entries[fd].exchange(OwnerIn(env)) & kHasFile) != 0) TakeFile(fd);
  int last = highest.load();
  while (last < fd && !highest.compare_exchange_weak(last, fd)) continue;
  return fd;
}

uint32_t TimesOwned(int fd) { return Tracked(fd) ? times[fd].load() : 0; }

void OwnFile(int fd, const std::string& path, const struct stat& status) {
  if (!Tracked(fd)) return;
  {
    const std::lock_guard<std::mutex> guard(files_lock);
    files = new File{fd, path, status.st_dev, status.st_ino, files};
  }
  entries[fd].fetch_or(kHasFile);
}

void Disown(int fd) {
  if (Tracked(fd) && (entries[fd].exchange(0) & kHasFile) != 0) TakeFile(fd);
}

bool Claim(Owner owner, int fd) {
  if (!Tracked(fd)) return true;
  uint64_t entry = entries[fd].load();
  if (OwnerOf(entry) != owner || !entries[fd].compare_exchange_strong(entry, 0)) return false;
  const auto inode = static_cast<uint32_t>(entry >> kInode);
  if (inode == 0 || InodeOf(fd) == inode) return true;
  if ((entry & kHasFile) != 0) TakeFile(fd);
  return false;
}

int CloseOwned(int fd) {
  Disown(fd);
  LeavePeers(fd);
  return CloseOnce(fd);
}

}  // namespace wasmpoll
