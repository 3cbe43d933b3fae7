#include <fmt/format.h>

#include "aws/ca_bundle.h"
#include "base/strings.h"
#include "objectstore/file_object_store.h"
#include "objectstore/object_store.h"
#include "objectstore/s3_object_store.h"
#include "objectstore/signer.h"

namespace leat::objectstore {
namespace {

aws::Environment EnvironmentOf(const StoreOptions& options) {
  return options.environment ? aws::FixedEnvironment(*options.environment)
                             : aws::ProcessEnvironment();
}

// What is alike for all that speak S3.
S3Options CommonOptions(const StoreOptions& options, const aws::Environment& environment) {
  S3Options s3;
  s3.endpoint = options.endpoint;
  s3.virtual_host = options.virtual_host;
  s3.retry_for = options.retry_for;
  s3.stall_timeout = options.stall_timeout;
  s3.on_retry = options.on_retry;
  s3.ca_pem = aws::FindCaBundle(environment);
  if (options.anonymous) s3.signer = MakeAnonymousSigner();
  return s3;
}

std::shared_ptr<Signer> ChainSigner(const aws::Environment& environment) {
  return MakeKeySigner(std::make_shared<aws::CredentialProvider>(environment));
}

Result<std::unique_ptr<ObjectStore>> OpenS3(const std::string& url, const StoreOptions& options) {
  auto source = S3Source::Parse(url);
  if (!source) return source.error();
  const aws::Environment environment = EnvironmentOf(options);
  S3Options s3 = CommonOptions(options, environment);
  s3.region = aws::FindRegion(environment);
  if (s3.endpoint.empty()) s3.endpoint = aws::FindEndpoint("s3", s3.region, environment);
  if (!s3.signer) s3.signer = ChainSigner(environment);
  return OpenS3ObjectStore(std::move(*source), std::move(s3));
}

}  // namespace

Result<std::unique_ptr<ObjectStore>> OpenObjectStore(const std::string& url,
                                                     const StoreOptions& options) {
  const auto parts = Cut(url, "://");
  const std::string scheme = parts ? Lower(parts->first) : "";
  if (scheme == "s3") return OpenS3(url, options);
  if (scheme == "file") return OpenFileObjectStore(std::string(parts->second));
  return Error{Code::kInvalid,
               fmt::format("\"{}\" is no source: expected s3://bucket/prefix, gs://bucket/prefix, "
                           "oss://bucket/prefix, file:///directory or https://host/tree/",
                           url)};
}

}  // namespace leat::objectstore
