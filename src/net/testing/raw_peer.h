// For the tests: a connection that says exactly what it is told to, well-formed or not.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <future>
#include <string>
#include <string_view>
#include <thread>

#include "net/socket.h"
#include "net/transport.h"

namespace leat::net {

class RawPeer {
 public:
  explicit RawPeer(uint16_t port) {
    auto fd = ConnectTo("127.0.0.1", port, std::chrono::seconds(10), {});
    EXPECT_TRUE(fd);
    if (fd) transport_ = MakePlainTransport(std::move(*fd));
  }
  explicit RawPeer(io::UniqueFd fd) : transport_(MakePlainTransport(std::move(fd))) {}

  // False when the other side has hung up.
  bool Say(std::string_view bytes) {
    return WriteAll(*transport_, bytes, Flush::kNow, kPatience).has_value();
  }
  // Everything up to and with `end`; what came so far when the other side hangs up first.
  std::string HearUntil(std::string_view end) {
    size_t at;
    while ((at = heard_.find(end)) == std::string::npos)
      if (!HearMore()) return std::exchange(heard_, {});
    std::string text = heard_.substr(0, at + end.size());
    heard_.erase(0, at + end.size());
    return text;
  }
  // Everything until the other side hangs up; ends with "TIMEOUT" when it does not.
  std::string HearAll() {
    while (HearMore()) {
    }
    return std::exchange(heard_, {});
  }
  void HangUp() { transport_ = nullptr; }
  void EndWriting() { ::shutdown(transport_->fd(), SHUT_WR); }
  int fd() const { return transport_->fd(); }

 private:
  static inline const Patience kPatience{std::chrono::seconds(20), {}};

  bool HearMore() {
    std::array<char, 64 << 10> buffer;
    const auto n = ReadSome(*transport_, buffer, kPatience);
    if (!n && n.error().code == Code::kTimeout) heard_ += "TIMEOUT";
    if (!n || *n == 0) return false;
    heard_.append(buffer.data(), *n);
    return true;
  }

  std::unique_ptr<Transport> transport_;
  std::string heard_;
};

// Work on a thread of its own: get() waits for its result, destruction for its end.
template <class Work>
class InBackground {
 public:
  explicit InBackground(Work work)
      : task_(std::move(work)), result_(task_.get_future()), thread_([this] { task_(); }) {}
  auto get() { return result_.get(); }

 private:
  std::packaged_task<std::invoke_result_t<Work>()> task_;
  std::future<std::invoke_result_t<Work>> result_;
  std::jthread thread_;
};

}  // namespace leat::net
