// A served mount: threads that read requests from /dev/fuse and hand them to a Filesystem.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fuse/filesystem.h"
#include "io/fd.h"

namespace leat::fuse {

// What this process and the kernel agreed on at INIT. A worker that takes a mount over gets it from
// its predecessor, since the kernel says it once.
struct Agreement {
  uint32_t minor = 0;        // of the protocol: 31 (Linux 5.4) to 45
  uint64_t flags = 0;        // of INIT, see abi.h
  bool passthrough = false;  // the kernel has it, and this process may register backing files
  bool resend = false;       // requests of a dead worker can be asked again (7.40, Linux 6.9)
  std::string ToString() const;
  static Result<Agreement> Parse(std::string_view text);
};

struct SessionOptions {
  int threads = 0;          // 0 = as many as processors, 4 to 16
  bool passthrough = true;  // ask for it; off in tests of the path without
  uint32_t max_readahead = 4 << 20;
  Listings listings = Listings::kKept;
};

// Thread-safe. Destruction stops the threads; the mount stays, unserved, while anybody holds its
// descriptors. Uses the real-time signal SIGRTMAX - 3 to wake its threads.
class Session {
 public:
  // Answers INIT on a fresh device, and opens the cloned descriptors. The descriptors must be kept
  // by the supervisor too: when the last holder of one closes it, the requests that were read
  // through it fail. Where /dev/fuse may not be opened again there are no clones, and all threads
  // share the one. kUnimplemented: a kernel before Linux 5.4; kTimeout: no INIT came.
  struct Connection {
    std::vector<io::UniqueFd> devices;  // the first is the mount's, the rest its clones
    Agreement agreement;
  };
  static Result<Connection> Connect(io::UniqueFd device, const SessionOptions& options);

  // `filesystem` outlives the session.
  Session(Connection connection, Filesystem& filesystem, const SessionOptions& options);
  ~Session();
  // Begins to serve; once. With `resume`, asks the kernel to send again what a predecessor had read
  // and not answered.
  void Start(bool resume = false);

  // Ends the threads: nothing more is asked. Where requests can be asked again, later answers go
  // nowhere. What is below may still be called.
  void Stop();
  // Blocks until the mount is gone (unmounted, and its last file closed) or stop is requested.
  void Wait(const std::stop_token& stop);
  bool passthrough() const;
  const Agreement& agreement() const;

  // Registers a file opened for reading as the backing of an inode; the id is good for answers of
  // this mount. kUnimplemented without passthrough; kForbidden without CAP_SYS_ADMIN.
  Result<int32_t> OpenBacking(int fd);
  // Files open with the id keep working.
  void CloseBacking(int32_t id);

  // Makes the kernel look the name up again. Never call it from inside a Filesystem method that
  // holds a lock Lookup takes: the kernel may wait for lookups in that directory.
  void InvalidateName(NodeId parent, std::string_view name);
  // Drops the node's attributes and cached pages (directories: the cached listing).
  void InvalidateNode(NodeId node);

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace leat::fuse
