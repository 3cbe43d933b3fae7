#include "json/jsonpath.h"

#include <algorithm>

#include "json/jsonpath_step.h"

namespace leat::json {
namespace {

using Step = JsonPathStep;
using Filter = JsonPathFilter;
using Values = std::vector<const Value*>;

class Walker {
 public:
  explicit Walker(const Value& root) : root_(root) {}

  Values Walk(const Value& from, const std::vector<Step>& steps) {
    Values found{&from};
    for (const Step& step : steps) {
      Values next;
      for (const Value* value : found) Follow(*value, step, &next);
      found = std::move(next);
    }
    return found;
  }

 private:
  // False once the whole walk has looked at enough: paths like ..*..*..* grow without bound.
  bool Spend() { return budget_ > 0 && budget_-- > 0; }

  void Follow(const Value& value, const Step& step, Values* out) {
    switch (step.kind) {
      case Step::Kind::kNames:
        for (const std::string& name : step.names)
          if (const Value* member = value.Find(name); member && Spend()) out->push_back(member);
        return;
      case Step::Kind::kSlices:
        for (const Step::Slice& slice : step.slices) FollowSlice(value.Items(), slice, out);
        return;
      case Step::Kind::kAll:
        ForEachChild(value, [&](const Value& child) { out->push_back(&child); });
        return;
      case Step::Kind::kDescend:
        Descend(value, out);
        return;
      case Step::Kind::kFilter:
        for (const Value& item : value.Items())
          if (Spend() && Holds(*step.filter, item)) out->push_back(&item);
        return;
    }
  }

  template <class Visit>
  void ForEachChild(const Value& value, const Visit& visit) {
    for (const Value& item : value.Items())
      if (Spend()) visit(item);
    for (const Member& member : value.Members())
      if (Spend()) visit(member.value);
  }

  void Descend(const Value& value, Values* out) {
    out->push_back(&value);
    ForEachChild(value, [&](const Value& child) { Descend(child, out); });
  }

  void FollowSlice(const ArrayItems& items, const Step::Slice& slice, Values* out) {
    const int64_t size = std::ssize(items);
    const auto at = [&](int64_t index) {
      return std::clamp<int64_t>(index < 0 ? index + size : index, 0, size);
    };
    const int64_t to = slice.to ? at(*slice.to) : size;
    for (int64_t i = at(slice.from.value_or(0)); i < to && Spend(); i += slice.step)
      out->push_back(&items[static_cast<size_t>(i)]);
  }

  // The first value that the operand stands for, or nullptr.
  const Value* Resolve(const Filter::Operand& operand, const Value& item) {
    if (!operand.is_path) return &operand.literal;
    const Values found = Walk(operand.from_root ? root_ : item, operand.steps);
    return found.empty() ? nullptr : found.front();
  }

  bool Holds(const Filter& filter, const Value& item) {
    const Value* left = Resolve(filter.left, item);
    if (filter.op == Filter::Op::kExists) return left != nullptr;
    const Value* right = Resolve(filter.right, item);
    return left && right && Compare(*left, filter.op, *right);
  }

  // Order is defined between numbers and between texts only.
  static bool Compare(const Value& left, Filter::Op op, const Value& right) {
    const bool numbers = left.IsNumber() && right.IsNumber();
    const bool ordered = numbers || (left.IsString() && right.IsString());
    const auto less = [&](const Value& a, const Value& b) {
      return ordered && (numbers ? a.AsDouble() < b.AsDouble() : a.AsString() < b.AsString());
    };
    switch (op) {
      case Filter::Op::kExists:
        return true;
      case Filter::Op::kEqual:
        return left == right;
      case Filter::Op::kNotEqual:
        return !(left == right);
      case Filter::Op::kLess:
        return less(left, right);
      case Filter::Op::kLessOrEqual:
        return ordered && !less(right, left);
      case Filter::Op::kGreater:
        return less(right, left);
      case Filter::Op::kGreaterOrEqual:
        return ordered && !less(left, right);
    }
    return false;
  }

  const Value& root_;
  int budget_ = 1'000'000;
};

}  // namespace

Result<JsonPath> JsonPath::Compile(std::string_view text) {
  Result<Steps> steps = CompileJsonPath(text);
  if (!steps) return steps.error();
  return JsonPath(std::make_shared<const Steps>(std::move(*steps)));
}

Values JsonPath::Find(const Value& root) const { return Walker(root).Walk(root, *steps_); }

}  // namespace leat::json
