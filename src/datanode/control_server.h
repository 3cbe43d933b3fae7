// Answers `leat mount` and `leat data` on a local socket: one request a connection, as JSON
// messages.
//   client: {"op": "mount", ...}
//   server: {"progress": ...} any number of times, then {"ok": ...} or
//           {"error": {"code": "NotFound", "message": "..."}}
#pragma once

#include <array>
#include <functional>
#include <list>
#include <optional>
#include <stop_token>
#include <thread>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "io/fd.h"
#include "json/value.h"

namespace leat::datanode {

// Sends a {"progress": ...}; fails when the client is gone.
using Tell = std::function<Status(const json::Value& progress)>;
// Carries out one request. Runs on the connection's own thread; `stop` is requested when the client
// goes away or the server ends.
using ControlHandler = std::function<Result<json::Value>(const json::Value& request,
                                                         const Tell& tell, std::stop_token stop)>;

// Thread-safe.
class ControlServer {
 public:
  // Serves clients of our own user and root; at most 64 at once, more are told to come again. One
  // at least is served also where the process has run out of descriptors.
  ControlServer(int listener, ControlHandler handler);
  ~ControlServer();  // ends what is under way

  // Since when there has been no client; nullopt while there is one.
  std::optional<MonoTime> IdleSince() const;

 private:
  struct Connection;

  void Run(const std::stop_token& stop);
  // False when there is no descriptor for a client.
  bool Accept();
  // Otherwise the client was told why, if it may know.
  bool MayServe(int socket) const;
  void Begin(io::UniqueFd socket, bool on_spare);
  void Serve(Connection& connection, const std::stop_token& stop) const;
  void Reap();
  void KeepSpare();

  const int listener_;
  const ControlHandler handler_;
  const io::UniqueFd ended_;  // an eventfd: some connection has ended
  mutable Mutex mu_;
  std::list<Connection> connections_ GUARDED_BY(mu_);
  MonoTime idle_since_ GUARDED_BY(mu_);
  // Descriptors for one client when there are no others: given up to accept it and to serve it.
  // Of the server's thread.
  std::array<io::UniqueFd, 8> spare_;
  std::jthread thread_;  // last: the rest must be there
};

}  // namespace leat::datanode
