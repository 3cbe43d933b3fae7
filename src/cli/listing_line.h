// "listing s3://...: 12,000 objects, 5.6 GiB", redrawn on a terminal; nothing elsewhere.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <string>

#include "base/bytes.h"
#include "json/value.h"

namespace leat::cli {

// Used by one thread.
class ListingLine {
 public:
  explicit ListingLine(std::string title) : title_(std::move(title)) {}
  // A {objects, bytes} of the data node; anything else is left alone.
  void Show(const json::Value& progress) {
    if (!terminal_ || !progress.Has("objects")) return;
    shown_ = true;
    std::fprintf(stderr, "\r%s: %lld objects, %s\033[K", title_.c_str(),
                 static_cast<long long>(progress["objects"].AsInt()),
                 HumanBytes(static_cast<uint64_t>(progress["bytes"].AsInt())).c_str());
  }
  // Clears the line.
  void Finish() {
    if (shown_) std::fputs("\r\033[K", stderr);
    shown_ = false;
  }

 private:
  const std::string title_;
  const bool terminal_ = isatty(STDERR_FILENO) != 0;
  bool shown_ = false;
};

}  // namespace leat::cli
