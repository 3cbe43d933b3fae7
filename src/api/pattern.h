// A compiled regular expression in Go's (RE2's) syntax. Matching takes time linear in the text, so
// a hostile pattern or value cannot hang the server.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace leat::api {

// Immutable and thread-safe.
class Pattern {
 public:
  // kInvalid with what is wrong with it.
  static Result<std::shared_ptr<const Pattern>> Compile(std::string_view expression);
  ~Pattern();
  bool Matches(std::string_view text) const;  // anywhere in the text
  // What the first group took at the first match, a part of `text`; nullopt when nothing matches,
  // the group took no part in the match, or the expression has no group.
  std::optional<std::string_view> Capture(std::string_view text) const;

 private:
  struct Compiled;
  explicit Pattern(std::unique_ptr<Compiled> compiled);
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace leat::api
