#include "apiserver/auth.h"

#include <algorithm>

#include "base/strings.h"
#include "hash/hash.h"

namespace leat::apiserver {
namespace {

constexpr std::string_view kMasters = "system:masters";

// What system:discovery allows every known user.
bool IsDiscovery(std::string_view path) {
  return path == "/api" || path.starts_with("/api/") || path == "/apis" ||
         path.starts_with("/apis/") || path == "/openapi" || path.starts_with("/openapi/");
}

std::string ResourceRefusal(const User& user, const RequestInfo& request) {
  const api::Gvr& gvr = request.gvr;
  std::string text = gvr.group.empty() ? gvr.resource : gvr.resource + "." + gvr.group;
  if (!request.name.empty()) text += " \"" + request.name + "\"";
  std::string resource = gvr.resource;
  if (!request.subresource.empty()) resource += "/" + request.subresource;
  text += " is forbidden: User \"" + user.name + "\" cannot " +
          std::string(VerbName(request.verb)) + " resource \"" + resource + "\" in API group \"" +
          gvr.group + "\"";
  return text + (request.ns.empty() ? " at the cluster scope"
                                    : " in the namespace \"" + request.ns + "\"");
}

constexpr std::string_view kAuthenticated = "system:authenticated";

// What the Impersonate-* headers ask for.
struct Wanted {
  std::string user;
  std::vector<std::string> groups;
  bool more = false;  // a uid, extra fields or something that is not known yet
};

Wanted ReadImpersonation(const net::Headers& headers) {
  constexpr std::string_view kPrefix = "impersonate-";
  Wanted wanted;
  for (const auto& [name, value] : headers.all()) {
    const std::string lower = Lower(name);
    if (!lower.starts_with(kPrefix)) continue;
    const std::string_view what = std::string_view(lower).substr(kPrefix.size());
    if (what == "user") {
      if (wanted.user.empty()) wanted.user = value;
    } else if (what == "group") {
      wanted.groups.push_back(value);
    } else {
      wanted.more = true;
    }
  }
  return wanted;
}

}  // namespace

bool User::IsAdmin() const {
  return std::find(groups.begin(), groups.end(), kMasters) != groups.end();
}

Result<User> Authenticator::Identify(const net::ServerRequest& request) const {
  const std::string_view authorization = Trim(request.headers.Get("Authorization"));
  if (const auto parts = Cut(authorization, " ");
      parts && EqualsIgnoreCase(parts->first, "Bearer")) {
    if (!access_.bearer_token.empty() &&
        hash::ConstantTimeEquals(Trim(parts->second), access_.bearer_token)) {
      return User{"admin", {std::string(kMasters), std::string(kAuthenticated)}};
    }
    return Error{Code::kUnauthorized, "Unauthorized"};
  }
  if (request.peer && !request.peer->common_name.empty()) {
    User user{request.peer->common_name, request.peer->organizations};
    user.groups.emplace_back(std::string(kAuthenticated));
    return user;
  }
  return Error{Code::kUnauthorized, "Unauthorized"};
}

Result<User> ActingUser(const User& caller, const net::Headers& headers) {
  Wanted wanted = ReadImpersonation(headers);
  const bool more = !wanted.groups.empty() || wanted.more;
  if (wanted.user.empty()) {
    if (!more) return caller;
    return Error{
        Code::kInvalid,
        "the request has Impersonate-Group, -Uid or -Extra headers and no Impersonate-User: "
        "name the user to act as"};
  }
  if (!caller.IsAdmin()) {
    return Error{Code::kForbidden, "users \"" + wanted.user + "\" is forbidden: User \"" +
                                       caller.name +
                                       "\" cannot impersonate resource \"users\" in API group "
                                       "\"\" at the cluster scope"};
  }
  if (wanted.user == caller.name && !more) return caller;
  User user{std::move(wanted.user), std::move(wanted.groups)};
  user.groups.emplace_back(kAuthenticated);
  return user;
}

bool IsHealthPath(std::string_view path) {
  return path == "/healthz" || path == "/livez" || path == "/readyz";
}

bool IsOpen(std::string_view path) { return path == "/version" || IsHealthPath(path); }

Status Authorize(const User& user, const RequestInfo& request) {
  if (user.IsAdmin()) return {};
  if (request.is_resource) return Error{Code::kForbidden, ResourceRefusal(user, request)};
  if (request.verb == Verb::kGet && (IsOpen(request.path) || IsDiscovery(request.path))) return {};
  return Error{Code::kForbidden, "forbidden: User \"" + user.name + "\" cannot " +
                                     std::string(VerbName(request.verb)) + " path \"" +
                                     request.path + "\""};
}

}  // namespace leat::apiserver
