#include "cli/data_dir.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/ids.h"
#include "base/log.h"
#include "base/strings.h"
#include "json/value.h"
#include "json/yaml.h"

namespace leat::cli {
namespace {

constexpr char kRegion[] = "us-east-1";

// Upper-case letters and digits, as AWS access keys are written.
std::string AccessKeyId() {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::string id = "AKIA";
  for (unsigned char c : RandomBytes(16)) id += kAlphabet[c % kAlphabet.size()];
  return id;
}

Result<net::KeyPair> ReadPair(const std::string& stem) {
  auto certificate = io::ReadFile(stem + ".crt");
  if (!certificate) return certificate.error();
  auto key = io::ReadFile(stem + ".key");
  if (!key) return key.error();
  return net::KeyPair{*certificate, *key};
}

Status WritePair(const std::string& stem, const net::KeyPair& pair) {
  if (auto done = io::WriteFileAtomic(stem + ".key", pair.key_pem); !done) return done;
  return io::WriteFileAtomic(stem + ".crt", pair.certificate_pem);
}

// Leaves a file alone that reads so already: a start on a full disk must not need space for it.
Status Keep(const std::string& path, const std::string& text) {
  if (const auto kept = io::ReadFile(path); kept && *kept == text) return {};
  return io::WriteFileAtomic(path, text);
}

// The pair in the file, or a new one that is kept there.
template <class Make>
Result<net::KeyPair> ReadOrMake(const std::string& stem, Make make) {
  auto pair = ReadPair(stem);
  if (pair || pair.error().code != Code::kNotFound) return pair;
  auto made = make();
  if (!made) return made.error();
  if (auto kept = WritePair(stem, *made); !kept) return kept.error();
  return made;
}

Status CheckAuthority(const std::string& stem, const net::KeyPair& authority, WallTime now) {
  const auto valid = net::CertificateValidity(authority.certificate_pem);
  if (!valid) return valid.error().Within(stem + ".crt");
  if (now >= valid->begin && now < valid->end) return {};
  return Error{Code::kCorrupt,
               fmt::format("the certificate authority {}.crt is valid from {} to {}, and this "
                           "machine's clock says {}: set the clock right; if it is right, the "
                           "authority was made while it was wrong, or has served its time: remove "
                           "{}.crt, {}.key and {}/admin.*, start again, and use the new kubeconfig",
                           stem, FormatTime(valid->begin), FormatTime(valid->end), FormatTime(now),
                           stem, stem, stem.substr(0, stem.rfind('/')))};
}

}  // namespace

Result<ListenAddress> ListenAddress::Parse(const std::string& text) {
  const Error wrong{Code::kInvalid,
                    fmt::format("\"{}\" is not an address to listen on: use HOST:PORT, for example "
                                "127.0.0.1:6443, or port 0 to pick a free one",
                                text)};
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return wrong;
  const auto port = ParseInt(std::string_view(text).substr(colon + 1));
  std::string host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (!port || *port < 0 || *port > 65535 || host.empty()) return wrong;
  return ListenAddress{host, static_cast<uint16_t>(*port)};
}

std::string ListenAddress::ToString() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

std::string DataDir::Default() {
  if (geteuid() == 0) return "/var/lib/leat";
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : "/tmp") + "/.leat";
}

Result<DataDir> DataDir::Take(const std::string& given, Clock& clock) {
  // Absolute: users paste it elsewhere, and containers are started elsewhere.
  std::error_code failed;
  const std::string path = std::filesystem::absolute(given, failed).lexically_normal().string();
  const bool is_new = !io::Exists(path);
  const auto within = [&](const Error& error) {
    return Error{error.code, fmt::format("cannot use the data directory {}: {}; give another with "
                                         "--data-dir",
                                         path, error.message)};
  };
  if (auto made = MakeOrCheckDirectory(path); !made) return within(made.error());
  auto lock = DirectoryLock::Take(path, clock);
  if (!lock) return lock.error().code == Code::kAlreadyExists ? lock.error() : within(lock.error());
  for (const char* part : {"/pki", "/aws", "/node"})
    if (auto made = io::MakeDirs(path + part, 0700); !made) return within(made.error());
  return DataDir(path, is_new, std::move(*lock));
}

Status DataDir::DiscardIfNew() {
  if (!is_new_) return {};
  return io::RemoveTree(path_);
}

Status DataDir::CheckDatabaseIsThere() const {
  const auto pods = io::ListDir(File("node/pods"));
  if (!pods || pods->empty()) return {};
  std::error_code failed;
  const auto bytes = std::filesystem::file_size(File("leat.db"), failed);
  if (!failed && bytes > 0) return {};
  return Error{Code::kCorrupt,
               fmt::format("{} is missing or empty, but {} has pods that it knew. They were left "
                           "untouched; restore a backup, or, to begin anew, {}",
                           File("leat.db"), File("node/pods"), kBeginAnew)};
}

