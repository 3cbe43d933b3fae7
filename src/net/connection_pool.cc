#include "net/connection_pool.h"

#include <sys/socket.h>

#include <algorithm>
#include <iterator>

#include "net/socket.h"

namespace leat::net {
namespace {

// Shorter than the keep-alive time of common servers and load balancers (60 s and up).
constexpr std::chrono::seconds kMaxIdle{50};
constexpr std::chrono::seconds kSweepPause{5};

std::string Key(const Url& url) {
  return url.scheme + "://" + url.host + ":" + std::to_string(url.port);
}

}  // namespace

std::unique_ptr<ClientConnection> ConnectionPool::TakeIdle(const Url& url) {
  // Dead ones are closed outside the lock.
  std::vector<std::unique_ptr<ClientConnection>> dead;
  const auto oldest = std::chrono::steady_clock::now() - kMaxIdle;
  MutexLock lock(mu_);
  const auto found = idle_.find(Key(url));
  if (found == idle_.end()) return nullptr;
  while (!found->second.empty()) {
    auto connection = std::move(found->second.back());
    found->second.pop_back();
    if (connection->idle_since > oldest && StillIdle(connection->transport->fd())) {
      connection->reused = true;
      return connection;
    }
    dead.push_back(std::move(connection));
  }
  return nullptr;
}

Result<std::unique_ptr<ClientConnection>> ConnectionPool::Connect(const Url& url,
                                                                  std::chrono::milliseconds timeout,
                                                                  const std::stop_token& stop) {
  auto fd = ConnectTo(url.host, url.port, options_.connect_timeout, stop);
  if (!fd) return fd.error();
  auto connection = std::make_unique<ClientConnection>();
  connection->key = Key(url);
  if (url.scheme != "https") {
    connection->transport = MakePlainTransport(std::move(*fd));
    return connection;
  }
  const auto tls = Tls();
  if (!tls) return tls.error();
  auto transport = (*tls)->Connect(std::move(*fd), url.host);
  if (!transport) return transport.error();
  connection->transport = std::move(*transport);
  const ShutOnStop shut(stop, connection->transport->fd());
  if (auto shaken = HandshakeAll(*connection->transport, {timeout, stop}); !shaken)
    return shaken.error().Within("TLS with " + connection->key);
  return connection;
}

void ConnectionPool::Return(std::unique_ptr<ClientConnection> connection) {
  // Closed outside the lock.
  std::unique_ptr<ClientConnection> surplus;
  std::vector<std::unique_ptr<ClientConnection>> aged;
  if (!connection->input.empty()) return;  // bytes that nobody asked for
  connection->input.Shrink();
  connection->idle_since = std::chrono::steady_clock::now();
  MutexLock lock(mu_);
  aged = TakeAged(connection->idle_since);
  auto& idle = idle_[connection->key];
  idle.push_back(std::move(connection));
  if (idle.size() > options_.max_idle_per_host) {
    surplus = std::move(idle.front());
    idle.erase(idle.begin());
  }
}

std::vector<std::unique_ptr<ClientConnection>> ConnectionPool::TakeAged(MonoTime now) {
  std::vector<std::unique_ptr<ClientConnection>> aged;
  if (now - swept_ < kSweepPause) return aged;
  swept_ = now;
  for (auto host = idle_.begin(); host != idle_.end();) {
    auto& idle = host->second;  // the oldest first
    auto young = std::find_if(idle.begin(), idle.end(),
                              [&](const auto& c) { return now - c->idle_since < kMaxIdle; });
    aged.insert(aged.end(), std::move_iterator(idle.begin()), std::move_iterator(young));
    idle.erase(idle.begin(), young);
    host = idle.empty() ? idle_.erase(host) : std::next(host);
  }
  return aged;
}

Result<const TlsContext*> ConnectionPool::Tls() {
  MutexLock lock(mu_);
  if (!tls_) {
    auto made = TlsContext::ForClient(options_.tls);
    if (!made) return made.error();
    tls_ = std::move(*made);
  }
  return tls_.get();
}

ShutOnStop::ShutOnStop(const std::stop_token& stop, int fd) : callback_(stop, Shut{fd}) {}

void ShutOnStop::Shut::operator()() const { ::shutdown(fd, SHUT_RDWR); }

}  // namespace leat::net
