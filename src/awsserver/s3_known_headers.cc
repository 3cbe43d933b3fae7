#include "awsserver/s3_known_headers.h"

#include <fmt/format.h>

#include <algorithm>

#include "aws/checksum.h"
#include "awsserver/awsserver.h"
#include "awsserver/s3_errors.h"
#include "base/strings.h"

namespace leat::awsserver {
namespace {

using namespace takes;

constexpr unsigned kAny = ~0u;

struct KnownHeader {
  std::string_view name;  // behind x-amz-
  unsigned operations;
  std::string_view values = "";  // those that are obeyed, separated by blanks; "" for any
};

constexpr KnownHeader kKnown[] = {
    // Who asks, and how the body travels.
    {"api-version", kAny, "2006-03-01"},
    {"date", kAny},
    {"te", kAny},  // an offer to take a checksum behind the answer
    {"content-sha256", kAny},
    {"security-token", kAny},
    {"user-agent", kAny},
    {"algorithm", kForm},
    {"credential", kForm},
    {"signature", kForm},
    {"decoded-content-length", kAny},
    {"trailer", kAny},  // CheckTrailer
    {"sdk-checksum-algorithm", kAny},
    // Obeyed wherever they are (CheckExpectedOwners), or true here of every bucket.
    {"expected-bucket-owner", kAny},
    {"source-expected-bucket-owner", kSource},
    {"request-payer", kAny},
    // Nothing here is locked, so there is no retention to bypass.
    {"bypass-governance-retention", kDelete},
    {"checksum-mode", kAny},
    {"checksum-crc32", kBody | kComplete | kForm},
    {"checksum-crc32c", kBody | kComplete | kForm},
    {"checksum-crc64nvme", kBody | kComplete | kForm},
    {"checksum-sha1", kBody | kComplete | kForm},
    {"checksum-sha256", kBody | kComplete | kForm},
    // SDKs of Java add the checksum of the body that a request does not have.
    {"checksum-crc32", kAny, "AAAAAA=="},
    {"checksum-crc32c", kAny, "AAAAAA=="},
    {"checksum-crc64nvme", kAny, "AAAAAAAAAAA="},
    {"checksum-sha1", kAny, "2jmj7l5rSw0yVb/vlWAYkK/YBwk="},
    {"checksum-sha256", kAny, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
    {"checksum-algorithm", kStart | kCopy},
    // minio-go names the kind of the checksum beside it, or without one.
    {"checksum-algorithm", kBody, "CRC32 CRC32C CRC64NVME SHA1 SHA256"},
    {"checksum-type", kStart | kComplete, "COMPOSITE FULL_OBJECT"},
    {"mp-object-size", kComplete},
    {"acl", kObject | kBucket | kForm, "private bucket-owner-full-control bucket-owner-read"},
    // All keep their bytes alike here.
    {"storage-class", kObject | kForm,
     "STANDARD REDUCED_REDUNDANCY STANDARD_IA ONEZONE_IA INTELLIGENT_TIERING GLACIER GLACIER_IR "
     "DEEP_ARCHIVE OUTPOSTS SNOW EXPRESS_ONEZONE"},
    {"metadata-directive", kCopy},
    {"metadata-directive", kStart, "REPLACE"},     // there is nothing to copy from
    {"tagging-directive", kCopy, "COPY REPLACE"},  // no object has tags
    {"copy-source", kSource},
    {"copy-source-if-match", kSource},
    {"copy-source-if-none-match", kSource},
    {"copy-source-if-modified-since", kSource},
    {"copy-source-if-unmodified-since", kSource},
    {"copy-source-range", kRange},
    {"optional-object-attributes", kList, "RestoreStatus"},  // no object is archived
    {"bucket-object-lock-enabled", kBucket, "false"},
    {"object-ownership", kBucket, "BucketOwnerEnforced"},
};

bool IsAmong(std::string_view value, std::string_view values) {
  if (values.empty()) return true;
  const auto all = Split(values, ' ');
  return std::find(all.begin(), all.end(), value) != all.end();
}

bool IsObeyed(std::string_view name, std::string_view value, unsigned operation) {
  if (name.starts_with("meta-")) return true;
  return std::any_of(std::begin(kKnown), std::end(kKnown), [&](const KnownHeader& known) {
    return known.name == name &&
           (known.operations == kAny || (known.operations & operation) != 0) &&
           IsAmong(value, known.values);
  });
}

AwsError Refusal(const std::string& name, std::string_view value, unsigned operation) {
  if (name.starts_with("x-amz-checksum-")) {
    return InvalidRequest(fmt::format(
        "The header {} cannot be verified in this request: it takes the checksums CRC32, CRC32C, "
        "CRC64NVME, SHA1 and SHA256, where there is a body",
        name));
  }
  if (name == "x-amz-storage-class" && (operation & (kObject | kForm)) != 0) {
    return AwsError{"InvalidStorageClass", "The storage class you specified is not valid", 400, {}};
  }
  const bool encryption = name.starts_with("x-amz-server-side-encryption");
  if (encryption && (operation & kRead) != 0) {
    return InvalidRequest("The encryption parameters are not applicable to this object: " + name);
  }
  // A key is not repeated.
  if (name.find("customer-key") != std::string::npos) return NotImplemented("The header " + name);
  return NotImplemented(fmt::format("The header {} with the value {}", name, value));
}

}  // namespace

Answer<void> CheckAmzFields(const Fields& fields, unsigned operation) {
  constexpr std::string_view kPrefix = "x-amz-";
  for (const auto& [raw_name, value] : fields) {
    const std::string name = Lower(raw_name);
    if (!name.starts_with(kPrefix) || value.empty()) continue;
    if (!IsObeyed(std::string_view(name).substr(kPrefix.size()), value, operation)) {
      return Refusal(name, value, operation);
    }
  }
  return {};
}

Answer<void> CheckConditions(const net::Headers& headers, unsigned operation) {
  for (const auto& [name, obeyed] : std::initializer_list<std::pair<const char*, unsigned>>{
           {"If-Match", kRead | kIfMatch},
           {"If-None-Match", kRead | kIfNoneMatch},
           {"If-Modified-Since", kRead},
           {"If-Unmodified-Since", kRead},
           // A piece put in the place of the whole would lose the rest.
           {"Content-Range", kNothing}}) {
    if (headers.Has(name) && (operation & obeyed) == 0) {
      return NotImplemented(fmt::format("The header {} in this request", name));
    }
  }
  return {};
}

Answer<void> CheckExpectedOwners(const net::Headers& headers) {
  for (const char* name : {"x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"}) {
    if (!headers.Has(name)) continue;
    const std::string_view owner = headers.Get(name);
    if (owner.size() != 12 || owner.find_first_not_of("0123456789") != std::string_view::npos) {
      return AwsError{"InvalidBucketOwnerAWSAccountID",
                      "The value of the expected bucket owner parameter must be an AWS account ID",
                      400,
                      {{"ArgumentName", name}, {"ArgumentValue", std::string(owner)}}};
    }
    if (owner != kAccountId) return AccessDenied();
  }
  return {};
}

Answer<void> CheckTrailer(const net::Headers& headers, const Caller& caller) {
  const std::string trailer = Lower(Trim(headers.Get("x-amz-trailer")));
  if (trailer.empty()) return {};
  const bool known = std::any_of(
      aws::kChecksumAlgorithms.begin(), aws::kChecksumAlgorithms.end(),
      [&](hash::Algorithm algorithm) { return trailer == aws::ChecksumHeader(algorithm); });
  const auto form = aws::ChunkedForm::FromPayloadHash(caller.payload_hash);
  if (known && form && form->trailer) return {};
  return InvalidRequest(fmt::format(
      "The value {} specified in the x-amz-trailer header is not supported: it names one checksum "
      "of CRC32, CRC32C, CRC64NVME, SHA1 and SHA256, which follows a body in chunks",
      trailer));
}

bool IsHeaderName(std::string_view name) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

}  // namespace leat::awsserver
