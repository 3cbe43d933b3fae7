// Label and field selectors.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/value.h"

namespace leat::api {

// "a=b,c!=d,e in (f,g),h notin (i),j,!k"; the empty selector matches everything. Immutable.
class LabelSelector {
 public:
  // kInvalid in upstream's words.
  static Result<LabelSelector> Parse(std::string_view text);
  // From an object's {matchLabels, matchExpressions}.
  static Result<LabelSelector> FromObject(const json::Value& selector);
  // From the {matchExpressions} of a term of node affinity, which knows Gt and Lt, too.
  static Result<LabelSelector> FromNodeTerm(const json::Value& term);
  bool Matches(const json::Value& labels) const;
  bool empty() const { return terms_.empty(); }

 private:
  enum class Op { kIn, kNotIn, kExists, kNotExists, kGreater, kLess };
  struct Term {
    std::string key;
    Op op;
    std::vector<std::string> values;
  };
  static Result<Term> ReadExpression(const json::Value& expression, bool compares);

  std::vector<Term> terms_;
};

// "metadata.name=x,status.phase!=Failed": terms joined by ',', operators =, ==, !=.
class FieldSelector {
 public:
  static Result<FieldSelector> Parse(std::string_view text);
  // Compares with the value at the path as text; an absent value is "".
  bool Matches(const json::Value& object) const;
  bool empty() const { return terms_.empty(); }
  // The paths it uses, to refuse those a type does not support.
  std::vector<std::string> Paths() const;
  // The value that "metadata.name" must equal, or "" : lets a list be a get.
  std::string RequiredName() const;

 private:
  struct Term {
    std::string path;
    bool equal;
    std::string value;
  };
  std::vector<Term> terms_;
};

// Which field paths a type can be selected by: metadata.name and metadata.namespace for all, more
// for pods (spec.nodeName, status.phase, ...), events (involvedObject.*, reason, ...), nodes,
// secrets (type).
bool SupportsFieldSelector(std::string_view group, std::string_view plural, std::string_view path);

}  // namespace leat::api
