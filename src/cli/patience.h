// Tells a person that a data node does not answer, since commands wait for one as long as it takes.
#pragma once

#include <atomic>
#include <functional>
#include <stop_token>
#include <string>
#include <thread>

namespace leat::cli {

// While it lives: when nothing was heard for ten seconds, stderr says so, once. Thread-safe.
class Patience {
 public:
  // For an answer on a control socket. Work that takes long without a word is no reason: it is
  // asked whether anything answers there at all.
  static Patience ForSocket(const std::string& socket);
  // For what the kernel asks of the mount that the path lies in.
  static Patience ForPath(const std::string& path);

  void Heard() { heard_ = true; }

 private:
  using Answers = std::function<bool(const std::stop_token&)>;
  Patience(const Answers& answers, const std::function<std::string()>& who);

  std::atomic<bool> heard_ = false;
  std::jthread thread_;  // last: it uses the rest
};

}  // namespace leat::cli
