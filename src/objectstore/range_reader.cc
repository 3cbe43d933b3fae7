#include "objectstore/range_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>

#include "base/strings.h"

namespace leat::objectstore {
namespace {

constexpr size_t kBufferSize = 256 << 10;

// How many bytes of the answer come before `offset`; kCorrupt when [offset, end) is not in it.
Result<uint64_t> BytesBefore(const net::ClientResponse& response, uint64_t offset, uint64_t end) {
  const auto& length = response.content_length;
  if (response.status == 206) {
    const std::string wanted = fmt::format("bytes {}-{}/", offset, end - 1);
    const std::string_view range = response.headers.Get("Content-Range");
    if (!range.starts_with(wanted) || (length && *length != end - offset)) {
      return Error{Code::kCorrupt,
                   fmt::format("asked for bytes {}-{}, the store answered \"{}\" and {} bytes",
                               offset, end - 1, range, length.value_or(0))};
    }
    return 0;
  }
  if (length && *length < end) {
    return Error{Code::kCorrupt, fmt::format("the store answered {} bytes, less than the {} that "
                                             "the object has at least",
                                             *length, end)};
  }
  return offset;
}

struct Progress {
  uint64_t offset;  // of the next byte for the sink
  const uint64_t end;
};

// Sees that an answer does not merely trickle: so long a wait for so few bytes.
class Pace {
 public:
  Pace(Clock& clock, std::chrono::nanoseconds most) : clock_(clock), most_(most) {}

  // Reads on; kTimeout when it is too slow. What else the reader does takes no time from it.
  Result<size_t> Read(net::ClientResponse& response, std::span<char> buffer) {
    const MonoTime began = clock_.Monotonic();
    const auto got = response.Read(buffer);
    if (!got || *got == 0) return got;
    waited_ += clock_.Monotonic() - began;
    bytes_ += *got;
    if (bytes_ < kProgress && waited_ > most_) {
      return Error{Code::kTimeout, fmt::format("only {} bytes came in {:.1f} s", bytes_,
                                               std::chrono::duration<double>(waited_).count())};
    }
    if (bytes_ >= kProgress) {
      bytes_ = 0;
      waited_ = {};
    }
    return got;
  }

 private:
  Clock& clock_;
  const std::chrono::nanoseconds most_;
  std::chrono::nanoseconds waited_{0};
  uint64_t bytes_ = 0;
};

// Reads one answer. An error of the sink goes to `refused`, one of the answer is returned.
Status Drain(net::ClientResponse& response, uint64_t skip, Progress& at, Pace pace,
             Patience& patience, const std::function<Status(std::string_view)>& sink,
             std::optional<Error>& refused) {
  const auto buffer = std::make_unique_for_overwrite<char[]>(kBufferSize);
  while (at.offset < at.end) {
    const auto got = pace.Read(response, {buffer.get(), kBufferSize});
    if (!got) return got.error();
    if (*got == 0) {
      return Error{Code::kCorrupt,
                   fmt::format("the answer ended {} bytes too early", at.end - at.offset)};
    }
    std::string_view bytes(buffer.get(), *got);
    const size_t over = static_cast<size_t>(std::min<uint64_t>(skip, bytes.size()));
    bytes.remove_prefix(over);
    skip -= over;
    bytes =
        bytes.substr(0, static_cast<size_t>(std::min<uint64_t>(bytes.size(), at.end - at.offset)));
    if (bytes.empty()) continue;
    patience.Progressed(bytes.size());
    if (auto taken = sink(bytes); !taken) {
      refused = taken.error();
      return {};
    }
    at.offset += bytes.size();
  }
  return {};
}

}  // namespace

Status ReadRange(const RangeRead& read, const OpenRange& open, Patience& patience,
                 const std::function<Status(std::string_view)>& sink, const std::stop_token& stop) {
  Progress at{read.offset, read.offset + read.size};
  const auto attempt = [&](std::optional<Error>& refused) -> Status {
    auto response = open(at.offset, at.end);
    if (!response) return response.error();
    const auto skip = BytesBefore(**response, at.offset, at.end);
    if (!skip) return skip.error().Within(read.what);
    auto drained = Drain(**response, *skip, at, {patience.clock(), read.stall_timeout}, patience,
                         sink, refused);
    if (!drained) return drained.error().Within(read.what);
    return {};
  };
  while (at.offset < at.end) {
    std::optional<Error> refused;
    const auto done = attempt(refused);
    if (refused) return *refused;
    if (done) continue;
    if (auto again = patience.AfterFailure(done.error(), stop); !again) return again;
  }
  return {};
}

bool IsUnencoded(const net::Headers& headers) {
  const std::string_view encoding = headers.Get("Content-Encoding");
  return encoding.empty() || EqualsIgnoreCase(encoding, "identity");
}

}  // namespace leat::objectstore
