#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "base/bytes.h"

namespace leat::cli {

using std::chrono::duration;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

Progress::Progress(std::string title, uint64_t total_bytes)
    : title_(std::move(title)),
      total_(total_bytes),
      terminal_(isatty(STDERR_FILENO) != 0),
      start_(steady_clock::now()),
      drawn_(start_) {}

void Progress::Add(uint64_t bytes) {
  const uint64_t done = done_.fetch_add(bytes) + bytes;
  MutexLock lock(mu_);
  const MonoTime now = steady_clock::now();
  if (terminal_) {
    if (now - drawn_ < milliseconds(100)) return;
  } else {
    const uint64_t tenths = total_ == 0 ? 10 : done * 10 / total_;
    if (tenths <= drawn_tenths_ || done >= total_ || now - start_ < milliseconds(2000)) return;
    drawn_tenths_ = tenths;
  }
  drawn_ = now;
  Draw(done, false);
}

void Progress::Finish() {
  MutexLock lock(mu_);
  Draw(done_, true);
}

void Progress::Draw(uint64_t done, bool last) {
  const double seconds = duration<double>(steady_clock::now() - start_).count();
  const auto rate = static_cast<uint64_t>(seconds > 0 ? static_cast<double>(done) / seconds : 0);
  const std::string text =
      fmt::format("{}: {} of {} ({} %), {}/s", title_, HumanBytes(done), HumanBytes(total_),
                  total_ == 0 ? 100 : done * 100 / total_, HumanBytes(rate));
  std::fputs((terminal_ ? "\r" + text + "\033[K" + (last ? "\n" : "") : text + "\n").c_str(),
             stderr);
}

}  // namespace leat::cli
