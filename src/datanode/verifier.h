// Checks complete objects for the opens that wait for it, on threads of its own: a large object
// takes minutes, and the threads that serve the mount are few.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <stop_token>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "datanode/active_object.h"

namespace leat::datanode {

struct VerifierOptions {
  size_t threads = 4;   // at most; begun when they are needed
  uint64_t turn = 64;   // chunks of an object that are checked before another has its turn
  size_t waits = 4096;  // the most that are taken
  // Holds a chunk against its CRC32C; another one in tests.
  std::function<void(ActiveObject& object, uint64_t chunk)> check =
      [](ActiveObject& object, uint64_t chunk) { (void)object.file->Verify(chunk); };
};

// Thread-safe. An object is checked once however many wait for it. Objects take turns, so that a
// small one does not wait for the end of a huge one. An open that finds no room to wait is served
// without passthrough: that checks each chunk as it is read.
class Verifier {
 public:
  explicit Verifier(VerifierOptions options = {}) : options_(std::move(options)) {}
  ~Verifier() { Stop(); }

  // Whether opens should wait for a check.
  static bool Needed(const ActiveObject& object) {
    return !object.verified && object.file && object.file->complete();
  }
  // Calls `done` once, from a thread of the verifier, when every chunk was checked or one was found
  // rotten (object->verified tells which), or with kCancelled. The number names the wait for
  // Cancel. 0: `done` will not be called, since none is needed or there is no room to wait.
  using Done = std::function<void(const Status&)>;
  uint64_t Verify(const std::shared_ptr<ActiveObject>& object, Done done);
  // Ends a wait with kCancelled, from this thread, unless it was answered. When nobody waits for
  // the object any more, its check ends; what was checked so far stays so.
  void Cancel(uint64_t wait);
  // Ends all checks; who waits gets kCancelled, from this thread. Nothing may be asked afterwards.
  void Stop();

 private:
  struct Wait {
    uint64_t number = 0;
    Done done;
  };
  struct Job {
    std::shared_ptr<ActiveObject> object;
    uint64_t next = 0;  // the first chunk that was not checked
    std::vector<Wait> waits;
  };

  void Work(const std::stop_token& stop);
  // One turn; false on stop.
  bool CheckSome(Job& job, const std::stop_token& stop) const;

  const VerifierOptions options_;
  Mutex mu_;
  CondVar changed_;
  std::unordered_map<const ActiveObject*, Job> jobs_ GUARDED_BY(mu_);
  std::deque<const ActiveObject*> turns_ GUARDED_BY(mu_);  // jobs that no thread is at
  size_t waiting_ GUARDED_BY(mu_) = 0;
  uint64_t next_wait_ GUARDED_BY(mu_) = 1;
  bool stopped_ GUARDED_BY(mu_) = false;
  std::vector<std::jthread> threads_ GUARDED_BY(mu_);
};

}  // namespace leat::datanode
