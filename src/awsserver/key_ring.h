// The secrets behind access key ids: the account's own key, and the temporary keys of jobs, which
// are Secrets in the cluster.
#pragma once

#include <map>
#include <string>

#include "api/object_client.h"
#include "aws/credentials.h"
#include "awsserver/service.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"

namespace leat::awsserver {

struct Key {
  aws::Credentials credentials;
  Principal principal;
};

// Thread-safe.
class KeyRing {
 public:
  KeyRing(aws::Credentials root, api::ObjectClient& objects, Clock& clock)
      : root_(std::move(root)), objects_(objects), clock_(clock) {}

  // kNotFound for an unknown key; kUnavailable when the cluster cannot be asked. A job's key may
  // be remembered for two seconds, so that deleting its Secret ends it soon.
  Result<Key> Find(const std::string& access_key_id);

 private:
  struct Remembered {
    Key key;
    MonoTime until;
  };
  const aws::Credentials root_;
  api::ObjectClient& objects_;
  Clock& clock_;
  Mutex mu_;
  // At most kMaxRemembered; emptied when full.
  std::map<std::string, Remembered> remembered_ GUARDED_BY(mu_);
};

}  // namespace leat::awsserver
