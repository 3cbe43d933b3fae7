#include "api/pattern.h"

#include <re2/re2.h>

#include <string>

namespace leat::api {

struct Pattern::Compiled {
  explicit Compiled(std::string_view expression, const re2::RE2::Options& options)
      : regex(re2::StringPiece(expression.data(), expression.size()), options) {}
  re2::RE2 regex;
};

Pattern::Pattern(std::unique_ptr<Compiled> compiled) : compiled_(std::move(compiled)) {}
Pattern::~Pattern() = default;

Result<std::shared_ptr<const Pattern>> Pattern::Compile(std::string_view expression) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(1 << 20);
  auto compiled = std::make_unique<Compiled>(expression, options);
  if (!compiled->regex.ok())
    return Error{Code::kInvalid, "\"" + std::string(expression) +
                                     "\" is not a regular expression: " + compiled->regex.error()};
  return std::shared_ptr<const Pattern>(new Pattern(std::move(compiled)));
}

bool Pattern::Matches(std::string_view text) const {
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), compiled_->regex);
}

std::optional<std::string_view> Pattern::Capture(std::string_view text) const {
  re2::StringPiece found[2];  // the whole match, the first group
  if (compiled_->regex.NumberOfCapturingGroups() == 0 ||
      !compiled_->regex.Match(re2::StringPiece(text.data(), text.size()), 0, text.size(),
                              re2::RE2::UNANCHORED, found, 2) ||
      found[1].data() == nullptr)
    return std::nullopt;
  return std::string_view(found[1].data(), found[1].size());
}

}  // namespace leat::api
