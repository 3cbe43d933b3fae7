#include "cli/s3_access.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/mutex.h"
#include "objectstore/s3_environment.h"

namespace leat::cli {
namespace {

// "https://s3.us-east-1.amazonaws.com, which is Amazon's since no setting names another: ..."
std::string WithHint(const std::string& endpoint) {
  constexpr std::string_view kChoose =
      "AWS_CONFIG_FILE=DIR/aws/config (DIR is a Leat's data directory) or AWS_ENDPOINT_URL";
  if (endpoint.find(".amazonaws.com") != std::string::npos)
    return fmt::format("{}, which is Amazon's since no setting names another: for a Leat set {}",
                       endpoint, kChoose);
  return fmt::format("{}: check that it runs, or name another by {}", endpoint, kChoose);
}

// Tells a message on stderr unless it told the same one before. Thread-safe.
class Teller {
 public:
  void Tell(const std::string& message) EXCLUDES(mu_) {
    MutexLock lock(mu_);
    if (std::exchange(told_, message) != message)
      std::fprintf(stderr, "leat: %s\n", message.c_str());
  }

 private:
  Mutex mu_;
  std::string told_ GUARDED_BY(mu_);
};

}  // namespace

Result<objectstore::S3Options> FindS3Access() {
  if (auto credentials = aws::FindCredentials(); !credentials)
    return Error{credentials.error().code,
                 credentials.error().message +
                     "; a Leat's own are in DIR/aws/credentials of its data directory: set "
                     "AWS_SHARED_CREDENTIALS_FILE to that"};
  objectstore::S3Options access = objectstore::S3OptionsFromEnvironment();
  access.retry_for = std::chrono::seconds(20);
  access.connect_timeout = std::chrono::seconds(5);
  access.on_retry = [teller = std::make_shared<Teller>()](const std::string& message) {
    teller->Tell(message);
  };
  return access;
}

Status FirstCall(const objectstore::S3Options& access, const std::function<Status()>& call) {
  const std::jthread patience([&](const std::stop_token& stop) {
    RealClock clock;
    if (clock.SleepFor(std::chrono::seconds(2), stop))
      std::fprintf(stderr, "leat: waiting for %s\n", WithHint(access.endpoint).c_str());
  });
  const Status done = call();
  if (done || (done.error().code != Code::kUnavailable && done.error().code != Code::kTimeout))
    return done;
  return Error{done.error().code, fmt::format("{}; the endpoint is {}", done.error().message,
                                              WithHint(access.endpoint))};
}

}  // namespace leat::cli
