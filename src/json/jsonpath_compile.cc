#include <algorithm>
#include <charconv>

#include "base/strings.h"
#include "json/jsonpath_step.h"

namespace leat::json {
namespace {

using Step = JsonPathStep;
using Filter = JsonPathFilter;

constexpr size_t kMaxText = 4096;
constexpr int kMaxFilterDepth = 8;

// Each Read... returns false when the text is wrong; what and where are then in problem_ and at_.
class Compiler {
 public:
  explicit Compiler(std::string_view text) : text_(text) {}

  Result<std::vector<Step>> Run() {
    std::vector<Step> steps;
    if (ReadTop(&steps)) return steps;
    return Error{Code::kInvalid, "JSONPath \"" + std::string(text_) + "\", character " +
                                     std::to_string(at_ + 1) + ": " + problem_};
  }

 private:
  bool Fail(const char* problem) {
    problem_ = problem;
    return false;
  }

  bool AtEnd() const { return at_ == text_.size(); }
  char Peek() const { return AtEnd() ? '\0' : text_[at_]; }

  bool Take(std::string_view token) {
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }

  void SkipBlanks() {
    while (Peek() == ' ' || Peek() == '\t') ++at_;
  }

  bool ReadTop(std::vector<Step>* steps) {
    SkipBlanks();
    const bool braces = Take("{");
    SkipBlanks();
    const bool rooted = Take("$") || Take("@");
    // Columns are often written without the first dot.
    const bool bare =
        !rooted && !AtEnd() && std::string_view(".[}").find(Peek()) == std::string_view::npos;
    if (bare && !ReadName(steps)) return false;
    if (!ReadSteps(steps)) return false;
    SkipBlanks();
    if (braces && !Take("}")) return Fail("'}' is expected");
    SkipBlanks();
    return AtEnd() || Fail("'.' or '[' is expected");
  }

  bool ReadSteps(std::vector<Step>* steps) {
    for (;;) {
      if (Take("..")) {
        steps->push_back({.kind = Step::Kind::kDescend});
        if (Peek() != '[' && !ReadName(steps)) return false;
      } else if (Take(".")) {
        const char next = Peek();
        const bool whole = steps->empty() && (next == '\0' || next == '}' || next == ' ');
        if (next != '[' && !whole && !ReadName(steps)) return false;
      } else if (Peek() == '[') {
        if (!ReadBracket(steps)) return false;
      } else {
        return true;
      }
    }
  }

  bool ReadName(std::vector<Step>* steps) {
    if (Take("*")) {
      steps->push_back({.kind = Step::Kind::kAll});
      return true;
    }
    std::string name;
    while (!AtEnd() && std::string_view(" \t.[](){}'\"=<>!,*").find(Peek()) == text_.npos) {
      Take("\\");
      if (AtEnd()) return Fail("the path ends after a backslash");
      name += text_[at_++];
    }
    if (name.empty()) return Fail("a name is expected");
    steps->push_back({.kind = Step::Kind::kNames, .names = {std::move(name)}});
    return true;
  }

  bool ReadBracket(std::vector<Step>* steps) {
    Take("[");
    SkipBlanks();
    Step step;
    bool good = true;
    if (Take("*")) {
      step.kind = Step::Kind::kAll;
    } else if (Take("?")) {
      good = ReadFilter(&step);
    } else if (Peek() == '\'' || Peek() == '"') {
      good = ReadNames(&step);
    } else {
      good = ReadSlices(&step);
    }
    if (!good) return false;
    SkipBlanks();
    if (!Take("]")) return Fail("']' is expected");
    steps->push_back(std::move(step));
    return true;
  }

  bool ReadNames(Step* step) {
    step->kind = Step::Kind::kNames;
    do {
      SkipBlanks();
      if (!ReadQuoted(&step->names.emplace_back())) return false;
      SkipBlanks();
    } while (Take(","));
    return true;
  }

  bool ReadQuoted(std::string* out) {
    const char quote = Peek();
    if (quote != '\'' && quote != '"') return Fail("a quote is expected");
    for (++at_; Peek() != quote; *out += text_[at_++]) {
      Take("\\");
      if (AtEnd()) return Fail("the closing quote is missing");
    }
    ++at_;
    return true;
  }

