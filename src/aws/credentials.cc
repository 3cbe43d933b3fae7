#include "aws/credentials.h"

#include <fmt/format.h>
#include <stdlib.h>

#include "aws/ca_bundle.h"
#include "base/log.h"
#include "base/strings.h"
#include "io/file.h"

namespace leat::aws {
namespace {

std::string Env(const std::string& name) {
  const char* value = ::getenv(name.c_str());
  return value != nullptr ? value : "";
}

std::string HomeFile(const std::string& name) {
  const std::string home = Env("HOME");
  return home.empty() ? "" : home + "/.aws/" + name;
}

std::string CredentialsFile() {
  const std::string path = Env("AWS_SHARED_CREDENTIALS_FILE");
  return path.empty() ? HomeFile("credentials") : path;
}

std::string ConfigFile() {
  const std::string path = Env("AWS_CONFIG_FILE");
  return path.empty() ? HomeFile("config") : path;
}

std::string ProfileName() {
  const std::string name = Env("AWS_PROFILE");
  return name.empty() ? "default" : name;
}

// A setting of the profile in an AWS ini file; "" when the file, the section or the key is absent.
// The config file writes sections of other profiles as "[profile name]".
std::string ProfileSetting(const std::string& path, const std::string& key) {
  if (path.empty()) return "";
  const auto text = io::ReadFile(path, 1 << 20);
  if (!text) return "";
  const std::string profile = ProfileName();
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

std::string EndpointFromEnvironment(const std::string& service) {
  std::string name = Lower(service);
  for (char& c : name) c = c == '-' ? '_' : static_cast<char>(::toupper(c));
  std::string endpoint = Env("AWS_ENDPOINT_URL_" + name);
  // AWS names this variable after its service id, "CloudWatch Logs".
  if (endpoint.empty() && service == "logs") endpoint = Env("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS");
  return endpoint.empty() ? Env("AWS_ENDPOINT_URL") : endpoint;
}

}  // namespace

std::string FindCaBundle() {
  std::string path = Env("AWS_CA_BUNDLE");
  if (path.empty()) path = ProfileSetting(ConfigFile(), "ca_bundle");
  if (path.empty()) return "";
  auto pem = io::ReadFile(path);
  if (pem) return std::move(*pem);
  LogWarning(
      "the CA bundle cannot be read; the system's trust anchors hold instead: check "
      "AWS_CA_BUNDLE or the profile's ca_bundle",
      {{"path", path}, {"error", pem.error()}});
  return "";
}

Result<Credentials> FindCredentials() {
  Credentials found{Env("AWS_ACCESS_KEY_ID"), Env("AWS_SECRET_ACCESS_KEY"),
                    Env("AWS_SESSION_TOKEN")};
  if (!found.access_key_id.empty() && !found.secret_access_key.empty()) return found;
  const std::string path = CredentialsFile();
  found = {ProfileSetting(path, "aws_access_key_id"), ProfileSetting(path, "aws_secret_access_key"),
           ProfileSetting(path, "aws_session_token")};
  if (!found.access_key_id.empty() && !found.secret_access_key.empty()) return found;
  return Error{Code::kNotFound,
               fmt::format("no AWS credentials: neither AWS_ACCESS_KEY_ID and "
                           "AWS_SECRET_ACCESS_KEY are set, nor has {} a profile \"{}\" with them",
                           path.empty() ? "~/.aws/credentials" : path, ProfileName())};
}

std::string FindEndpoint(const std::string& service, const std::string& region) {
  if (std::string set = EndpointFromEnvironment(service); !set.empty()) return set;
  if (std::string set = ProfileSetting(ConfigFile(), "endpoint_url"); !set.empty()) return set;
  const char* domain = region.starts_with("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  if (service == "sagemaker") return fmt::format("https://api.sagemaker.{}.{}", region, domain);
  if (service == "sagemaker-runtime") {
    return fmt::format("https://runtime.sagemaker.{}.{}", region, domain);
  }
  return fmt::format("https://{}.{}.{}", service, region, domain);
}

std::string FindRegion() {
  for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
    if (std::string set = Env(name); !set.empty()) return set;
  }
  std::string set = ProfileSetting(ConfigFile(), "region");
  return set.empty() ? "us-east-1" : set;
}

}  // namespace leat::aws
