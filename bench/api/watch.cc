// One thread reads all watchers' connections by epoll, so that a thousand watchers do not cost the
// machine a thousand threads of load generator; the main thread writes.
#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include "base/strings.h"
#include "bench/api/target.h"
#include "io/fd.h"
#include "net/message_parser.h"
#include "net/socket.h"
#include "net/tls_context.h"
#include "net/transport.h"

namespace leat::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kPath = "/api/v1/namespaces/bench/configmaps";
constexpr const char* kName = "beat";
constexpr std::chrono::seconds kPatience{20};
// In the config map: "beat <number of the write> <when it was sent, in nanoseconds> ".
constexpr std::string_view kNote = "beat ";

struct Beat {
  int64_t number = 0;
  int64_t sent_nanos = 0;
};

int64_t NanosNow() { return Clock::now().time_since_epoch().count(); }

std::optional<Beat> FindBeat(std::string_view line) {
  const size_t at = line.find("\"beat ");
  if (at == std::string_view::npos) return std::nullopt;
  const auto words = Cut(line.substr(at + 1 + kNote.size()), " ");
  if (!words) return std::nullopt;
  const auto number = ParseInt(words->first);
  const auto sent = ParseInt(words->second.substr(0, words->second.find(' ')));
  if (!number || !sent) return std::nullopt;
  return Beat{*number, *sent};
}

// A connection on which events come.
class Watcher {
 public:
  // Blocks until the server has answered with the head of its stream.
  Status Open(const Target& target, const net::TlsContext* tls, const std::string& revision) {
    auto fd = net::ConnectTo(target.url.host, target.url.port, kPatience, {});
    if (!fd) return fd.error();
    if (tls != nullptr) {
      auto transport = tls->Connect(std::move(*fd), target.url.host);
      if (!transport) return transport.error();
      transport_ = std::move(*transport);
    } else {
      transport_ = net::MakePlainTransport(std::move(*fd));
    }
    const net::Patience patience{kPatience, {}};
    if (auto shaken = net::HandshakeAll(*transport_, patience); !shaken) return shaken;
    const std::string head = std::string("GET ") + kPath +
                             "?watch=1&timeoutSeconds=600&resourceVersion=" + revision +
                             "&fieldSelector=metadata.name%3D" + kName +
                             " HTTP/1.1\r\nHost: " + target.url.HostHeader() +
                             "\r\nAuthorization: Bearer " + target.token + "\r\n\r\n";
    if (auto sent = net::WriteAll(*transport_, head, net::Flush::kNow, patience); !sent)
      return sent;
    parser_ = net::MessageParser::ForResponse(64u << 10);
    while (true) {
      const auto n = net::ReadSome(*transport_, buffer_, patience);
      if (!n) return n.error();
      if (*n == 0) return Error{Code::kUnavailable, "the server closed a watch at once"};
      input_.Append({buffer_.data(), *n});
      const auto whole = parser_->ParseHead(input_);
      if (!whole) return whole.error();
      if (*whole) break;
    }
    if (parser_->head().status == 200) return {};
    return Error{Code::kInternal,
                 "a watch was answered with " + std::to_string(parser_->head().status)};
  }

  int fd() const { return transport_->fd(); }

  // Takes what has come; false at the end of the stream. `see` gets each whole line.
  template <class See>
  Result<bool> Take(const See& see) {
    while (true) {
      const net::IoStep step = transport_->Read(buffer_);
      if (step.state == net::IoState::kWantRead || step.state == net::IoState::kWantWrite)
        return true;
      if (step.state == net::IoState::kFailed) return transport_->error();
      if (step.state == net::IoState::kEnd) return false;
      input_.Append({buffer_.data(), step.bytes});
      while (true) {
        const auto n = parser_->ParseChunked(input_, buffer_);
        if (!n) return n.error();
        if (*n == 0) break;
        lines_.append(buffer_.data(), *n);
      }
      size_t begin = 0;
      for (size_t end; (end = lines_.find('\n', begin)) != std::string::npos; begin = end + 1)
        see(std::string_view(lines_).substr(begin, end - begin));
      lines_.erase(0, begin);
      if (parser_->body_done()) return false;
    }
  }

  int64_t last = 0;  // the number of the newest beat

 private:
  static thread_local std::array<char, 64 << 10> buffer_;
  std::unique_ptr<net::Transport> transport_;
  std::unique_ptr<net::MessageParser> parser_;
  net::InputBuffer input_;
  std::string lines_;
};

thread_local std::array<char, 64 << 10> Watcher::buffer_;

// All watchers and the thread that reads them.
class Audience {
 public:
  explicit Audience(int watchers) : watchers_(static_cast<size_t>(watchers)) {}

