// CloudWatch's filter patterns for plain text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace leat::awsserver {

// Terms apart by blanks, and phrases in double quotes (\" and \\ inside): a message matches when it
// has all of them, as they are spelt. "-term" must not be there; of "?term"s one must be there, and
// beside other terms they do not count, as in CloudWatch. The empty pattern matches everything.
class FilterPattern {
 public:
  // kInvalid for an open quote, and for JSON ({...}), column ([...]) and %regular% expressions.
  static Result<FilterPattern> Parse(std::string_view pattern);
  bool Matches(std::string_view message) const;
  bool MatchesAll() const { return wanted_.empty() && unwanted_.empty() && any_.empty(); }

 private:
  std::vector<std::string> wanted_, unwanted_, any_;
};

}  // namespace leat::awsserver
