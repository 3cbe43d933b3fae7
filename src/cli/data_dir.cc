#include "cli/data_dir.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/ids.h"
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

Result<DataDir> DataDir::Take(const std::string& given) {
  // Absolute: users paste it elsewhere, and containers are started elsewhere.
  std::error_code failed;
  const std::string path = std::filesystem::absolute(given, failed).lexically_normal().string();
  const bool is_new = !io::Exists(path);
  const auto within = [&](const Error& error) {
    return Error{error.code, fmt::format("cannot use the data directory {}: {}; give another with "
                                         "--data-dir",
                                         path, error.message)};
  };
  if (auto made = io::MakeDirs(path, 0700); !made) return within(made.error());
  if (chmod(path.c_str(), 0700) != 0) return within(io::ErrnoError(errno, "chmod"));
  for (const char* part : {"/pki", "/aws", "/node"})
    if (auto made = io::MakeDirs(path + part, 0700); !made) return within(made.error());
  auto lock = io::FileLock::Take(path + "/lock");
  if (!lock && lock.error().code == Code::kAlreadyExists) {
    const auto note = io::ReadFile(path + "/lock");
    return Error{Code::kAlreadyExists,
                 fmt::format("another Leat is running on {}{}; stop it, or give this one its own "
                             "--data-dir and ports",
                             path, note && !note->empty() ? " (process " + *note + ")" : "")};
  }
  if (!lock) return within(lock.error());
  if (auto noted = lock->SetNote(std::to_string(getpid())); !noted) return within(noted.error());
  return DataDir(path, is_new, std::move(*lock));
}

Status DataDir::DiscardIfNew() {
  if (!is_new_) return {};
  return io::RemoveTree(path_);
}

Result<Identity> DataDir::LoadIdentity() {
  Identity identity;
  auto authority = ReadOrMake(File("pki/ca"), [] { return net::MakeCertificateAuthority("leat"); });
  if (!authority) return authority.error();
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

Result<net::KeyPair> DataDir::ServerCertificate(const Identity& identity, const std::string& host) {
  net::CertificateRequest request{.common_name = "leat",
                                  .dns_names = {"localhost", "kubernetes", "kubernetes.default"},
                                  .ip_addresses = {"127.0.0.1", "::1"}};
  const bool is_address = host.find_first_not_of("0123456789.") == std::string::npos ||
                          host.find(':') != std::string::npos;
  (is_address ? request.ip_addresses : request.dns_names).push_back(host);
  return net::IssueCertificate(identity.authority, request);
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
  return io::WriteFileAtomic(File("ports"), json::Print(ports));
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
  return io::WriteFileAtomic(File("kubeconfig"), json::PrintYaml(config));
}

Status DataDir::WriteAwsFiles(const Identity& identity, const std::string& endpoint_url,
                              const std::string& ca_file) {
  const std::string credentials =
      fmt::format("[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
                  identity.aws.access_key_id, identity.aws.secret_access_key);
  if (auto done = io::WriteFileAtomic(File("aws/credentials"), credentials); !done) return done;
  std::string config =
      fmt::format("[default]\nregion = {}\nendpoint_url = {}\n", kRegion, endpoint_url);
  if (!ca_file.empty()) config += fmt::format("ca_bundle = {}\n", ca_file);
  return io::WriteFileAtomic(File("aws/config"), config);
}

}  // namespace leat::cli
