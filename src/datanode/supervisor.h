// The process that keeps mounts alive: it holds what its worker gave it to keep, starts the worker,
// and starts it again when it dies. It does nothing else, so that it has no reason to die itself.
//
// The worker gets the socket to its keeper as descriptor 3 and the control socket, on which
// clients' connections wait while there is no worker, as descriptor 4.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "datanode/kept_messages.h"
#include "io/fd.h"
#include "io/file.h"
#include "io/process.h"

namespace leat::datanode {

inline constexpr int kKeeperDescriptor = 3;
inline constexpr int kControlDescriptor = 4;

struct SupervisorOptions {
  std::string directory;            // of the cache; absolute, and there
  std::vector<std::string> worker;  // its argv
  // Between the starts of workers that die young (within `young` of their start): the least at
  // first, then twice as long each time, up to the most. Others are followed at once.
  std::chrono::milliseconds least_delay{100};
  std::chrono::milliseconds most_delay{5000};
  std::chrono::milliseconds young{10'000};
  // The file that stderr goes to: cut down when it passes `max_log_bytes`, what was in it is then
  // in <log>.1. Empty: left alone.
  std::string log;
  uint64_t max_log_bytes = 10u << 20;
};

// Used by one thread.
class Supervisor {
 public:
  // Takes <directory>/supervisor.lock and listens at <directory>/control.sock. kAlreadyExists: the
  // directory has a supervisor, or the worker of a dead one still listens.
  static Result<Supervisor> Take(SupervisorOptions options);
  Supervisor(Supervisor&&) = default;
  ~Supervisor();  // removes control.sock

  // Returns once a worker has ended with status 0 while no descriptors are kept and no client
  // waits, or with kLeftToOther (see worker.h), or stop is requested. A stop detaches the mounts;
  // the worker, if it runs, sees its socket close and serves what is open to the last close.
  void Run(const std::stop_token& stop);

 private:
  Supervisor(SupervisorOptions options, io::FileLock lock, io::UniqueFd listener);

  void StartWorker();
  void SendKept();
  void Receive();
  bool ReceiveOne();
  bool EndedForGood(const io::ExitStatus& exit) const;
  void DelayNextStart(MonoTime now);
  void Watch(const std::stop_token& stop);
  void ShortenLog() const;
  void DetachMounts() const;

  SupervisorOptions options_;
  io::FileLock lock_;
  io::UniqueFd listener_;
  std::map<std::string, Kept> kept_;
  KeptSizes sizes_;
  // Of the running worker:
  std::optional<io::Process> worker_;
  io::UniqueFd socket_;
  std::optional<std::string> sent_;  // names up to this one were sent; nullopt: all, and the end
  MonoTime started_;
  // Of the next one:
  MonoTime next_start_;
  std::chrono::milliseconds delay_{0};
  bool done_ = false;
};

}  // namespace leat::datanode
