#include "client/http_watch.h"

#include <deque>
#include <optional>
#include <thread>

#include "api/status.h"
#include "base/mutex.h"

namespace leat::client {
namespace {

constexpr size_t kMaxWaiting = 1000;

class HttpWatch : public api::ObjectWatch {
 public:
  HttpWatch(std::unique_ptr<net::ClientResponse> response, std::stop_source cancel)
      : response_(std::move(response)),
        cancel_(std::move(cancel)),
        thread_([this](const std::stop_token& stop) { Run(stop); }) {}

  ~HttpWatch() override { cancel_.request_stop(); }

  Result<api::WatchEvent> Next(std::chrono::nanoseconds timeout,
                               const std::stop_token& stop) override {
    MutexLock lock(mu_);
    const bool some = changed_.WaitFor(mu_, stop, timeout, [this]() NO_THREAD_SAFETY_ANALYSIS {
      return !events_.empty() || ended_;
    });
    if (!events_.empty()) {
      Result<api::WatchEvent> event = std::move(events_.front());
      events_.pop_front();
      changed_.NotifyAll();
      return event;
    }
    if (some) return *ended_;
    if (stop.stop_requested()) return Error{Code::kCancelled, "the watch was stopped"};
    return Error{Code::kTimeout, "no event"};
  }

 private:
  void Run(const std::stop_token& stop) {
    Error end{Code::kUnavailable, "the watch ended"};
    std::string pending;
    std::vector<char> buffer(64 << 10);
    while (!stop.stop_requested()) {
      auto got = response_->Read(buffer);
      if (!got || *got == 0) break;
      pending.append(buffer.data(), *got);
      size_t start = 0;
      for (size_t at; (at = pending.find('\n', start)) != std::string::npos; start = at + 1)
        if (!Push(std::string_view(pending).substr(start, at - start), stop)) return;
      pending.erase(0, start);
    }
    MutexLock lock(mu_);
    ended_ = end;
    changed_.NotifyAll();
  }

  // False when nobody reads on.
  bool Push(std::string_view line, const std::stop_token& stop) {
    Result<api::WatchEvent> event = ParseEvent(line);
    MutexLock lock(mu_);
    changed_.Wait(mu_, stop,
                  [this]() NO_THREAD_SAFETY_ANALYSIS { return events_.size() < kMaxWaiting; });
    const bool last = !event;
    if (last)
      ended_ = event.error();
    else
      events_.push_back(std::move(event));
    changed_.NotifyAll();
    return !last && !stop.stop_requested();
  }

  static Result<api::WatchEvent> ParseEvent(std::string_view line) {
    auto event = json::Parse(line);
    if (!event) return event.error();
    const std::string_view type = (*event)["type"].AsString();
    const json::Value& object = (*event)["object"];
    if (type == "ERROR") {
      Error error =
          api::ErrorFromStatus(static_cast<int>(object["code"].AsInt(500)), json::Print(object));
      // kTimeout would mean that the watch goes on.
      if (error.code == Code::kTimeout) error.code = Code::kUnavailable;
      return error;
    }
    const auto known = type == "ADDED"      ? api::WatchEventType::kAdded
                       : type == "MODIFIED" ? api::WatchEventType::kModified
                       : type == "DELETED"  ? api::WatchEventType::kDeleted
                                            : api::WatchEventType::kBookmark;
    return api::WatchEvent{known, std::make_shared<const json::Value>(object)};
  }

  const std::unique_ptr<net::ClientResponse> response_;
  std::stop_source cancel_;
  Mutex mu_;
  CondVar changed_;
  std::deque<Result<api::WatchEvent>> events_ GUARDED_BY(mu_);
  std::optional<Error> ended_ GUARDED_BY(mu_);
  std::jthread thread_;
};

}  // namespace

std::unique_ptr<api::ObjectWatch> MakeHttpWatch(std::unique_ptr<net::ClientResponse> response,
                                                std::stop_source cancel) {
  return std::make_unique<HttpWatch>(std::move(response), std::move(cancel));
}

}  // namespace leat::client
