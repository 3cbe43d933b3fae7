// The threads that run a server's handlers.
#pragma once

#include <deque>
#include <list>
#include <map>
#include <memory>
#include <thread>

#include "base/mutex.h"
#include "net/pace.h"
#include "net/server.h"
#include "net/server_connection.h"

namespace leat::net {

// For threads that write to sockets: sendfile(2) and TLS have no MSG_NOSIGNAL.
void BlockSigpipe();

// A thread that waits for its client is not counted among the `threads`: while it waits another one
// takes its place, so that slow clients do not stop the others. At most `max_waiting` wait like
// that; beyond, the client that has the least of its time left is cut off. Thread-safe.
class HandlerThreads : public LongWaits {
 public:
  HandlerThreads(size_t threads, size_t max_waiting, const Handler& handler);

  // The queue is bounded by the number of connections, each of which waits for at most one handler.
  void Push(std::shared_ptr<ServerConnection> connection);
  // Lets running handlers return; queued connections are dropped.
  void StopAndJoin();

  void Begin(int fd, MonoTime deadline) override;
  void End(int fd) override;

 private:
  void Run(const std::stop_token& stop);
  std::shared_ptr<ServerConnection> Next(const std::stop_token& stop);
  void AddThread() REQUIRES(mu_);
  // False when the system has none: those that are there go on.
  bool TryAddThread() REQUIRES(mu_);
  void RetireThisThread() REQUIRES(mu_);
  void CutTheSlowest() REQUIRES(mu_);

  const size_t count_;
  const size_t max_waiting_;
  const Handler& handler_;
  Mutex mu_;
  CondVar ready_;
  std::deque<std::shared_ptr<ServerConnection>> queue_ GUARDED_BY(mu_);
  std::map<int, MonoTime> waiting_ GUARDED_BY(mu_);  // deadlines by socket
  std::list<std::jthread> threads_ GUARDED_BY(mu_);
  std::list<std::jthread> retired_ GUARDED_BY(mu_);  // they only return
  bool short_ GUARDED_BY(mu_) = false;               // the system had no thread for us
  bool stopped_ GUARDED_BY(mu_) = false;
};

}  // namespace leat::net
