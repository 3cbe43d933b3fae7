#include "net/socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "io/file.h"

namespace leat::net {
namespace {

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

Result<Addresses> Resolve(const std::string& host, uint16_t port, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  // "localhost" is this machine, whatever /etc/hosts says or lacks (RFC 6761, 6.3): no name stands
  // for the loopback addresses.
  const bool local = host == "localhost" && (flags & (AI_NUMERICHOST | AI_PASSIVE)) == 0;
  const int failed =
      ::getaddrinfo(local ? nullptr : host.c_str(), std::to_string(port).c_str(), &hints, &list);
  if (failed != 0) return Error{Code::kUnavailable, ::gai_strerror(failed)};
  return Addresses(list);
}

std::string Endpoint(const std::string& host, uint16_t port) {
  const bool ipv6 = host.find(':') != std::string::npos;
  return (ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Error ListenError(int error, const std::string& address, uint16_t port) {
  const std::string where = "port " + std::to_string(port) + " on " + address;
  switch (error) {
    case EADDRINUSE:
      return {Code::kAlreadyExists,
              where + " is in use by another process: stop that process or choose another port"};
    case EACCES:
      return {Code::kForbidden,
              where + " may only be opened by root: choose a port above 1023 or run as root"};
    case EADDRNOTAVAIL:
      return {Code::kInvalid, "cannot listen on " + address + ": this machine has no such address"};
    default:
      return io::ErrnoError(error, "listen on " + Endpoint(address, port));
  }
}

void SendAtOnce(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// Waits until the pending connect is decided. A stop shuts the socket down, which decides it too.
Status AwaitConnect(int fd, std::chrono::milliseconds timeout, const std::stop_token& stop) {
  const std::stop_callback shut(stop, [fd] { ::shutdown(fd, SHUT_RDWR); });
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  int ready = 0;
  do {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd wait{fd, POLLOUT, 0};
    ready = ::poll(&wait, 1, left.count() > 0 ? static_cast<int>(left.count()) : 0);
  } while (ready < 0 && errno == EINTR);
  if (stop.stop_requested()) return Error{Code::kCancelled, "stopped"};
  if (ready == 0) return Error{Code::kTimeout, "no answer in time"};
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return Error{Code::kUnavailable, std::strerror(error)};
  return {};
}

Result<io::UniqueFd> ConnectOne(const addrinfo& address, std::chrono::milliseconds timeout,
                                const std::stop_token& stop) {
  io::UniqueFd fd(::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.ok()) return io::ErrnoError(errno, "make a socket");
  SendAtOnce(fd.get());
  if (::connect(fd.get(), address.ai_addr, address.ai_addrlen) != 0) {
    if (errno != EINPROGRESS) return Error{Code::kUnavailable, std::strerror(errno)};
    if (auto connected = AwaitConnect(fd.get(), timeout, stop); !connected)
      return connected.error();
  }
  return fd;
}

}  // namespace

Result<io::UniqueFd> Listen(const std::string& address, uint16_t port) {
  const auto resolved = Resolve(address, port, AI_PASSIVE | AI_NUMERICHOST);
  if (!resolved)
    return Error{Code::kInvalid, "cannot listen on \"" + address + "\": it is not an IP address"};
  const addrinfo& local = **resolved;
  io::UniqueFd fd(::socket(local.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.ok()) return io::ErrnoError(errno, "make a listening socket");
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd.get(), local.ai_addr, local.ai_addrlen) != 0 || ::listen(fd.get(), SOMAXCONN) != 0)
    return ListenError(errno, address, port);
  return fd;
}

Result<uint16_t> LocalPort(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return io::ErrnoError(errno, "read the port of a socket");
  // The port lies at the same place in the addresses of both families.
  return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

Result<io::UniqueFd> AcceptNext(int listener, std::string* remote) {
  while (true) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    io::UniqueFd fd(::accept4(listener, reinterpret_cast<sockaddr*>(&address), &size,
                              SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd.ok()) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) return io::UniqueFd();
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        return Error{Code::kExhausted, std::string("accept a connection: ") + std::strerror(errno)};
      if (errno == EBADF || errno == EINVAL) return io::ErrnoError(errno, "accept a connection");
      continue;  // the connection broke before we took it
    }
    SendAtOnce(fd.get());
    char host[NI_MAXHOST] = "";
    char port[NI_MAXSERV] = "";
    ::getnameinfo(reinterpret_cast<sockaddr*>(&address), size, host, sizeof host, port, sizeof port,
                  NI_NUMERICHOST | NI_NUMERICSERV);
    *remote = std::string(host).find(':') == std::string::npos
                  ? std::string(host) + ":" + port
                  : "[" + std::string(host) + "]:" + port;
    return fd;
  }
}

Result<io::UniqueFd> ConnectTo(const std::string& host, uint16_t port,
                               std::chrono::milliseconds timeout, const std::stop_token& stop) {
  const std::string what = "connect to " + Endpoint(host, port);
  const auto resolved = Resolve(host, port, 0);
  if (!resolved) return resolved.error().Within(what);
  Error last{Code::kUnavailable, "the name has no address"};
  for (const addrinfo* address = resolved->get(); address != nullptr; address = address->ai_next) {
    if (stop.stop_requested()) return Error{Code::kCancelled, what + ": stopped"};
    auto fd = ConnectOne(*address, timeout, stop);
    if (fd) return fd;
    last = fd.error();
    if (last.code == Code::kCancelled) break;
  }
  return last.Within(what);
}

bool StillIdle(int fd) {
  pollfd wait{fd, POLLIN | POLLRDHUP, 0};
  return ::poll(&wait, 1, 0) == 0;
}

}  // namespace leat::net
