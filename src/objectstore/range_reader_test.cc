// How long a read goes on with a store that hardly answers. Time is the test's own.
#include "objectstore/range_reader.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace leat::objectstore {
namespace {

using namespace std::chrono_literals;

// Sleeping takes no time here.
class JumpingClock : public Clock {
 public:
  WallTime Now() override { return WallTime(now_.time_since_epoch()); }
  MonoTime Monotonic() override { return now_; }
  bool SleepFor(std::chrono::nanoseconds duration, const std::stop_token&) override {
    now_ += duration;
    return true;
  }

 private:
  MonoTime now_{1h};
};

// How a store answers: so many bytes, then the connection breaks; so many at a time, each so late.
struct Manner {
  uint64_t breaks_after = UINT64_MAX;
  uint64_t piece = UINT64_MAX;
  std::chrono::nanoseconds late{0};
};

class Answer : public net::ClientResponse {
 public:
  Answer(JumpingClock& clock, const Manner& manner, uint64_t offset, uint64_t end)
      : clock_(clock), manner_(manner), left_(end - offset) {
    status = 206;
    headers.Set("Content-Range", fmt::format("bytes {}-{}/*", offset, end - 1));
    content_length = left_;
  }
  Result<size_t> Read(std::span<char> buffer) override {
    clock_.SleepFor(manner_.late, {});
    if (given_ >= manner_.breaks_after) return Error{Code::kUnavailable, "reset by peer"};
    const uint64_t most = std::min({manner_.piece, manner_.breaks_after - given_, left_});
    const size_t n = static_cast<size_t>(std::min<uint64_t>(most, buffer.size()));
    std::fill_n(buffer.begin(), n, 'x');
    given_ += n;
    left_ -= n;
    return n;
  }

 private:
  JumpingClock& clock_;
  const Manner manner_;
  uint64_t left_;
  uint64_t given_ = 0;
};

struct Outcome {
  Status status;
  uint64_t bytes = 0;
  std::chrono::nanoseconds took{0};
};

// Reads 8 MiB with a patience of a minute, 20 s for an answer.
Outcome ReadFrom(const Manner& manner) {
  const auto clock = std::make_shared<JumpingClock>();
  const MonoTime began = clock->Monotonic();
  Patience patience({.retry_for = 60s, .on_retry = nullptr, .clock = clock});
  Outcome outcome;
  outcome.status = ReadRange(
      {.what = "GET s3://b/k", .offset = 5, .size = 8 << 20, .stall_timeout = 20s},
      [&](uint64_t offset, uint64_t end) -> Result<std::unique_ptr<net::ClientResponse>> {
        return std::unique_ptr<net::ClientResponse>(
            std::make_unique<Answer>(*clock, manner, offset, end));
      },
      patience,
      [&](std::string_view bytes) -> Status {
        outcome.bytes += bytes.size();
        return {};
      },
      {});
  outcome.took = clock->Monotonic() - began;
  return outcome;
}

TEST(ReadRange, AByteBeforeEachBreakIsNoProgress) {
  const Outcome outcome = ReadFrom({.breaks_after = 1});
  ASSERT_FALSE(outcome.status);
  EXPECT_EQ(outcome.status.error().code, Code::kUnavailable);
  EXPECT_LE(outcome.took, 60s);
  EXPECT_GE(outcome.took, 50s);
  EXPECT_LT(outcome.bytes, 30u);
}

TEST(ReadRange, ATrickleIsNoProgress) {
  const Outcome outcome = ReadFrom({.piece = 10, .late = 5s});
  ASSERT_FALSE(outcome.status);
  EXPECT_EQ(outcome.status.error().code, Code::kUnavailable);
  EXPECT_NE(outcome.status.error().message.find("GET s3://b/k: only 50 bytes"), std::string::npos)
      << outcome.status.error().message;
  EXPECT_LE(outcome.took, 120s);
}

TEST(ReadRange, SlowProgressWithBreaksGoesOnForAsLongAsItTakes) {
  const Outcome outcome = ReadFrom({.breaks_after = 64 << 10, .piece = 32 << 10, .late = 9s});
  ASSERT_TRUE(outcome.status) << outcome.status.error().message;
  EXPECT_EQ(outcome.bytes, 8u << 20);
  EXPECT_GT(outcome.took, 30min);
}

TEST(ReadRange, ASixteenthOfASlowLinkIsProgress) {
  const Outcome outcome = ReadFrom({.piece = 1000, .late = 1s});  // of 16 KB/s
  ASSERT_TRUE(outcome.status) << outcome.status.error().message;
  EXPECT_EQ(outcome.bytes, 8u << 20);
  EXPECT_GT(outcome.took, 2h);
  const Outcome breaking = ReadFrom({.breaks_after = 5000, .piece = 1000, .late = 4s});
  EXPECT_TRUE(breaking.status) << breaking.status.error().message;
}

TEST(ReadRange, WhatTheSinkTakesIsNotTheStoresTime) {
  const auto clock = std::make_shared<JumpingClock>();
  Patience patience({.retry_for = 0s, .on_retry = nullptr, .clock = clock});
  const auto read = ReadRange(
      {.what = "GET", .offset = 0, .size = 100, .stall_timeout = 20s},
      [&](uint64_t offset, uint64_t end) -> Result<std::unique_ptr<net::ClientResponse>> {
        return std::unique_ptr<net::ClientResponse>(
            std::make_unique<Answer>(*clock, Manner{.piece = 10}, offset, end));
      },
      patience,
      [&](std::string_view) -> Status {
        clock->SleepFor(30s, {});
        return {};
      },
      {});
  EXPECT_TRUE(read) << read.error().message;
}

}  // namespace
}  // namespace leat::objectstore
