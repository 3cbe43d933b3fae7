#include "net/handler_threads.h"

#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <csignal>
#include <system_error>
#include <utility>

#include "base/log.h"

namespace leat::net {
namespace {

// How long a thread that is not needed any more waits for work all the same.
constexpr std::chrono::seconds kSpareTime{30};

}  // namespace

void BlockSigpipe() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

HandlerThreads::HandlerThreads(size_t threads, size_t max_waiting, const Handler& handler)
    : count_(threads), max_waiting_(max_waiting), handler_(handler) {
  MutexLock lock(mu_);
  for (size_t i = 0; i < count_; ++i) AddThread();
}

void HandlerThreads::Push(std::shared_ptr<ServerConnection> connection) {
  {
    MutexLock lock(mu_);
    queue_.push_back(std::move(connection));
  }
  ready_.NotifyOne();
}

void HandlerThreads::StopAndJoin() {
  std::list<std::jthread> threads;
  {
    MutexLock lock(mu_);
    stopped_ = true;
    threads.splice(threads.end(), threads_);
    threads.splice(threads.end(), retired_);
  }
  for (auto& thread : threads) thread.request_stop();
}

void HandlerThreads::Begin(int fd, MonoTime deadline) {
  size_t waiting;
  bool falls_short = false;
  {
    MutexLock lock(mu_);
    waiting_[fd] = deadline;
    waiting = waiting_.size();
    if (waiting > max_waiting_) CutTheSlowest();
    if (!stopped_ && threads_.size() < count_ + waiting) {
      const bool was_short = std::exchange(short_, !TryAddThread());
      falls_short = short_ && !was_short;
    }
  }
  if (falls_short)
    LogWarning("the system gives no more threads: slow clients may keep others waiting",
               {{"waiting", waiting}});
  if (waiting > max_waiting_)
    LogInfo("the slowest client is cut off: too many are waited for", {{"waiting", waiting}});
}

void HandlerThreads::End(int fd) {
  MutexLock lock(mu_);
  waiting_.erase(fd);
}

// Under the lock, since its owner closes the socket only after End.
void HandlerThreads::CutTheSlowest() {
  const auto slowest = std::min_element(
      waiting_.begin(), waiting_.end(),
      [](const auto& one, const auto& other) { return one.second < other.second; });
  slowest->second = MonoTime::max();  // not to be chosen again
  ::shutdown(slowest->first, SHUT_RDWR);
}

void HandlerThreads::AddThread() {
  retired_.clear();
  threads_.emplace_back([this](const std::stop_token& stop) { Run(stop); });
}

bool HandlerThreads::TryAddThread() {
  try {
    AddThread();
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

void HandlerThreads::RetireThisThread() {
  const auto self = std::find_if(threads_.begin(), threads_.end(), [](const std::jthread& thread) {
    return thread.get_id() == std::this_thread::get_id();
  });
  if (self != threads_.end()) retired_.splice(retired_.end(), threads_, self);
}

void HandlerThreads::Run(const std::stop_token& stop) {
  BlockSigpipe();
  while (auto connection = Next(stop)) connection->Handle(handler_);
}

std::shared_ptr<ServerConnection> HandlerThreads::Next(const std::stop_token& stop) {
  MutexLock lock(mu_);
  while (!ready_.WaitFor(mu_, stop, kSpareTime, [this]() REQUIRES(mu_) { return !queue_.empty(); }))
    if (stop.stop_requested() || threads_.size() > count_ + waiting_.size()) {
      RetireThisThread();
      return nullptr;
    }
  if (stop.stop_requested()) return nullptr;
  auto connection = std::move(queue_.front());
  queue_.pop_front();
  return connection;
}

}  // namespace leat::net
