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

}  // namespace leat::api
