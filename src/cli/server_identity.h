// The certificate by which clients know a port of ours, renewed while we run.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "net/tls.h"

namespace leat::cli {

// Valid for a year; another takes its place when two thirds of that are over. Thread-safe.
class ServerIdentity {
 public:
  // For localhost, the API's names in a cluster, and `host`, a name or an address.
  ServerIdentity(net::KeyPair authority, const std::string& host, Clock& clock);

  // The certificate of now. While no new one can be made, the old one.
  Result<net::KeyPair> Current();

 private:
  const net::KeyPair authority_;
  const std::string host_;
  Clock& clock_;
  Mutex mu_;
  net::KeyPair current_ GUARDED_BY(mu_);
  WallTime renew_at_ GUARDED_BY(mu_);
};

}  // namespace leat::cli
