// The rules of names, with the texts that kubectl's users know.
#include <fmt/format.h>

#include <algorithm>

#include "api/validation.h"
#include "base/strings.h"

namespace leat::api {
namespace {

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAlnum(char c) { return IsLower(c) || IsDigit(c) || (c >= 'A' && c <= 'Z'); }

std::string TooLong(size_t limit) {
  return fmt::format("must be no more than {} characters", limit);
}

// [a-z0-9]([-a-z0-9]*[a-z0-9])?
bool IsLabel(std::string_view text) {
  const auto edge = [](char c) { return IsLower(c) || IsDigit(c); };
  return !text.empty() && edge(text.front()) && edge(text.back()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return edge(c) || c == '-'; });
}

bool IsSubdomain(std::string_view text) {
  const std::vector<std::string_view> labels = Split(text, '.');
  return std::all_of(labels.begin(), labels.end(), IsLabel);
}

// ([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]
bool IsNamePart(std::string_view text) {
  return !text.empty() && IsAlnum(text.front()) && IsAlnum(text.back()) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return IsAlnum(c) || c == '-' || c == '_' || c == '.'; });
}

constexpr std::string_view kNamePartRule =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

}  // namespace

std::vector<std::string> CheckDns1123Label(std::string_view name) {
  std::vector<std::string> wrong;
  if (name.size() > 63) wrong.push_back(TooLong(63));
  if (!IsLabel(name))
    wrong.emplace_back(
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
        "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex "
        "used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')");
  return wrong;
}

std::vector<std::string> CheckDns1123Subdomain(std::string_view name) {
  std::vector<std::string> wrong;
  if (name.size() > 253) wrong.push_back(TooLong(253));
  if (!IsSubdomain(name))
    wrong.emplace_back(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
        "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex "
        "used for validation is "
        "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')");
  return wrong;
}

std::vector<std::string> CheckQualifiedName(std::string_view key) {
  std::vector<std::string> wrong;
  const std::vector<std::string_view> parts = Split(key, '/');
  if (parts.size() > 2) {
    wrong.push_back(
        fmt::format("a qualified name {} with an optional DNS subdomain prefix and '/' "
                    "(e.g. 'example.com/MyName')",
                    kNamePartRule));
    return wrong;
  }
  if (parts.size() == 2) {
    if (parts[0].empty()) {
      wrong.emplace_back("prefix part must be non-empty");
    } else {
      for (const std::string& text : CheckDns1123Subdomain(parts[0]))
        wrong.push_back("prefix part " + text);
    }
  }
  const std::string_view name = parts.back();
  if (name.empty()) {
    wrong.emplace_back("name part must be non-empty");
  } else if (name.size() > 63) {
    wrong.push_back("name part " + TooLong(63));
  }
  if (!IsNamePart(name)) wrong.push_back(fmt::format("name part {}", kNamePartRule));
  return wrong;
}

std::vector<std::string> CheckLabelValue(std::string_view value) {
  std::vector<std::string> wrong;
  if (value.size() > 63) wrong.push_back(TooLong(63));
  if (!value.empty() && !IsNamePart(value))
    wrong.emplace_back(
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
        "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or "
        "'my_value',  or '12345', regex used for validation is "
        "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')");
  return wrong;
}

}  // namespace leat::api
