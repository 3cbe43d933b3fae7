#include <cerrno>
#include <system_error>

#include "io/file.h"

namespace leat::io {
namespace {

Code CodeOf(int error) {
  switch (error) {
    case ENOENT:
    case ESRCH:
      return Code::kNotFound;
    case EEXIST:
    case ENOTEMPTY:
      return Code::kAlreadyExists;
    case EACCES:
    case EPERM:
    case EROFS:
      return Code::kForbidden;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return Code::kExhausted;
    case ECONNREFUSED:
    case EPIPE:
    case ECONNRESET:
    case EAGAIN:
      return Code::kUnavailable;
    case ETIMEDOUT:
      return Code::kTimeout;
    case EINVAL:
    case ENAMETOOLONG:
    case ELOOP:
    case EXDEV:
    case ENOTDIR:
    case EISDIR:
    case ENOEXEC:
      return Code::kInvalid;
    case ENOSYS:
    case EOPNOTSUPP:
      return Code::kUnimplemented;
    default:
      return Code::kInternal;
  }
}

}  // namespace

Error ErrnoError(int error, std::string_view what) {
  // generic_category and not strerror, which other threads may overwrite.
  return {CodeOf(error), std::string(what) + ": " + std::generic_category().message(error)};
}

}  // namespace leat::io
