#include <fmt/format.h>

#include "aws/ca_bundle.h"
#include "base/strings.h"
#include "objectstore/file_object_store.h"
#include "objectstore/google_credentials.h"
#include "objectstore/http_object_store.h"
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

Result<std::unique_ptr<ObjectStore>> OpenSource(S3Source source, S3Options s3,
                                                const StoreOptions& options) {
  if (!options.look) return MakeS3ObjectStore(std::move(source), std::move(s3));
  return OpenS3ObjectStore(std::move(source), std::move(s3));
}

Result<std::unique_ptr<ObjectStore>> OpenS3(const std::string& url, const StoreOptions& options) {
  auto source = S3Source::Parse(url);
  if (!source) return source.error();
  const aws::Environment environment = EnvironmentOf(options);
  S3Options s3 = CommonOptions(options, environment);
  s3.region = aws::FindRegion(environment);
  if (s3.endpoint.empty()) s3.endpoint = aws::FindEndpoint("s3", s3.region, environment);
  if (!s3.signer) s3.signer = ChainSigner(environment);
  return OpenSource(std::move(*source), std::move(s3), options);
}

std::string Get(const aws::Environment& environment, std::string_view name) {
  return environment(name).value_or("");
}

Result<std::unique_ptr<ObjectStore>> OpenGoogle(const std::string& url,
                                                const StoreOptions& options) {
  auto source = S3Source::Parse(url);
  if (!source) return source.error();
  const aws::Environment environment = EnvironmentOf(options);
  S3Options s3 = CommonOptions(options, environment);
  s3.region = "auto";
  if (s3.endpoint.empty()) s3.endpoint = "https://storage.googleapis.com";
  // Else objects that are stored compressed would come decompressed, and of another length.
  s3.headers.Set("Accept-Encoding", "gzip");
  const std::string file = Get(environment, "GOOGLE_APPLICATION_CREDENTIALS");
  if (!s3.signer && !file.empty()) {
    auto signer = MakeGoogleSigner(file, s3.ca_pem);
    if (!signer) return signer.error();
    s3.signer = *signer;
  }
  // HMAC keys are given like AWS's; the rest of AWS's chain has none for Google.
  if (!s3.signer && aws::FindCredentials(environment)) s3.signer = ChainSigner(environment);
  if (!s3.signer) s3.signer = MakeAnonymousSigner();
  return OpenSource(std::move(*source), std::move(s3), options);
}

// "cn-hangzhou" of "https://oss-cn-hangzhou.aliyuncs.com" (also "-internal").
std::string RegionOfOss(const std::string& endpoint) {
  const size_t at = endpoint.find("oss-");
  if (at == std::string::npos) return "";
  std::string region = endpoint.substr(at + 4);
  region = region.substr(0, region.find('.'));
  if (region.ends_with("-internal")) region.resize(region.size() - 9);
  return region;
}

Result<std::unique_ptr<ObjectStore>> OpenOss(const std::string& url, const StoreOptions& options) {
  auto source = S3Source::Parse(url);
  if (!source) return source.error();
  const aws::Environment environment = EnvironmentOf(options);
  S3Options s3 = CommonOptions(options, environment);
  s3.virtual_host = true;
  if (s3.endpoint.empty()) s3.endpoint = Get(environment, "OSS_ENDPOINT");
  if (s3.endpoint.empty()) {
    return Error{Code::kInvalid, url +
                                     ": oss:// needs an endpoint: set OSS_ENDPOINT or --endpoint, "
                                     "e.g. https://oss-cn-hangzhou.aliyuncs.com"};
  }
  if (s3.endpoint.find("://") == std::string::npos) s3.endpoint = "https://" + s3.endpoint;
  s3.region = Get(environment, "OSS_REGION");
  if (s3.region.empty()) s3.region = RegionOfOss(s3.endpoint);
  if (s3.region.empty()) s3.region = aws::FindRegion(environment);
  const aws::Credentials keys{Get(environment, "OSS_ACCESS_KEY_ID"),
                              Get(environment, "OSS_ACCESS_KEY_SECRET"),
                              Get(environment, "OSS_SESSION_TOKEN")};
  if (!s3.signer && !keys.empty()) s3.signer = MakeKeySigner(keys);
  if (!s3.signer) s3.signer = ChainSigner(environment);
  return OpenSource(std::move(*source), std::move(s3), options);
}

Result<std::unique_ptr<ObjectStore>> OpenHttp(const std::string& url, const StoreOptions& options) {
  return OpenHttpObjectStore(url, {.retry = {options.retry_for, options.on_retry},
                                   .stall_timeout = options.stall_timeout,
                                   .look = options.look,
                                   .ca_pem = aws::FindCaBundle(EnvironmentOf(options))});
}

}  // namespace

Result<std::unique_ptr<ObjectStore>> OpenObjectStore(const std::string& url,
                                                     const StoreOptions& options) {
  const auto parts = Cut(url, "://");
  const std::string scheme = parts ? Lower(parts->first) : "";
  if (scheme == "s3") return OpenS3(url, options);
  if (scheme == "gs") return OpenGoogle(url, options);
  if (scheme == "oss") return OpenOss(url, options);
  if (scheme == "http" || scheme == "https") return OpenHttp(url, options);
  if (scheme == "file") return OpenFileObjectStore(std::string(parts->second));
  return Error{Code::kInvalid,
               fmt::format("\"{}\" is no source: expected s3://bucket/prefix, gs://bucket/prefix, "
                           "oss://bucket/prefix, file:///directory or https://host/tree/",
                           url)};
}

}  // namespace leat::objectstore
