// Locks that clang's -Wthread-safety can check, and waits that a stop request always ends.
// One mutex per class; its members say GUARDED_BY(mu_); no I/O and no callback under a lock unless
// the header says so.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>

#if defined(__clang__)
#define LEAT_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define LEAT_THREAD_ANNOTATION(x)
#endif
#define CAPABILITY(x) LEAT_THREAD_ANNOTATION(capability(x))
#define SCOPED_CAPABILITY LEAT_THREAD_ANNOTATION(scoped_lockable)
#define GUARDED_BY(x) LEAT_THREAD_ANNOTATION(guarded_by(x))
#define REQUIRES(...) LEAT_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) LEAT_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...) LEAT_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define RELEASE(...) LEAT_THREAD_ANNOTATION(release_capability(__VA_ARGS__))
#define NO_THREAD_SAFETY_ANALYSIS LEAT_THREAD_ANNOTATION(no_thread_safety_analysis)

namespace leat {

class CAPABILITY("mutex") Mutex {
 public:
  void lock() ACQUIRE() { mu_.lock(); }
  void unlock() RELEASE() { mu_.unlock(); }

 private:
  std::mutex mu_;
};

class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mu) ACQUIRE(mu) : mu_(mu) { mu_.lock(); }
  ~MutexLock() RELEASE() { mu_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mu_;
};

// Built on the stop_token overloads of std::condition_variable_any: a stop_callback that notifies
// would lose the wake-up when the stop comes between the test and the wait.
class CondVar {
 public:
  void NotifyOne() { cv_.notify_one(); }
  void NotifyAll() { cv_.notify_all(); }

  void Wait(Mutex& mu) REQUIRES(mu) NO_THREAD_SAFETY_ANALYSIS { cv_.wait(mu); }

  // Waits until ready() is true, then returns true; or returns ready() once stop is requested.
  template <class Ready>
  bool Wait(Mutex& mu, const std::stop_token& stop, Ready ready)
      REQUIRES(mu) NO_THREAD_SAFETY_ANALYSIS {
    return cv_.wait(mu, stop, ready);
  }

  // The same with a deadline; returns ready() at the deadline or the stop.
  template <class Ready>
  bool WaitUntil(Mutex& mu, const std::stop_token& stop,
                 std::chrono::steady_clock::time_point deadline, Ready ready)
      REQUIRES(mu) NO_THREAD_SAFETY_ANALYSIS {
    return cv_.wait_until(mu, stop, deadline, ready);
  }

  template <class Ready>
  bool WaitFor(Mutex& mu, const std::stop_token& stop, std::chrono::nanoseconds timeout,
               Ready ready) REQUIRES(mu) {
    return WaitUntil(mu, stop, std::chrono::steady_clock::now() + timeout, ready);
  }

 private:
  std::condition_variable_any cv_;
};

}  // namespace leat
