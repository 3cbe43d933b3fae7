// Content types: what a client accepts, and how a request body is read.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/value.h"

namespace leat::apiserver {

enum class Form { kObject, kTable, kPartialMetadata, kDiscovery };

// One acceptable answer. `version` is the version of the form (of Table: "v1" or "v1beta1").
struct Accepted {
  Form form = Form::kObject;
  std::string version = "v1";
  bool operator==(const Accepted&) const = default;
};

// The forms that the Accept header asks for and this server can give, best first: by quality, then
// in the header's order. Empty when there is none (406). No header accepts JSON.
std::vector<Accepted> AcceptedForms(std::string_view accept);

// True if the header accepts this media type ("application/yaml") by name.
bool AcceptsType(std::string_view accept, std::string_view media_type);

// "application/json" of "application/json; charset=utf-8", in lower case.
std::string MediaType(std::string_view content_type);

inline constexpr size_t kMaxBodyBytes = 3u << 20;  // as upstream

struct Decoded {
  json::Value value;
  std::vector<std::string> duplicates;  // paths of members that came twice
};

// Reads a JSON or YAML body: application/json, application/yaml, *+json, *+yaml, or none given
// (JSON). kInvalid for malformed text; kUnimplemented for any other type, protobuf with a hint (415
// for the client).
Result<Decoded> DecodeBody(std::string_view content_type, std::string_view body);

}  // namespace leat::apiserver