  Status Open(const Target& target, const std::string& revision) {
    std::unique_ptr<net::TlsContext> tls;
    if (target.url.scheme == "https") {
      auto made = net::TlsContext::ForClient(target.client.tls);
      if (!made) return made.error();
      tls = std::move(*made);
    }
    epoll_ = io::UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
    for (size_t i = 0; i < watchers_.size(); ++i) {
      if (auto opened = watchers_[i].Open(target, tls.get(), revision); !opened)
        return opened.error().Within("watcher " + std::to_string(i));
      epoll_event event = {.events = EPOLLIN, .data = {.u64 = i}};
      if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, watchers_[i].fd(), &event) != 0)
        return Error{Code::kInternal, "epoll_ctl"};
    }
    thread_ = std::jthread([this](const std::stop_token& stop) { Read(stop); });
    return {};
  }

  // Waits until every watcher has got that beat; false when that will never be.
  bool AwaitAll(int64_t number) {
    for (int64_t seen; (seen = complete_.load()) < number;) {
      if (broken_) return false;
      complete_.wait(seen);
    }
    return !broken_;
  }

  void Stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
  }

  // After Stop.
  Status failure() const { return failure_; }
  std::vector<uint32_t> TakeMicros() { return std::move(micros_); }
  uint64_t Missed(int64_t beats) const {
    uint64_t missed = gaps_;
    for (const Watcher& watcher : watchers_) missed += static_cast<uint64_t>(beats - watcher.last);
    return missed;
  }

 private:
  void Read(const std::stop_token& stop) {
    auto heard = Clock::now();
    std::array<epoll_event, 256> ready;
    while (!stop.stop_requested()) {
      const int n = ::epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()), 50);
      if (n > 0) heard = Clock::now();
      if (Clock::now() - heard > kPatience) return Fail({Code::kTimeout, "no event for 20 s"});
      for (int i = 0; i < n; ++i) {
        Watcher& watcher = watchers_[ready[static_cast<size_t>(i)].data.u64];
        const auto more = watcher.Take([&](std::string_view line) { See(watcher, line); });
        if (!more) return Fail(more.error());
        if (!*more) return Fail({Code::kUnavailable, "the server closed a watch: it fell behind"});
      }
    }
  }

  void See(Watcher& watcher, std::string_view line) {
    const auto beat = FindBeat(line);
    if (!beat || beat->number <= 0) return;
    gaps_ += static_cast<uint64_t>(beat->number - watcher.last - 1);
    watcher.last = beat->number;
    micros_.push_back(static_cast<uint32_t>((NanosNow() - beat->sent_nanos) / 1000));
    if (got_.size() <= static_cast<size_t>(beat->number))
      got_.resize(static_cast<size_t>(beat->number) + 1024);
    if (++got_[static_cast<size_t>(beat->number)] < watchers_.size()) return;
    complete_.store(beat->number);
    complete_.notify_all();
  }

  void Fail(Error error) {
    failure_ = std::move(error);
    broken_ = true;
    complete_.store(INT64_MAX);
    complete_.notify_all();
  }

  std::vector<Watcher> watchers_;
  io::UniqueFd epoll_;
  std::vector<size_t> got_;  // by beat: how many watchers have it
  std::vector<uint32_t> micros_;
  uint64_t gaps_ = 0;
  Status failure_;
  std::atomic<bool> broken_ = false;
  std::atomic<int64_t> complete_ = 0;
  std::jthread thread_;  // owns all of the above but the atomics until it is joined
};

// Writes a beat and returns the revision of it.
Result<std::string> Write(const Target& target, net::Client& client, int64_t number) {
  const std::string note =
      std::string(kNote) + std::to_string(number) + " " + std::to_string(NanosNow()) + " ";
  const bool first = number == 0;
  auto request =
      target.Request(first ? "POST" : "PUT", first ? kPath : std::string(kPath) + "/" + kName, "",
                     ConfigMap(kName, note));
  auto response = client.Send(std::move(request));
  if (!response) return response.error();
  auto body = (*response)->ReadAll();
  if (!body) return body.error();
  if (first && (*response)->status == 409) return Write(target, client, -1);
  if ((*response)->status / 100 != 2) return Error{Code::kInternal, "write: " + *body};
  const auto revision = Cut(*body, "\"resourceVersion\":\"");
  if (!revision) return Error{Code::kInternal, "the answer to a write has no resourceVersion"};
  return std::string(revision->second.substr(0, revision->second.find('"')));
}

}  // namespace

Result<Report> RunWatch(const Target& target, int watchers, int64_t window, double seconds) {
  const auto client = net::Client::Make(target.client);
  auto revision = Write(target, *client, 0);
  if (!revision) return revision.error();
  Audience audience(watchers);
  if (auto opened = audience.Open(target, *revision); !opened) return opened.error();
  Begin();
  const auto begin = Clock::now();
  const auto until = begin + std::chrono::microseconds(static_cast<int64_t>(seconds * 1e6));
  int64_t number = 0;
  while (Clock::now() < until) {
    if (auto written = Write(target, *client, ++number); !written) return written.error();
    if (!audience.AwaitAll(number + 1 - window)) break;
  }
  audience.AwaitAll(number);
  Report report{.seconds = std::chrono::duration<double>(Clock::now() - begin).count()};
  End();
  audience.Stop();
  if (auto failure = audience.failure(); !failure) return failure.error();
  report.micros = audience.TakeMicros();
  report.lost = audience.Missed(number);
  return report;
}

}  // namespace leat::bench
