#include "apiserver/object_limits.h"

#include <algorithm>
#include <string>

namespace leat::apiserver {
namespace {

int Depth(const json::Value& value) {
  int deepest = 0;
  for (const json::Value& item : value.Items()) deepest = std::max(deepest, Depth(item));
  for (const json::Member& member : value.Members()) {
    deepest = std::max(deepest, Depth(member.value));
  }
  return deepest + (value.IsArray() || value.IsObject() ? 1 : 0);
}

}  // namespace

Status CheckLimits(const json::Value& object, size_t old_bytes) {
  const std::string which = object["kind"].Str() + " \"" + object["metadata"]["name"].Str() + "\"";
  if (Depth(object) > kMaxObjectDepth) {
    return Error{Code::kInvalid, which + " would be nested deeper than " +
                                     std::to_string(kMaxObjectDepth) + " levels"};
  }
  const size_t bytes = json::Print(object).size();
  if (bytes <= std::max(kMaxObjectBytes, old_bytes)) return {};
  return Error{Code::kTooLarge, which + " is too large: it would have " + std::to_string(bytes) +
                                    " bytes, the limit is " + std::to_string(kMaxObjectBytes) +
                                    "; keep large data elsewhere and refer to it"};
}

}  // namespace leat::apiserver
