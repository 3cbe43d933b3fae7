// What outlives a worker: descriptors and small texts, kept by the supervisor under names. Much
// like systemd's descriptor store.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/fd.h"

namespace leat::datanode {

// Something kept. A mount is kept as "mount:<mountpoint>" (its MountRecord) and
// "devices:<mountpoint>" (its /dev/fuse descriptors), how the open files of a node were
// opened as "backing:<mount's id>:<node>" (a backing id; 0: direct).
struct Kept {
  std::string name;  // 1 to 8,192 bytes, none of them zero
  std::string text;  // name and text together: at most 120 KiB
  std::vector<io::UniqueFd> fds;
};

// What the supervisor keeps at most; beyond, Keep says kExhausted.
inline constexpr size_t kMaxKept = 65'536;           // names
inline constexpr size_t kMaxKeptBytes = 32u << 20;   // names and texts
inline constexpr size_t kMaxKeptDescriptors = 4096;  // and what RLIMIT_NOFILE allows

// The worker's end. Thread-safe.
class Keeper {
 public:
  // `socket`: connected to the supervisor, which sends everything it has first. kUnavailable: the
  // supervisor is dead; kTimeout: it sent nothing for 30 s.
  static Result<Keeper> Connect(io::UniqueFd socket);
  Keeper(Keeper&& other) noexcept;
  ~Keeper();

  // What the predecessor left; once.
  std::vector<Kept> TakeKept();
  // Keeps or replaces. Once it returns, a successor will get it even if this process dies at once.
  // kUnavailable: the supervisor is dead; kTooLarge and kExhausted: beyond the limits above.
  Status Keep(const std::string& name, const std::string& text, std::span<const int> fds = {});
  // An absent name is success.
  Status Forget(const std::string& name);
  // Readable (poll) once the supervisor is dead.
  int socket() const;

 private:
  struct State;
  explicit Keeper(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace leat::datanode
