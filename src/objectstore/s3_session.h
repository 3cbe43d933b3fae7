// One signed S3 request at a time, tried again while the store cannot answer: what S3Client's
// operations are made of.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "net/client.h"
#include "objectstore/s3_client.h"

namespace leat::objectstore {

struct S3Call {
  std::string method;
  std::string bucket;
  std::string key;    // "" for the bucket
  std::string query;  // percent-encoded
  net::Headers headers;
  std::string body;
  // Instead of `body`: makes a source of body_size bytes, anew for each attempt.
  std::function<std::function<Result<size_t>(std::span<char>)>()> make_source;
  uint64_t body_size = 0;
  // "GET s3://bucket/key"
  std::string ToString() const;
};

struct S3Reply {
  int status = 0;
  net::Headers headers;
  std::string body;
};

// How long to go on after failures, from the first one without progress.
class Patience {
 public:
  explicit Patience(const S3Options& options) : options_(options) {}
  // Waits before the next attempt; the error when it is not worth one, time is up, or stop.
  Status AfterFailure(const Error& error, const std::stop_token& stop);
  void Progressed() { since_.reset(); }

 private:
  const S3Options& options_;
  std::optional<std::chrono::steady_clock::time_point> since_;
  std::chrono::milliseconds pause_{200};
};

// Thread-safe.
class S3Session {
 public:
  explicit S3Session(S3Options options);
  const S3Options& options() const { return options_; }

  // A success (2xx) with its whole body; retried. Errors as S3Client's.
  Result<S3Reply> Call(const S3Call& call, const std::stop_token& stop);
  // One attempt, whose body the caller reads.
  Result<std::unique_ptr<net::ClientResponse>> Open(const S3Call& call,
                                                    const std::stop_token& stop);

 private:
  const S3Options options_;
  const std::unique_ptr<net::Client> http_;
};

}  // namespace leat::objectstore
