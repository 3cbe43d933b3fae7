// A real mount served by child processes, as a supervisor and its workers would: this process
// mounts and keeps the descriptors; a worker gets them by message, and may be killed.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "fuse/mount.h"
#include "fuse/session.h"
#include "fuse/testing/memory_filesystem.h"
#include "io/file.h"

namespace leat::fuse {

// Empty, or why mounts cannot be tested here.
std::string WhyNoMounts();

// Used by one thread. Everything fails by LEAT_CHECK: this is for tests.
class ServedMount {
 public:
  // Mounts, agrees on INIT, and starts the first worker. A file of mode kPassthrough is backed by a
  // real file with its bytes; without passthrough it is kCached.
  explicit ServedMount(std::vector<MemoryFile> files, int many = 0, SessionOptions options = {});
  ~ServedMount();  // kills the worker and unmounts

  std::string Path(const std::string& name) const { return mountpoint_ + "/" + name; }
  const std::string& mountpoint() const { return mountpoint_; }
  MemoryFilesystemState& state() { return *state_; }
  const Agreement& agreement() const { return agreement_; }
  pid_t worker() const { return worker_; }

  void KillWorker();   // SIGKILL, and waits for its end
  void StartWorker();  // of those after the first, with `resume`
  void StopWorker();   // ends in order: its session is destroyed
  // Makes the worker do one of: "name PARENT NAME" and "node NODE" (invalidations), "answer" (the
  // reads that wait); returns once it has.
  void Tell(const std::string& command);
  // Closes descriptors of this process: all, so that only the worker holds the mount, or the
  // clones.
  void ForgetDevices() { devices_.clear(); }
  void ForgetClones() { devices_.erase(devices_.begin() + 1, devices_.end()); }
  // A further backing id of the i-th file, whose bytes are in a real file.
  int32_t OpenBacking(size_t i);
  void CloseBacking(int32_t id);

 private:
  [[noreturn]] void RunWorker(int socket, bool resume);
  void PrepareBacking();

  const io::TempDir dir_;
  const std::string mountpoint_;
  std::vector<MemoryFile> files_;
  const int many_;
  const SessionOptions options_;
  MemoryFilesystemState* state_;  // shared with the workers
  Agreement agreement_;
  std::vector<io::UniqueFd> devices_;
  io::UniqueFd socket_;
  pid_t worker_ = -1;
  bool started_ = false;
};

}  // namespace leat::fuse
