#include "awsserver/s3_headers.h"

#include <fmt/format.h>

#include "aws/amz_time.h"
#include "aws/checksum.h"
#include "aws/xml.h"
#include "awsserver/s3_errors.h"
#include "base/strings.h"

namespace leat::awsserver {
namespace {

constexpr std::string_view kKept[] = {"cache-control",    "content-disposition", "content-encoding",
                                      "content-language", "content-type",        "expires"};
constexpr std::string_view kMetaPrefix = "x-amz-meta-";
constexpr size_t kMaxMetadata = 2048;

// aws-chunked is how the body travels, not what it is.
std::string WithoutAwsChunked(std::string_view encodings) {
  std::vector<std::string_view> kept;
  bool chunked = false;
  for (const std::string_view encoding : Split(encodings, ',')) {
    if (Trim(encoding) == "aws-chunked") {
      chunked = true;
    } else if (!Trim(encoding).empty()) {
      kept.push_back(Trim(encoding));
    }
  }
  return chunked ? Join(kept, ",") : std::string(encodings);
}

// Metadata beyond ASCII, as a header may carry it (RFC 2047).
std::string HeaderText(const std::string& name, const std::string& value) {
  const bool ascii = std::all_of(value.begin(), value.end(),
                                 [](char c) { return static_cast<signed char>(c) >= 0; });
  if (ascii || !name.starts_with(kMetaPrefix)) return value;
  return "=?UTF-8?B?" + Base64Encode(value) + "?=";
}

}  // namespace

Answer<Fields> FieldsToKeep(const Fields& form) {
  Fields kept;
  bool typed = false;
  size_t metadata_bytes = 0;
  for (const auto& [raw_name, raw_value] : form) {
    const std::string name = Lower(raw_name);
    const bool metadata = name.starts_with(kMetaPrefix);
    const bool known = std::find(std::begin(kKept), std::end(kKept), name) != std::end(kKept);
    if (!metadata && !known) continue;
    std::string value = raw_value;
    if (name == "content-encoding") value = WithoutAwsChunked(value);
    if (known && value.empty()) continue;
    typed = typed || name == "content-type";
    if (metadata) metadata_bytes += name.size() - kMetaPrefix.size() + value.size();
    kept.emplace_back(name, std::move(value));
  }
  if (metadata_bytes > kMaxMetadata) {
    return AwsError{"MetadataTooLarge",
                    "Your metadata headers exceed the maximum allowed metadata size",
                    400,
                    {{"Size", std::to_string(metadata_bytes)},
                     {"MaxSizeAllowed", std::to_string(kMaxMetadata)}}};
  }
  if (!typed) kept.emplace_back("content-type", "binary/octet-stream");
  return kept;
}

Answer<Fields> HeadersToKeep(const net::Headers& headers) { return FieldsToKeep(headers.all()); }

std::string Quoted(const std::string& etag) { return "\"" + etag + "\""; }

void AddChecksumHeaders(const Checksum& checksum, net::Headers& response) {
  response.Set(aws::ChecksumHeader(checksum.algorithm), checksum.value);
  response.Set("x-amz-checksum-type", checksum.full_object ? "FULL_OBJECT" : "COMPOSITE");
}

void DescribeObject(const ObjectRecord& object, const net::ServerRequest& request, bool whole,
                    net::Headers& response) {
  response.Set("Last-Modified",
               aws::FormatHttpDate(WallTime(std::chrono::milliseconds(object.modified_ms))));
  response.Set("ETag", Quoted(object.etag));
  response.Set("Accept-Ranges", "bytes");
  for (const auto& [name, value] : object.headers) response.Set(name, HeaderText(name, value));
  const bool wanted = EqualsIgnoreCase(request.headers.Get("x-amz-checksum-mode"), "ENABLED");
  if (wanted && whole && object.checksum) AddChecksumHeaders(*object.checksum, response);
}

void OverrideHeaders(const net::Query& query, net::Headers& response) {
  for (const std::string_view name : kKept) {
    const std::string parameter = fmt::format("response-{}", name);
    if (!query.Has(parameter)) continue;
    std::string value(query.Get(parameter));
    // A line break would let a link's maker write headers of their own.
    std::erase_if(value, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
    response.Set(name, value);
  }
}

}  // namespace leat::awsserver
