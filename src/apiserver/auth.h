// Who is asking, and may they.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apiserver/apiserver.h"
#include "apiserver/request.h"
#include "net/server.h"

namespace leat::apiserver {

struct User {
  std::string name;
  std::vector<std::string> groups;
  bool IsAdmin() const;  // of system:masters: may do everything
};

// Thread-safe. Tries a bearer token first, then the client certificate that net has verified;
// service account tokens will be a third way, tried between them.
class Authenticator {
 public:
  explicit Authenticator(Access access) : access_(std::move(access)) {}
  // kUnauthorized without credentials, or with ones that nobody knows. A wrong token is refused
  // even beside a good certificate: whoever sends one means it.
  Result<User> Identify(const net::ServerRequest& request) const;

 private:
  Access access_;
};

// Whom the request acts as: `caller`, or the user whom its Impersonate-* headers name, with their
// groups and no others. Who names himself and nothing else stays what he is. kForbidden unless the
// caller is an admin; kInvalid for a group, uid or extra without a user.
Result<User> ActingUser(const User& caller, const net::Headers& headers);

bool IsHealthPath(std::string_view path);
// Paths that answer anyone: health and version.
bool IsOpen(std::string_view path);

// kForbidden in the words that kubectl users know. Admins may do everything, other known users may
// only read discovery.
Status Authorize(const User& user, const RequestInfo& request);

}  // namespace leat::apiserver
