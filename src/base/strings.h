// Text helpers: splitting, case, and the encodings that several protocols share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace leat {

// Split("a,,b", ',') is {"a", "", "b"}; Split("", ',') is {""}.
std::vector<std::string_view> Split(std::string_view text, char separator);
// {"a", "b"} for ("a=b", '='), or nullopt when the separator is not there. Cuts at the first one.
std::optional<std::pair<std::string_view, std::string_view>> Cut(std::string_view text,
                                                                 std::string_view separator);
std::string_view Trim(std::string_view text);  // spaces, tabs, CR and LF at both ends
std::string Lower(std::string_view text);      // ASCII only
bool EqualsIgnoreCase(std::string_view a, std::string_view b);
template <class Strings>
std::string Join(const Strings& parts, std::string_view separator) {
  std::string joined;
  bool first = true;
  for (const auto& part : parts) {
    if (!first) joined += separator;
    joined += part;
    first = false;
  }
  return joined;
}

// The whole text as a base-10 integer; kInvalid on anything else, overflow included.
Result<int64_t> ParseInt(std::string_view text);
// The whole text as a finite or infinite decimal number; kInvalid on anything else.
Result<double> ParseDouble(std::string_view text);

std::string HexEncode(std::string_view bytes);  // lower case
Result<std::string> HexDecode(std::string_view text);
std::string Base64Encode(std::string_view bytes);  // RFC 4648 with padding
Result<std::string> Base64Decode(std::string_view text);
// RFC 3986 unreserved characters stay, all others become %XX (upper case); '/' too unless kept.
std::string PercentEncode(std::string_view text, bool keep_slash = false);
// '%XX' sequences decoded; a malformed one stays as it is. plus_is_space for query strings.
std::string PercentDecode(std::string_view text, bool plus_is_space = false);
// True if the bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool IsUtf8(std::string_view bytes);
// The length at most `limit` at which `text` can be cut without splitting a UTF-8 sequence.
size_t Utf8Floor(std::string_view text, size_t limit);

}  // namespace leat
