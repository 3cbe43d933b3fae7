#include "aws/credentials.h"

#include <fmt/format.h>

#include "aws/ca_bundle.h"
#include "base/log.h"
#include "base/strings.h"
#include "io/file.h"

namespace leat::aws {
namespace {

// "" when it is not set.
std::string Get(const Environment& environment, std::string_view name) {
  return environment(name).value_or("");
}

std::string HomeFile(const Environment& environment, const std::string& name) {
  const std::string home = Get(environment, "HOME");
  return home.empty() ? "" : home + "/.aws/" + name;
}

std::string CredentialsFile(const Environment& environment) {
  const std::string path = Get(environment, "AWS_SHARED_CREDENTIALS_FILE");
  return path.empty() ? HomeFile(environment, "credentials") : path;
}

std::string ConfigFile(const Environment& environment) {
  const std::string path = Get(environment, "AWS_CONFIG_FILE");
  return path.empty() ? HomeFile(environment, "config") : path;
}

std::string ProfileName(const Environment& environment) {
  const std::string name = Get(environment, "AWS_PROFILE");
  return name.empty() ? "default" : name;
}

// A setting of the profile in an AWS ini file; "" when the file, the section or the key is absent.
// The config file writes sections of other profiles as "[profile name]".
std::string ProfileSetting(const Environment& environment, const std::string& path,
                           const std::string& key) {
  if (path.empty()) return "";
  const auto text = io::ReadFile(path, 1 << 20);
  if (!text) return "";
  const std::string profile = ProfileName(environment);
  bool inside = false;
  for (const std::string_view raw : Split(*text, '\n')) {
    const std::string_view line = Trim(raw);
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line[0] == '[') {
      std::string_view section = Trim(line.substr(1, line.find(']') - 1));
      if (section.starts_with("profile ")) section = Trim(section.substr(8));
      inside = section == profile;
      continue;
    }
    const bool nested = raw[0] == ' ' || raw[0] == '\t';  // settings of "s3 =" and the like
    const auto pair = Cut(line, "=");
    if (inside && !nested && pair && Trim(pair->first) == key) {
      return std::string(Trim(pair->second));
    }
  }
  return "";
}

std::string EndpointFromVariables(const Environment& environment, const std::string& service) {
  std::string name = Lower(service);
  for (char& c : name) c = c == '-' ? '_' : static_cast<char>(::toupper(c));
  std::string endpoint = Get(environment, "AWS_ENDPOINT_URL_" + name);
  // AWS names this variable after its service id, "CloudWatch Logs".
  if (endpoint.empty() && service == "logs")
    endpoint = Get(environment, "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS");
  return endpoint.empty() ? Get(environment, "AWS_ENDPOINT_URL") : endpoint;
}

}  // namespace

std::string FindCaBundle(const Environment& environment) {
  std::string path = Get(environment, "AWS_CA_BUNDLE");
  if (path.empty()) path = ProfileSetting(environment, ConfigFile(environment), "ca_bundle");
  if (path.empty()) return "";
  auto pem = io::ReadFile(path);
  if (pem) return std::move(*pem);
  LogWarning(
      "the CA bundle cannot be read; the system's trust anchors hold instead: check "
      "AWS_CA_BUNDLE or the profile's ca_bundle",
      {{"path", path}, {"error", pem.error()}});
  return "";
}

Result<Credentials> CredentialsFromVariables(const Environment& environment) {
  Credentials found{Get(environment, "AWS_ACCESS_KEY_ID"),
                    Get(environment, "AWS_SECRET_ACCESS_KEY"),
                    Get(environment, "AWS_SESSION_TOKEN")};
  if (!found.access_key_id.empty() && !found.secret_access_key.empty()) return found;
  return Error{Code::kNotFound, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set"};
}

Result<Credentials> CredentialsFromFile(const Environment& environment) {
  const std::string path = CredentialsFile(environment);
  Credentials found{ProfileSetting(environment, path, "aws_access_key_id"),
                    ProfileSetting(environment, path, "aws_secret_access_key"),
                    ProfileSetting(environment, path, "aws_session_token")};
  if (!found.access_key_id.empty() && !found.secret_access_key.empty()) return found;
  return Error{Code::kNotFound,
               fmt::format("{} has no profile \"{}\" with keys",
                           path.empty() ? "~/.aws/credentials" : path, ProfileName(environment))};
}

Result<Credentials> FindCredentials(const Environment& environment) {
  auto found = CredentialsFromVariables(environment);
  if (found) return found;
  auto in_file = CredentialsFromFile(environment);
  if (in_file) return in_file;
  return Error{Code::kNotFound, fmt::format("no AWS credentials: {}, and {}", found.error().message,
                                            in_file.error().message)};
}

std::string FindEndpoint(const std::string& service, const std::string& region,
                         const Environment& environment) {
  if (std::string set = EndpointFromVariables(environment, service); !set.empty()) return set;
  if (std::string set = ProfileSetting(environment, ConfigFile(environment), "endpoint_url");
      !set.empty())
    return set;
  const char* domain = region.starts_with("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  if (service == "sagemaker") return fmt::format("https://api.sagemaker.{}.{}", region, domain);
  if (service == "sagemaker-runtime") {
    return fmt::format("https://runtime.sagemaker.{}.{}", region, domain);
  }
  return fmt::format("https://{}.{}.{}", service, region, domain);
}

std::string FindRegion(const Environment& environment) {
  for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
    if (std::string set = Get(environment, name); !set.empty()) return set;
  }
  std::string set = ProfileSetting(environment, ConfigFile(environment), "region");
  return set.empty() ? "us-east-1" : set;
}

}  // namespace leat::aws