Result<Identity> DataDir::LoadIdentity(Clock& clock) {
  Identity identity;
  for (const char* file : {"pki/ca.crt", "pki/secrets.json"})
    if (!io::Exists(File(file)) && io::Exists(File("leat.db")))
      LogWarning(
          "keys of this data directory are missing and are made anew: copies of its "
          "kubeconfig and credentials no longer work",
          {{"missing", File(file)}});
  auto authority = ReadOrMake(File("pki/ca"), [] { return net::MakeCertificateAuthority("leat"); });
  if (!authority) return authority.error();
  if (auto valid = CheckAuthority(File("pki/ca"), *authority, clock.Now()); !valid)
    return valid.error();
  identity.authority = *authority;
  auto admin = ReadOrMake(File("pki/admin"), [&] {
    return net::IssueCertificate(*authority, {.common_name = "admin",
                                              .organizations = {"system:masters"},
                                              .server = false,
                                              .lifetime = std::chrono::hours(24 * 3650)});
  });
  if (!admin) return admin.error();
  identity.admin = *admin;

  const std::string secrets_file = File("pki/secrets.json");
  auto text = io::ReadFile(secrets_file);
  if (!text && text.error().code == Code::kNotFound) {
    text = json::Print(json::Object({{"bearerToken", RandomHex(48)},
                                     {"awsAccessKeyId", AccessKeyId()},
                                     {"awsSecretAccessKey", Base64Encode(RandomBytes(30))}}));
    if (auto kept = io::WriteFileAtomic(secrets_file, *text); !kept) return kept.error();
  }
  if (!text) return text.error();
  auto secrets = json::Parse(*text);
  if (!secrets) return secrets.error().Within(secrets_file);
  identity.bearer_token = (*secrets)["bearerToken"].Str();
  identity.aws = {.access_key_id = (*secrets)["awsAccessKeyId"].Str(),
                  .secret_access_key = (*secrets)["awsSecretAccessKey"].Str()};
  if (identity.bearer_token.empty() || identity.aws.empty())
    return Error{Code::kCorrupt, secrets_file +
                                     " lacks a key; restore it from a backup, or remove "
                                     "it to have new keys made"};
  return identity;
}

uint16_t DataDir::KeptPort(const std::string& service) const {
  const auto text = io::ReadFile(File("ports"));
  if (!text) return 0;
  const auto ports = json::Parse(*text);
  return ports ? static_cast<uint16_t>((*ports)[service].AsInt()) : 0;
}

Status DataDir::KeepPort(const std::string& service, uint16_t port) {
  json::Value ports = json::Object();
  if (const auto text = io::ReadFile(File("ports")); text)
    if (auto kept = json::Parse(*text); kept) ports = *kept;
  ports.Set(service, port);
  return Keep(File("ports"), json::Print(ports));
}

Status DataDir::WriteKubeconfig(const Identity& identity, const std::string& server_url) {
  using json::Array;
  using json::Object;
  const json::Value config = Object({
      {"apiVersion", "v1"},
      {"kind", "Config"},
      {"current-context", "leat"},
      {"clusters",
       Array(
           {Object({{"name", "leat"},
                    {"cluster", Object({{"server", server_url},
                                        {"certificate-authority-data",
                                         Base64Encode(identity.authority.certificate_pem)}})}})})},
      {"contexts", Array({Object({{"name", "leat"},
                                  {"context", Object({{"cluster", "leat"}, {"user", "leat"}})}})})},
      {"users",
       Array({Object({{"name", "leat"},
                      {"user", Object({{"client-certificate-data",
                                        Base64Encode(identity.admin.certificate_pem)},
                                       {"client-key-data", Base64Encode(identity.admin.key_pem)},
                                       {"token", identity.bearer_token}})}})})},
  });
  return Keep(File("kubeconfig"), json::PrintYaml(config));
}

Status DataDir::WriteAwsFiles(const Identity& identity, const std::string& endpoint_url,
                              const std::string& ca_file) {
  const std::string credentials =
      fmt::format("[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
                  identity.aws.access_key_id, identity.aws.secret_access_key);
  if (auto done = Keep(File("aws/credentials"), credentials); !done) return done;
  std::string config =
      fmt::format("[default]\nregion = {}\nendpoint_url = {}\n", kRegion, endpoint_url);
  if (!ca_file.empty()) config += fmt::format("ca_bundle = {}\n", ca_file);
  return Keep(File("aws/config"), config);
}

}  // namespace leat::cli
