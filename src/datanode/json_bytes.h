// Bytes in JSON, whose strings are UTF-8 and file names are not. Inside the module and for the CLI.
#pragma once

#include <string>
#include <string_view>

#include "base/strings.h"
#include "json/value.h"

namespace leat::datanode {

// A string when the bytes are UTF-8, else {"base64": "..."}.
inline json::Value BytesToJson(std::string_view bytes) {
  if (IsUtf8(bytes)) return json::Value(bytes);
  return json::Object({{"base64", Base64Encode(bytes)}});
}

// "" for anything that is neither.
inline std::string BytesFromJson(const json::Value& value) {
  if (value.IsString()) return value.Str();
  return Base64Decode(value["base64"].AsString()).value_or("");
}

}  // namespace leat::datanode
