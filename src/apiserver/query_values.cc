#include "apiserver/query_values.h"

#include <string>

#include "base/strings.h"

namespace leat::apiserver {

std::optional<bool> ReadSwitch(const net::Query& query, std::string_view name) {
  if (!query.Has(name)) return std::nullopt;
  const std::string_view value = query.Get(name);
  return value != "0" && !EqualsIgnoreCase(value, "false");
}

bool IsOn(const net::Query& query, std::string_view name) {
  return ReadSwitch(query, name).value_or(false);
}

Result<std::optional<int64_t>> ReadNumber(const net::Query& query, std::string_view name) {
  if (!query.Has(name)) return std::optional<int64_t>();
  auto number = ParseInt(query.Get(name));
  if (!number) {
    return Error{Code::kInvalid, std::string(name) + ": Invalid value: \"" +
                                     std::string(query.Get(name)) + "\": must be a whole number"};
  }
  return std::optional(*number);
}

}  // namespace leat::apiserver
