#include "awsserver/logs_filter_pattern.h"

#include <algorithm>

#include "base/strings.h"

namespace leat::awsserver {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Takes one term off the front of `rest`, which does not start with a blank.
Result<std::string> TakeTerm(std::string_view& rest) {
  std::string term;
  if (rest[0] != '"') {
    size_t end = 0;
    while (end < rest.size() && !IsBlank(rest[end])) ++end;
    term = rest.substr(0, end);
    rest.remove_prefix(end);
    return term;
  }
  for (size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == '"') {
      rest.remove_prefix(i + 1);
      return term;
    }
    const bool escape =
        rest[i] == '\\' && i + 1 < rest.size() && (rest[i + 1] == '"' || rest[i + 1] == '\\');
    if (escape) ++i;
    term += rest[i];
  }
  return Error{Code::kInvalid, "Invalid filter pattern: a double quote is not closed"};
}

bool Has(std::string_view message, const std::string& term) {
  return message.find(term) != std::string_view::npos;
}

}  // namespace

Result<FilterPattern> FilterPattern::Parse(std::string_view pattern) {
  FilterPattern parsed;
  std::string_view rest = Trim(pattern);
  if (rest.starts_with('{') || rest.starts_with('['))
    return Error{Code::kInvalid,
                 "Invalid filter pattern: Leat knows terms and \"quoted phrases\", no patterns for "
                 "JSON or columns"};
  while (!rest.empty()) {
    if (IsBlank(rest[0])) {
      rest.remove_prefix(1);
      continue;
    }
    if (rest[0] == '%' && rest.find('%', 1) != std::string_view::npos)
      return Error{Code::kInvalid,
                   "Invalid filter pattern: Leat knows terms and \"quoted phrases\", no regular "
                   "expressions"};
    const char sign = rest.size() > 1 && !IsBlank(rest[1]) ? rest[0] : ' ';
    if (sign == '-' || sign == '?') rest.remove_prefix(1);
    auto term = TakeTerm(rest);
    if (!term) return term.error();
    (sign == '-'   ? parsed.unwanted_
     : sign == '?' ? parsed.any_
                   : parsed.wanted_)
        .push_back(std::move(*term));
  }
  if (!parsed.wanted_.empty() || !parsed.unwanted_.empty()) parsed.any_.clear();
  return parsed;
}

bool FilterPattern::Matches(std::string_view message) const {
  const auto in_message = [&](const std::string& term) { return Has(message, term); };
  return std::all_of(wanted_.begin(), wanted_.end(), in_message) &&
         std::none_of(unwanted_.begin(), unwanted_.end(), in_message) &&
         (any_.empty() || std::any_of(any_.begin(), any_.end(), in_message));
}

}  // namespace leat::awsserver
