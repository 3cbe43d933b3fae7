#include "awsserver/s3_conditions.h"

#include <algorithm>
#include <string>

#include "aws/amz_time.h"
#include "awsserver/s3_errors.h"
#include "base/strings.h"

namespace leat::awsserver {

std::string_view UnquotedEtag(std::string_view etag) {
  etag = Trim(etag);
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') {
    etag = etag.substr(1, etag.size() - 2);
  }
  return etag;
}

namespace {

bool Lists(std::string_view etags, const std::string& etag) {
  for (const std::string_view one : Split(etags, ',')) {
    if (Trim(one) == "*" || UnquotedEtag(one) == etag) return true;
  }
  return false;
}

// Whole seconds, as headers carry them; nullopt when absent or malformed (then it is ignored).
std::optional<int64_t> Seconds(const net::Headers& headers, std::string_view name) {
  const auto time = aws::ParseHttpDate(headers.Get(name));
  if (!time) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::seconds>(time->time_since_epoch()).count();
}

struct ConditionNames {
  const char* match;
  const char* none_match;
  const char* unmodified;
  const char* modified;
};

// The name of the condition that fails, and whether the failure means "you have it already".
struct Failed {
  const char* name;
  bool not_modified;
};

std::optional<Failed> FailedCondition(const net::Headers& headers, const ConditionNames& names,
                                      const ObjectRecord& object) {
  const int64_t modified = object.modified_ms / 1000;
  if (headers.Has(names.match)) {
    if (!Lists(headers.Get(names.match), object.etag)) return Failed{names.match, false};
  } else if (const auto limit = Seconds(headers, names.unmodified); limit && modified > *limit) {
    return Failed{names.unmodified, false};
  }
  if (headers.Has(names.none_match)) {
    if (Lists(headers.Get(names.none_match), object.etag)) return Failed{names.none_match, true};
  } else if (const auto limit = Seconds(headers, names.modified); limit && modified <= *limit) {
    return Failed{names.modified, true};
  }
  return std::nullopt;
}

std::optional<uint64_t> Number(std::string_view digits) {
  if (digits.empty() || digits.size() > 18 ||
      digits.find_first_not_of("0123456789") != std::string_view::npos) {
    return std::nullopt;
  }
  uint64_t value = 0;
  for (const char c : digits) value = value * 10 + static_cast<uint64_t>(c - '0');
  return value;
}

AwsError InvalidRange(std::string_view range, uint64_t object_size) {
  return {
      "InvalidRange",
      "The requested range is not satisfiable",
      416,
      {{"RangeRequested", std::string(range)}, {"ActualObjectSize", std::to_string(object_size)}}};
}

}  // namespace

Answer<void> CheckReadConditions(const net::Headers& headers, const ObjectRecord& object) {
  const auto failed = FailedCondition(
      headers, {"If-Match", "If-None-Match", "If-Unmodified-Since", "If-Modified-Since"}, object);
  if (!failed) return {};
  if (failed->not_modified) return AwsError{"NotModified", "Not Modified", 304};
  return PreconditionFailed(failed->name);
}

Answer<void> CheckCopyConditions(const net::Headers& headers, const ObjectRecord& source) {
  const auto failed = FailedCondition(
      headers,
      {"x-amz-copy-source-if-match", "x-amz-copy-source-if-none-match",
       "x-amz-copy-source-if-unmodified-since", "x-amz-copy-source-if-modified-since"},
      source);
  if (!failed) return {};
  return PreconditionFailed(failed->name);
}

Answer<Precondition> WriteCondition(const net::Headers& headers) {
  Precondition precondition;
  if (headers.Has("If-None-Match")) {
    if (Trim(headers.Get("If-None-Match")) != "*") {
      return NotImplemented("If-None-Match with a value other than *");
    }
    precondition.absent = true;
  }
  if (headers.Has("If-Match")) precondition.if_etag = UnquotedEtag(headers.Get("If-Match"));
  return precondition;
}

Answer<std::optional<ByteRange>> RequestedRange(std::string_view range, uint64_t object_size) {
  const std::optional<ByteRange> whole;
  if (!range.starts_with("bytes=")) return whole;
  const auto pair = Cut(Trim(range.substr(6)), "-");
  if (!pair) return whole;
  const auto first = Number(pair->first), last = Number(pair->second);
  if (pair->first.empty() && last) {
    if (*last == 0) return InvalidRange(range, object_size);
    if (object_size == 0) return whole;
    const uint64_t size = std::min(*last, object_size);
    return std::optional<ByteRange>({object_size - size, size});
  }
  if (!first || (!last && !pair->second.empty()) || (last && *last < *first)) return whole;
  if (*first >= object_size) return InvalidRange(range, object_size);
  const uint64_t end = last ? std::min(*last + 1, object_size) : object_size;
  return std::optional<ByteRange>({*first, end - *first});
}

Answer<std::optional<ByteRange>> CopyRange(const net::Headers& headers, uint64_t source_size) {
  constexpr char kName[] = "x-amz-copy-source-range";
  if (!headers.Has(kName)) return std::optional<ByteRange>();
  const std::string_view range = headers.Get(kName);
  const auto pair =
      range.starts_with("bytes=") ? Cut(range.substr(6), "-") : decltype(Cut(range, "-"))();
  const auto first = pair ? Number(pair->first) : std::nullopt;
  const auto last = pair ? Number(pair->second) : std::nullopt;
  if (!first || !last || *last < *first) {
    return InvalidArgument(
        "The x-amz-copy-source-range value must be of the form bytes=first-last where first and "
        "last are the zero-based offsets of the first and last bytes to copy",
        kName, range);
  }
  if (*last >= source_size) {
    return InvalidArgument(
        "Range specified is not valid for source object of size: " + std::to_string(source_size),
        kName, range);
  }
  return std::optional<ByteRange>({*first, *last + 1 - *first});
}

}  // namespace leat::awsserver