  bool ReadSlices(Step* step) {
    step->kind = Step::Kind::kSlices;
    do {
      if (!ReadSlice(&step->slices.emplace_back())) return false;
      SkipBlanks();
    } while (Take(","));
    return true;
  }

  bool ReadSlice(Step::Slice* slice) {
    std::optional<int64_t> step;
    if (!ReadInteger(&slice->from)) return false;
    SkipBlanks();
    if (!Take(":")) {
      if (!slice->from) return Fail("an index, a name in quotes, '*' or '?(' is expected");
      if (*slice->from != -1) slice->to = *slice->from + 1;  // to 0 would be to the start
      return true;
    }
    if (!ReadInteger(&slice->to)) return false;
    SkipBlanks();
    if (Take(":") && !ReadInteger(&step)) return false;
    slice->step = step.value_or(1);
    return slice->step > 0 || Fail("the step must be above 0");
  }

  // An integer, or none; false when it is beyond all arrays.
  bool ReadInteger(std::optional<int64_t>* out) {
    SkipBlanks();
    int32_t number = 0;
    const char* const first = text_.data() + at_;
    const auto [end, error] = std::from_chars(first, text_.data() + text_.size(), number);
    if (error == std::errc::result_out_of_range) return Fail("the number is too large");
    if (error == std::errc()) *out = number;
    at_ += static_cast<size_t>(end - first);
    return true;
  }

  bool ReadFilter(Step* step) {
    if (++filter_depth_ > kMaxFilterDepth) return Fail("too many filters within filters");
    step->kind = Step::Kind::kFilter;
    if (!Take("(")) return Fail("'(' is expected");
    auto filter = std::make_shared<Filter>();
    if (!ReadOperand(&filter->left)) return false;
    SkipBlanks();
    if (Peek() == ')') {
      if (!filter->left.is_path) return Fail("a comparison is expected");
    } else if (!ReadOperator(&filter->op) || !ReadOperand(&filter->right)) {
      return false;
    }
    SkipBlanks();
    if (!Take(")")) return Fail("')' is expected");
    step->filter = std::move(filter);
    --filter_depth_;
    return true;
  }

  bool ReadOperator(Filter::Op* op) {
    using enum Filter::Op;
    static constexpr std::pair<std::string_view, Filter::Op> kOperators[] = {
        {"==", kEqual},          {"!=", kNotEqual}, {"<=", kLessOrEqual},
        {">=", kGreaterOrEqual}, {"<", kLess},      {">", kGreater}};
    for (const auto& [text, meaning] : kOperators) {
      if (!Take(text)) continue;
      *op = meaning;
      return true;
    }
    return Fail("')' or one of == != < > <= >= is expected");
  }

  bool ReadOperand(Filter::Operand* operand) {
    SkipBlanks();
    if (Peek() == '@' || Peek() == '$') {
      operand->is_path = true;
      operand->from_root = Peek() == '$';
      ++at_;
      return ReadSteps(&operand->steps);
    }
    if (Peek() == '\'' || Peek() == '"') {
      std::string text;
      if (!ReadQuoted(&text)) return false;
      operand->literal = Value(std::move(text));
      return true;
    }
    const size_t length = std::min(text_.find_first_of(" \t)=!<>", at_), text_.size()) - at_;
    // A number, true, false or null, as JSON writes them.
    Result<Value> literal = Parse(text_.substr(at_, length));
    if (!literal || literal->IsArray() || literal->IsObject() || literal->IsString())
      return Fail("'@', '$', a text in quotes, a number, true or false is expected");
    operand->literal = std::move(*literal);
    at_ += length;
    return true;
  }

  const std::string_view text_;
  size_t at_ = 0;
  int filter_depth_ = 0;
  const char* problem_ = "";
};

}  // namespace

Result<std::vector<JsonPathStep>> CompileJsonPath(std::string_view text) {
  if (text.size() > kMaxText) return Error{Code::kInvalid, "JSONPath of more than 4096 characters"};
  return Compiler(text).Run();
}

}  // namespace leat::json
