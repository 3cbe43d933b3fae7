#include "api/selectors.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/validation.h"
#include "base/strings.h"

namespace leat::api {
namespace {

enum class TokenKind { kEnd, kWord, kIn, kNotIn, kComma, kOpen, kClose, kNot, kOperator };

struct Token {
  TokenKind kind;
  std::string_view text;
};

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool IsSymbol(char c) { return std::string_view("=!(),<>").find(c) != std::string_view::npos; }

// Splits "a in (b, c),!d" into words and symbols.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) { Advance(); }
  const Token& token() const { return token_; }
  Token Take() {
    const Token taken = token_;
    Advance();
    return taken;
  }

 private:
  void Advance() {
    while (!text_.empty() && IsSpace(text_[0])) text_.remove_prefix(1);
    if (text_.empty()) {
      token_ = {TokenKind::kEnd, ""};
      return;
    }
    size_t length = 0;
    if (IsSymbol(text_[0])) {
      length = text_.starts_with("==") || text_.starts_with("!=") ? 2 : 1;
      token_ = {SymbolKind(text_.substr(0, length)), text_.substr(0, length)};
    } else {
      while (length < text_.size() && !IsSpace(text_[length]) && !IsSymbol(text_[length])) ++length;
      const std::string_view word = text_.substr(0, length);
      token_ = {word == "in"      ? TokenKind::kIn
                : word == "notin" ? TokenKind::kNotIn
                                  : TokenKind::kWord,
                word};
    }
    text_.remove_prefix(length);
  }
  static TokenKind SymbolKind(std::string_view symbol) {
    if (symbol == ",") return TokenKind::kComma;
    if (symbol == "(") return TokenKind::kOpen;
    if (symbol == ")") return TokenKind::kClose;
    if (symbol == "!") return TokenKind::kNot;
    return TokenKind::kOperator;
  }

