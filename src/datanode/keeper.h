// What outlives a worker: descriptors and small texts, kept by the supervisor under names. Much like
// systemd's descriptor store.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "io/fd.h"

namespace leat::datanode {

// Something kept. A mount is kept as "mount:<mountpoint>" with its MountSpec and the agreement with
// the kernel as JSON, and its /dev/fuse descriptors; a backing id as "backing:<mount>:<node>".
struct Kept {
  std::string name;
  std::string text;
  std::vector<io::UniqueFd> fds;
};

// The worker's end. Thread-safe.
class Keeper {
 public:
  // `socket`: connected to the supervisor, which sends everything it has first.
  static Result<Keeper> Connect(io::UniqueFd socket);

  // What the predecessor left; once.
  std::vector<Kept> TakeKept();
  // Keeps or replaces. Once it returns, a successor will get it even if this process dies at once.
  // kUnavailable: the supervisor is dead.
  Status Keep(const std::string& name, const std::string& text, std::span<const int> fds = {});
  Status Forget(const std::string& name);
  // Readable (poll) once the supervisor is dead.
  int socket() const;

 private:
  // The author of the body owns this part.
};

}  // namespace leat::datanode
