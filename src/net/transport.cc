#include "net/transport.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "io/file.h"

namespace leat::net {
namespace {

// Longer waits would overflow what poll(2) and clocks can say.
constexpr std::chrono::hours kForever{24};

class PlainTransport : public Transport {
 public:
  explicit PlainTransport(io::UniqueFd fd) : Transport(std::move(fd)) {}

  IoStep Read(std::span<char> buffer) override {
    const ssize_t n = Retry([&] { return ::recv(fd(), buffer.data(), buffer.size(), 0); });
    if (n > 0) return {IoState::kOk, static_cast<size_t>(n)};
    if (n == 0) return {IoState::kEnd, 0};
    return Failed(IoState::kWantRead, "receive");
  }

  IoStep Write(std::string_view bytes, Flush flush) override {
    const int flags = MSG_NOSIGNAL | (flush == Flush::kMoreFollows ? MSG_MORE : 0);
    const ssize_t n = Retry([&] { return ::send(fd(), bytes.data(), bytes.size(), flags); });
    if (n >= 0) return {IoState::kOk, static_cast<size_t>(n)};
    return Failed(IoState::kWantWrite, "send");
  }

  IoStep SendFile(int file, uint64_t offset, size_t size) override {
    auto position = static_cast<off_t>(offset);
    const ssize_t n = Retry([&] { return ::sendfile(fd(), file, &position, size); });
    if (n > 0) return {IoState::kOk, static_cast<size_t>(n)};
    if (n == 0) return Fail({Code::kInternal, "send file: it is shorter than expected"});
    return Failed(IoState::kWantWrite, "send file");
  }

 private:
  template <class Call>
  static ssize_t Retry(Call call) {
    ssize_t n;
    do {
      n = call();
    } while (n < 0 && errno == EINTR);
    return n;
  }

  IoStep Failed(IoState blocked, std::string_view what) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {blocked, 0};
    return Fail(io::ErrnoError(errno, what));
  }
};

// Runs one step until it is done with something: the bytes it moved, 0 at the end.
template <class Step>
Result<size_t> Complete(Transport& transport, const Patience& patience, Step step) {
  while (true) {
    const IoStep done = step();
    if (done.state == IoState::kOk) return done.bytes;
    if (done.state == IoState::kEnd || done.state == IoState::kFailed) {
      if (patience.stop.stop_requested()) return Error{Code::kCancelled, "stopped"};
      if (done.state == IoState::kEnd) return 0;
      return transport.error();
    }
    const short events = done.state == IoState::kWantRead ? POLLIN : POLLOUT;
    const auto ready = WaitFor(transport, events, patience);
    if (!ready) return ready.error();
  }
}

}  // namespace

size_t Transport::Untaken() const {
  int bytes = 0;
  return ::ioctl(fd(), SIOCOUTQ, &bytes) == 0 ? static_cast<size_t>(bytes) : 0;
}

void Transport::CloseWrite() { ::shutdown(fd(), SHUT_WR); }

std::unique_ptr<Transport> MakePlainTransport(io::UniqueFd fd) {
  return std::make_unique<PlainTransport>(std::move(fd));
}

Result<short> WaitFor(const Transport& transport, short events, const Patience& patience) {
  const auto timeout = std::min<std::chrono::milliseconds>(patience.timeout, kForever);
  const auto deadline = std::min(patience.deadline, std::chrono::steady_clock::now() + timeout);
  while (true) {
    if (patience.stop.stop_requested()) return Error{Code::kCancelled, "stopped"};
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd wait{transport.fd(), events, 0};
    const int n = ::poll(&wait, 1, static_cast<int>(std::clamp<int64_t>(left.count(), 0, INT_MAX)));
    if (n > 0) return wait.revents;
    if (n < 0 && errno != EINTR) return io::ErrnoError(errno, "poll");
    if (n == 0) {
      const auto seconds = std::chrono::duration<double>(patience.timeout).count();
      std::string text = std::to_string(seconds);
      text.erase(text.find('.') + 2);
      return Error{Code::kTimeout, "nothing moved on the connection for " + text + " s"};
    }
  }
}

Result<size_t> ReadSome(Transport& transport, std::span<char> buffer, const Patience& patience) {
  return Complete(transport, patience, [&] { return transport.Read(buffer); });
}

Status WriteAll(Transport& transport, std::string_view bytes, Flush flush,
                const Patience& patience) {
  while (!bytes.empty()) {
    const auto n = Complete(transport, patience, [&] { return transport.Write(bytes, flush); });
    if (!n) return n.error();
    bytes.remove_prefix(*n);
  }
  return {};
}

Status SendFileAll(Transport& transport, int file, uint64_t offset, uint64_t size,
                   const Patience& patience) {
  while (size > 0) {
    const size_t step = std::min<uint64_t>(size, 4u << 20);
    const auto n =
        Complete(transport, patience, [&] { return transport.SendFile(file, offset, step); });
    if (!n) return n.error();
    offset += *n;
    size -= *n;
  }
  return {};
}

Status HandshakeAll(Transport& transport, const Patience& patience) {
  const auto done = Complete(transport, patience, [&] {
    IoStep step = transport.Handshake();
    if (step.state == IoState::kOk) step.bytes = 1;
    return step;
  });
  if (!done) return done.error();
  if (*done == 0) return Error{Code::kUnavailable, "the other side hung up during the handshake"};
  return {};
}

}  // namespace leat::net