  std::string_view text_;
  Token token_{TokenKind::kEnd, ""};
};

bool IsWord(const Token& token) {  // "in" and "notin" are words wherever no operator can stand
  return token.kind == TokenKind::kWord || token.kind == TokenKind::kIn ||
         token.kind == TokenKind::kNotIn;
}

Error Unexpected(const Token& found, std::string_view expected) {
  return {Code::kInvalid, fmt::format("unable to parse requirement: found '{}', expected: {}",
                                      found.text, expected)};
}

Status CheckKey(std::string_view key) {
  const std::vector<std::string> wrong = CheckQualifiedName(key);
  if (wrong.empty()) return {};
  return Error{Code::kInvalid,
               fmt::format("unable to parse requirement: key: Invalid value: \"{}\": {}", key,
                           Join(wrong, "; "))};
}

Status CheckValue(std::string_view key, size_t index, std::string_view value) {
  const std::vector<std::string> wrong = CheckLabelValue(value);
  if (wrong.empty()) return {};
  return Error{Code::kInvalid,
               fmt::format("unable to parse requirement: values[{}][{}]: Invalid value: \"{}\": {}",
                           index, key, value, Join(wrong, "; "))};
}

// "(b, c)": the values of in and notin. A missing word is an empty value.
Result<std::vector<std::string>> ParseValues(Lexer& lexer) {
  if (lexer.token().kind != TokenKind::kOpen) return Unexpected(lexer.token(), "'('");
  lexer.Take();
  std::vector<std::string> values;
  for (;;) {
    values.emplace_back(IsWord(lexer.token()) ? lexer.Take().text : "");
    const Token next = lexer.Take();
    if (next.kind == TokenKind::kClose) break;
    if (next.kind != TokenKind::kComma) return Unexpected(next, "',' or ')'");
  }
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

}  // namespace

Result<LabelSelector> LabelSelector::Parse(std::string_view text) {
  LabelSelector selector;
  Lexer lexer(text);
  if (lexer.token().kind == TokenKind::kEnd) return selector;
  for (;;) {
    Term term{.key = {}, .op = Op::kExists, .values = {}};
    if (lexer.token().kind == TokenKind::kNot) {
      lexer.Take();
      term.op = Op::kNotExists;
    }
    if (!IsWord(lexer.token()))
      return Unexpected(lexer.token(), term.op == Op::kNotExists
                                           ? "identifier after '!'"
                                           : "!, identifier, or 'end of string'");
    term.key = lexer.Take().text;
    if (Status ok = CheckKey(term.key); !ok) return ok.error();
    const TokenKind next = lexer.token().kind;
    if (term.op == Op::kExists && next != TokenKind::kEnd && next != TokenKind::kComma) {
      const Token op = lexer.Take();
      if (op.kind == TokenKind::kIn || op.kind == TokenKind::kNotIn) {
        term.op = op.kind == TokenKind::kIn ? Op::kIn : Op::kNotIn;
        Result<std::vector<std::string>> values = ParseValues(lexer);
        if (!values) return values.error();
        term.values = std::move(*values);
      } else if (op.kind == TokenKind::kOperator) {
        term.op = op.text == "!="  ? Op::kNotIn
                  : op.text == ">" ? Op::kGreater
                  : op.text == "<" ? Op::kLess
                                   : Op::kIn;
        term.values = {std::string(IsWord(lexer.token()) ? lexer.Take().text : "")};
      } else {
        return Unexpected(op, "in, notin, =, ==, !=, gt, lt");
      }
    }
    for (size_t i = 0; i < term.values.size(); ++i)
      if (Status ok = CheckValue(term.key, i, term.values[i]); !ok) return ok.error();
    if ((term.op == Op::kGreater || term.op == Op::kLess) && !ParseInt(term.values[0]))
      return Error{Code::kInvalid,
                   fmt::format("unable to parse requirement: values[0]: Invalid value: \"{}\": for "
                               "'Gt', 'Lt' operators, the value must be an integer",
                               term.values[0])};
    selector.terms_.push_back(std::move(term));
    const Token after = lexer.Take();
    if (after.kind == TokenKind::kEnd) return selector;
    if (after.kind != TokenKind::kComma) return Unexpected(after, "',' or 'end of string'");
    if (!IsWord(lexer.token()) && lexer.token().kind != TokenKind::kNot)
      return Unexpected(lexer.token(), "identifier after ','");
  }
}

Result<LabelSelector::Term> LabelSelector::ReadExpression(const json::Value& expression,
                                                          bool compares) {
  Term term{.key = expression["key"].Str(), .op = Op::kIn, .values = {}};
  for (const json::Value& value : expression["values"].Items()) term.values.push_back(value.Str());
  const std::string_view op = expression["operator"].AsString();
  if (op == "NotIn") {
    term.op = Op::kNotIn;
  } else if (op == "Exists") {
    term.op = Op::kExists;
  } else if (op == "DoesNotExist") {
    term.op = Op::kNotExists;
  } else if (compares && (op == "Gt" || op == "Lt")) {
    term.op = op == "Gt" ? Op::kGreater : Op::kLess;
    if (term.values.size() != 1 || !ParseInt(term.values[0]))
      return Error{Code::kInvalid, "values: for 'Gt', 'Lt' operators, one integer is needed"};
  } else if (op != "In") {
    return Error{Code::kInvalid, fmt::format("\"{}\" is not a valid label selector operator", op)};
  }
  const bool wants_values = term.op != Op::kExists && term.op != Op::kNotExists;
  if (wants_values && term.values.empty())
    return Error{Code::kInvalid,
                 "values: Invalid value: []: for 'in', 'notin' operators, values "
                 "set can't be empty"};
  if (!wants_values && !term.values.empty())
    return Error{Code::kInvalid,
                 "values: Invalid value: values set must be empty for exists and "
                 "does not exist"};
  return term;
}

Result<LabelSelector> LabelSelector::FromObject(const json::Value& object) {
  LabelSelector selector;
  // An absent selector selects nothing, an empty one everything.
  if (object.IsNull()) selector.terms_.push_back({.key = "", .op = Op::kIn, .values = {}});
  for (const json::Member& label : object["matchLabels"].Members())
    selector.terms_.push_back({.key = label.key, .op = Op::kIn, .values = {label.value.Str()}});
  for (const json::Value& expression : object["matchExpressions"].Items()) {
    auto term = ReadExpression(expression, /*compares=*/false);
    if (!term) return term.error();
    selector.terms_.push_back(std::move(*term));
  }
  for (const Term& term : selector.terms_)
    if (!term.key.empty() || !object.IsNull())
      if (Status ok = CheckKey(term.key); !ok) return ok.error();
  return selector;
}

Result<LabelSelector> LabelSelector::FromNodeTerm(const json::Value& node_term) {
  LabelSelector selector;
  for (const json::Value& expression : node_term["matchExpressions"].Items()) {
    auto term = ReadExpression(expression, /*compares=*/true);
    if (!term) return term.error();
    if (Status ok = CheckKey(term->key); !ok) return ok.error();
    selector.terms_.push_back(std::move(*term));
  }
  return selector;
}

bool LabelSelector::Matches(const json::Value& labels) const {
  return std::all_of(terms_.begin(), terms_.end(), [&](const Term& term) {
    const json::Value* found = labels.Find(term.key);
    const std::string_view value = found ? found->AsString() : std::string_view();
    const auto listed = [&] {
      return std::find(term.values.begin(), term.values.end(), value) != term.values.end();
    };
    switch (term.op) {
      case Op::kIn:
        return found && listed();
      case Op::kNotIn:
        return !found || !listed();
      case Op::kExists:
        return found != nullptr;
      case Op::kNotExists:
        return found == nullptr;
      case Op::kGreater:
      case Op::kLess: {
        const Result<int64_t> have = ParseInt(value);
        const Result<int64_t> bound = ParseInt(term.values[0]);
        if (!found || !have || !bound) return false;
        return term.op == Op::kGreater ? *have > *bound : *have < *bound;
      }
    }
    return false;
  });
}

}  // namespace leat::api
