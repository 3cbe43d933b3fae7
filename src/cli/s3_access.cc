#include "cli/s3_access.h"

#include <fmt/format.h>

#include <cstdio>
#include <thread>

#include "base/clock.h"
#include "objectstore/s3_environment.h"

namespace leat::cli {
namespace {

constexpr char kHowToChoose[] =
    "for a Leat, set AWS_CONFIG_FILE=DIR/aws/config (DIR is its data directory) or "
    "AWS_ENDPOINT_URL";

// "https://s3.us-east-1.amazonaws.com, which is Amazon's since no setting names another"
std::string Described(const std::string& endpoint) {
  const bool default_one = endpoint.find(".amazonaws.com") != std::string::npos;
  return endpoint + (default_one ? ", which is Amazon's since no setting names another" : "");
}

}  // namespace

Result<objectstore::S3Options> FindS3Access() {
  if (auto credentials = aws::FindCredentials(); !credentials)
    return Error{credentials.error().code,
                 credentials.error().message +
                     "; a Leat's own are in DIR/aws/credentials of its data directory: set "
                     "AWS_SHARED_CREDENTIALS_FILE to that"};
  objectstore::S3Options access = objectstore::S3OptionsFromEnvironment();
  access.retry_for = std::chrono::seconds(20);
  access.on_retry = [](const std::string& message) {
    std::fprintf(stderr, "leat: %s\n", message.c_str());
  };
  return access;
}

Status FirstCall(const objectstore::S3Options& access, const std::function<Status()>& call) {
  const std::jthread patience([&](const std::stop_token& stop) {
    RealClock clock;
    if (clock.SleepFor(std::chrono::seconds(2), stop))
      std::fprintf(stderr, "leat: waiting for %s; %s\n", Described(access.endpoint).c_str(),
                   kHowToChoose);
  });
  const Status done = call();
  if (done || (done.error().code != Code::kUnavailable && done.error().code != Code::kTimeout))
    return done;
  return Error{done.error().code, fmt::format("{}; the endpoint was {}: {}", done.error().message,
                                              Described(access.endpoint), kHowToChoose)};
}

}  // namespace leat::cli
