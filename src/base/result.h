// Errors as values. Every fallible function returns Result<T> (or Status); nothing throws.
//
//   Result<std::string> text = io::ReadFile(path);
//   if (!text) return text.error();
//   return Error{Code::kInvalid, "manifest.yaml: line 3: ..."};
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace leat {

// What kind of failure it was: enough for each edge (HTTP, errno, exit status) to answer rightly.
// Every edge owns one switch over it without a default, so that a new code is a compile warning.
enum class Code {
  kInvalid,        // the input is wrong; the same call can never succeed
  kUnauthorized,   // who is asking is unknown
  kForbidden,      // who is asking is known and may not
  kNotFound,       // the thing does not exist
  kAlreadyExists,  // a thing with this name exists
  kConflict,       // the thing changed since it was read; read again and retry
  kExpired,        // a revision or token is too old to be served
  kTooLarge,       // input beyond a documented limit
  kExhausted,      // disk, quota or queue is full
  kTimeout,        // a deadline passed
  kCancelled,      // a stop was requested
  kUnavailable,    // the other side cannot be reached now; retrying may help
  kCorrupt,        // stored bytes are not what was written
  kUnimplemented,  // known, and not supported
  kInternal,       // none of the above
};

// "NotFound" for kNotFound, and so on.
std::string_view CodeName(Code code);

// A failure: what was being done, to what, and what to do about it, in one line of plain words.
struct Error {
  Code code = Code::kInternal;
  std::string message;

  // The same failure seen from one level up: "context: message".
  Error Within(std::string_view context) const {
    return {code, std::string(context) + ": " + message};
  }
};

// A T, or the Error that kept it from being made. Dropping one is a compile error.
template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using Base = tl::expected<T, Error>;
  using Base::Base;
  Result(Error error) : Base(tl::unexpect, std::move(error)) {}
};

template <>
class [[nodiscard]] Result<void> : public tl::expected<void, Error> {
 public:
  using Base = tl::expected<void, Error>;
  using Base::Base;
  Result(Error error) : Base(tl::unexpect, std::move(error)) {}
};

using Status = Result<void>;

// Ends the process with the file, line and reason: for states that only a bug in Leat can reach.
// Stays on in release builds.
#define LEAT_CHECK(condition, why)                                              \
  do {                                                                          \
    if (!(condition)) ::leat::CheckFailed(#condition, why, __FILE__, __LINE__); \
  } while (false)

[[noreturn]] void CheckFailed(const char* condition, std::string_view why, const char* file,
                              int line);

}  // namespace leat
