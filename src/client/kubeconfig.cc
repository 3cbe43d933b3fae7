#include "client/kubeconfig.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "base/strings.h"
#include "io/file.h"
#include "json/yaml.h"

namespace leat::client {
namespace {

std::string DefaultPath() {
  if (const char* list = std::getenv("KUBECONFIG"); list != nullptr && *list != '\0')
    return std::string(Split(list, ':')[0]);
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : "") + "/.kube/config";
}

class Kubeconfig {
 public:
  Kubeconfig(std::string path, json::Value config)
      : path_(std::move(path)), config_(std::move(config)) {}

  Result<ClusterAccess> Access(const std::string& wanted_context) const {
    const std::string context_name =
        wanted_context.empty() ? config_["current-context"].Str() : wanted_context;
    const json::Value* context = Named("contexts", "context", context_name);
    if (context == nullptr) return Wrong(fmt::format("has no context \"{}\"", context_name));
    const json::Value* cluster = Named("clusters", "cluster", (*context)["cluster"].Str());
    if (cluster == nullptr)
      return Wrong(fmt::format("has no cluster \"{}\"", (*context)["cluster"].AsString()));
    if (auto ok = CheckKnown("cluster", *cluster,
                             {"server", "certificate-authority", "certificate-authority-data",
                              "insecure-skip-tls-verify", "disable-compression"});
        !ok) {
      return ok.error();
    }
    ClusterAccess access{.server = (*cluster)["server"].Str(), .token = {}, .tls = {}};
    if (const std::string ns = (*context)["namespace"].Str(); !ns.empty())
      access.default_namespace = ns;
    access.tls.insecure_skip_verify = (*cluster)["insecure-skip-tls-verify"].AsBool();
    auto ca = Content(*cluster, "certificate-authority");
    if (!ca) return ca.error();
    access.tls.ca_pem = *ca;
    if (const json::Value* user = Named("users", "user", (*context)["user"].Str()); user != nullptr)
      if (auto added = AddUser(*user, access); !added) return added.error();
    return access;
  }

 private:
  Error Wrong(const std::string& what) const { return {Code::kInvalid, path_ + " " + what}; }

  // The member `inner` of the entry of that name in one of the file's lists.
  const json::Value* Named(const char* list, const char* inner, const std::string& name) const {
    for (const json::Value& entry : config_[list].Items())
      if (entry["name"].AsString() == name) return &entry[inner];
    return nullptr;
  }

  // `<key>-data` (base64) or the file that `<key>` names, relative to the kubeconfig; "" for
  // neither.
  Result<std::string> Content(const json::Value& from, const std::string& key) const {
    if (const auto data = from[key + "-data"].AsString(); !data.empty()) {
      auto decoded = Base64Decode(data);
      if (!decoded) return Wrong(key + "-data is not base64");
      return decoded;
    }
    std::string file = from[key].Str();
    if (file.empty()) return std::string();
    if (file[0] != '/') file = path_.substr(0, path_.rfind('/') + 1) + file;
    return io::ReadFile(file);
  }

  // What is not understood may take rights away (`as`) or add a way (`proxy-url`): to go on without
  // it would not be what was asked for.
  Status CheckKnown(std::string_view what, const json::Value& entry,
                    std::initializer_list<std::string_view> known) const {
    for (const json::Member& member : entry.Members()) {
      if (member.key == "extensions" || member.value.IsNull() || member.value == json::Value("") ||
          std::find(known.begin(), known.end(), member.key) != known.end()) {
        continue;
      }
      return Wrong(
          fmt::format("has a {} with {}, which is not supported: give a server's address "
                      "and CA, and a token or a client certificate, alone",
                      what, member.key));
    }
    return {};
  }

  Status AddUser(const json::Value& user, ClusterAccess& access) const {
    if (auto ok = CheckKnown("user", user,
                             {"client-certificate", "client-certificate-data", "client-key",
                              "client-key-data", "token", "tokenFile"});
        !ok) {
      return ok;
    }
    access.token = user["token"].Str();
    if (access.token.empty() && !user["tokenFile"].AsString().empty()) {
      auto token = io::ReadFile(user["tokenFile"].Str());
      if (!token) return token.error();
      access.token = Trim(*token);
    }
    auto certificate = Content(user, "client-certificate");
    if (!certificate) return certificate.error();
    auto key = Content(user, "client-key");
    if (!key) return key.error();
    if (!certificate->empty() && !key->empty())
      access.tls.identity = net::KeyPair{*certificate, *key};
    return {};
  }

  const std::string path_;
  const json::Value config_;
};

}  // namespace

Result<ClusterAccess> LoadKubeconfig(const std::string& path, const std::string& context) {
  const std::string file = path.empty() ? DefaultPath() : path;
  auto text = io::ReadFile(file);
  if (!text && text.error().code == Code::kNotFound)
    return Error{Code::kNotFound,
                 fmt::format("no kubeconfig at {}: set KUBECONFIG, for example to the "
                             "one that `leat up` names",
                             file)};
  if (!text) return text.error();
  auto documents = json::ParseYaml(*text);
  if (!documents) return documents.error().Within(file);
  if (documents->empty()) return Error{Code::kInvalid, file + " is empty"};
  return Kubeconfig(file, std::move(documents->front())).Access(context);
}

}  // namespace leat::client
