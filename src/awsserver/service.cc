#include "awsserver/service.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"

namespace leat::awsserver {
namespace {

bool Covers(const std::string& entry, std::string_view bucket, std::string_view key) {
  const auto cut = Cut(entry, "/");
  if (!cut) return entry == bucket;
  return cut->first == bucket && key.starts_with(cut->second);
}

bool AnyCovers(const std::vector<std::string>& entries, std::string_view bucket,
               std::string_view key) {
  return std::any_of(entries.begin(), entries.end(),
                     [&](const std::string& entry) { return Covers(entry, bucket, key); });
}

bool AnyNames(const std::vector<std::string>& entries, std::string_view bucket) {
  return std::any_of(entries.begin(), entries.end(),
                     [&](const std::string& entry) { return Split(entry, '/').front() == bucket; });
}

}  // namespace

bool KeyPolicy::MayRead(std::string_view bucket, std::string_view key) const {
  return AnyCovers(read, bucket, key) || MayWrite(bucket, key);
}

bool KeyPolicy::MayWrite(std::string_view bucket, std::string_view key) const {
  return AnyCovers(write, bucket, key);
}

bool KeyPolicy::Names(std::string_view bucket) const {
  return AnyNames(read, bucket) || AnyNames(write, bucket);
}

AwsError ToAwsError(const Error& error) {
  switch (error.code) {
    case Code::kInvalid:
    case Code::kTooLarge:
      return {"ValidationException", error.message, 400};
    case Code::kUnauthorized:
    case Code::kForbidden:
      return {"AccessDeniedException", error.message, 400};
    case Code::kNotFound:
      return {"ResourceNotFound", error.message, 400};
    case Code::kAlreadyExists:
      return {"ResourceInUse", error.message, 400};
    case Code::kConflict:
    case Code::kExpired:
      return {"ConflictException", error.message, 400};
    case Code::kExhausted:
      return {"ResourceLimitExceeded", error.message, 400};
    case Code::kTimeout:
    case Code::kCancelled:
    case Code::kUnavailable:
      return {"ServiceUnavailable", error.message, 503};
    case Code::kUnimplemented:
      return {"UnknownOperationException", error.message, 400};
    case Code::kCorrupt:
    case Code::kInternal:
      return {"InternalFailure", error.message, 500};
  }
  return {"InternalFailure", error.message, 500};
}

AwsError UnknownOperation(std::string_view service, std::string_view operation) {
  return {"UnknownOperationException",
          fmt::format("Leat does not implement {}:{}", service, operation), 400};
}

}  // namespace leat::awsserver
