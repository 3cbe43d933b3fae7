// A client's connections: new ones, and those that wait for another request.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "net/client.h"
#include "net/message_parser.h"
#include "net/tls_context.h"
#include "net/transport.h"

namespace leat::net {

struct ClientConnection {
  std::string key;  // of the pool: connections with the same key are interchangeable
  std::unique_ptr<Transport> transport;
  InputBuffer input;
  bool reused = false;
  MonoTime idle_since;
};

// Thread-safe. Holds at most max_idle_per_host connections for each host, the newest of them. One
// that was idle for longer than a server is likely to keep it is never given out, and is closed
// when a connection to whatever host comes back.
class ConnectionPool {
 public:
  explicit ConnectionPool(ClientOptions options) : options_(std::move(options)) {}

  // An idle connection that still looks alive, or null.
  std::unique_ptr<ClientConnection> TakeIdle(const Url& url);
  // A new one. Blocks; the handshake waits for `timeout` without progress.
  Result<std::unique_ptr<ClientConnection>> Connect(const Url& url,
                                                    std::chrono::milliseconds timeout,
                                                    const std::stop_token& stop);
  // For another request; the last one is answered completely.
  void Return(std::unique_ptr<ClientConnection> connection);

 private:
  Result<const TlsContext*> Tls();
  // Takes those idle for too long, of all hosts; looks once in a while.
  std::vector<std::unique_ptr<ClientConnection>> TakeAged(MonoTime now) REQUIRES(mu_);

  const ClientOptions options_;
  Mutex mu_;
  std::unique_ptr<TlsContext> tls_ GUARDED_BY(mu_);  // made at first use
  std::map<std::string, std::vector<std::unique_ptr<ClientConnection>>> idle_ GUARDED_BY(mu_);
  MonoTime swept_ GUARDED_BY(mu_);
};

// Shuts a connection's socket down when the stop is requested, which ends blocked calls on it.
class ShutOnStop {
 public:
  ShutOnStop(const std::stop_token& stop, int fd);

 private:
  struct Shut {
    int fd;
    void operator()() const;
  };
  std::stop_callback<Shut> callback_;
};

}  // namespace leat::net
