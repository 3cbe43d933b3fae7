#include "apiserver/log_followers.h"

#include "base/log.h"

namespace leat::apiserver {

// How much of a log may wait in an outbox. An outbox that is full ends its response, which is wrong
// for a log: so the thread stops reading instead, until net has sent and dropped earlier pieces.
class LogFollowers::Window : public std::enable_shared_from_this<Window> {
 public:
  // Blocks until the piece may be queued; null once stop is requested.
  std::shared_ptr<const std::string> Admit(std::string_view text, const std::stop_token& stop)
      EXCLUDES(mu_) {
    const size_t size = text.size();
    {
      MutexLock lock(mu_);
      if (!changed_.Wait(mu_, stop, [&]() REQUIRES(mu_) {
            return waiting_ == 0 || waiting_ + size <= kBytes;
          })) {
        return nullptr;
      }
      waiting_ += size;
    }
    return {new std::string(text), [window = shared_from_this()](const std::string* sent) {
              const size_t bytes = sent->size();
              delete sent;
              MutexLock lock(window->mu_);
              window->waiting_ -= bytes;
              window->changed_.NotifyOne();
            }};
  }

 private:
  static constexpr size_t kBytes = 1u << 20;
  Mutex mu_;
  CondVar changed_;
  size_t waiting_ GUARDED_BY(mu_) = 0;
};

LogFollowers::~LogFollowers() {
  std::map<uint64_t, std::jthread> ending;
  {
    MutexLock lock(mu_);
    ending.swap(threads_);
  }
  for (auto& [id, thread] : ending) thread.request_stop();
}

void LogFollowers::JoinFinished() {
  std::vector<uint64_t> ids;
  {
    MutexLock lock(finished_.mu);
    ids.swap(finished_.ids);
  }
  for (uint64_t id : ids) threads_.erase(id);
}

Result<std::shared_ptr<net::Outbox>> LogFollowers::Follow(api::PodLogs& logs,
                                                          const api::ObjectName& pod,
                                                          const api::PodLogOptions& options) {
  MutexLock lock(mu_);
  JoinFinished();
  if (threads_.size() >= kMaxFollowers) {
    return Error{Code::kExhausted, "logs of pod " + pod.ToString() + ": " +
                                       std::to_string(kMaxFollowers) +
                                       " logs are being followed already, try again later"};
  }
  auto outbox = std::make_shared<net::Outbox>();
  const uint64_t id = ++last_id_;
  std::jthread thread([this, &logs, pod, options, outbox, id](const std::stop_token& stop) {
    auto window = std::make_shared<Window>();
    auto read = logs.Read(
        pod, options,
        [&](std::string_view piece) {
          auto chunk = window->Admit(piece, stop);
          return chunk != nullptr && outbox->Push(std::move(chunk));
        },
        stop);
    if (!read && read.error().code != Code::kCancelled) {
      LogWarning("followed log ended", {{"pod", pod.ToString()}, {"error", read.error()}});
    }
    outbox->Close();
    MutexLock finishing(finished_.mu);
    finished_.ids.push_back(id);
  });
  outbox->OnClosed([source = thread.get_stop_source()]() mutable { source.request_stop(); });
  threads_.emplace(id, std::move(thread));
  return outbox;
}

}  // namespace leat::apiserver
