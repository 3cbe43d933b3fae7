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
  Walker(const Value& root, int budget) : root_(root), budget_(budget) {}

  Values Walk(const Value& from, const std::vector<Step>& steps) {
    Values found{&from};
    for (const Step& step : steps) {
      Values next;
      for (const Value* value : found)
        Follow(*value, step, [&](const Value& match) {
          next.push_back(&match);
          return true;
        });
      found = std::move(next);
    }
    return found;
  }

  // The first of what Walk finds, without looking for the others; or nullptr.
  const Value* First(const Value& from, const Step* step, const Step* end) {
    if (step == end) return &from;
    const Value* first = nullptr;
    Follow(from, *step, [&](const Value& match) {
      first = First(match, step + 1, end);
      return first == nullptr;
    });
    return first;
  }

 private:
  // False once the whole walk has looked at enough: paths like ..*..*..* grow without bound.
  bool Spend() { return budget_ > 0 && budget_-- > 0; }

  // Calls visit with each match in order, until it says false; false then, and without budget.
  template <class Visit>
  bool Follow(const Value& value, const Step& step, const Visit& visit) {
    switch (step.kind) {
      case Step::Kind::kNames:
        for (const std::string& name : step.names)
          if (const Value* member = value.Find(name); member && !(Spend() && visit(*member)))
            return false;
        return true;
      case Step::Kind::kSlices:
        for (const Step::Slice& slice : step.slices)
          if (!FollowSlice(value.Items(), slice, visit)) return false;
        return true;
      case Step::Kind::kAll:
        return ForEachChild(value, visit);
      case Step::Kind::kDescend:
        return Descend(value, visit);
      case Step::Kind::kFilter:
        for (const Value& item : value.Items()) {
          if (!Spend()) return false;
          if (Holds(*step.filter, item) && !visit(item)) return false;
        }
        return true;
    }
    return true;
  }

  template <class Visit>
  bool ForEachChild(const Value& value, const Visit& visit) {
    for (const Value& item : value.Items())
      if (!(Spend() && visit(item))) return false;
    for (const Member& member : value.Members())
      if (!(Spend() && visit(member.value))) return false;
    return true;
  }

  template <class Visit>
  bool Descend(const Value& value, const Visit& visit) {
    return visit(value) &&
           ForEachChild(value, [&](const Value& child) { return Descend(child, visit); });
  }

  template <class Visit>
  bool FollowSlice(const ArrayItems& items, const Step::Slice& slice, const Visit& visit) {
    const int64_t size = std::ssize(items);
    const auto at = [&](int64_t index) {
      return std::clamp<int64_t>(index < 0 ? index + size : index, 0, size);
    };
    const int64_t to = slice.to ? at(*slice.to) : size;
    for (int64_t i = at(slice.from.value_or(0)); i < to; i += slice.step)
      if (!(Spend() && visit(items[static_cast<size_t>(i)]))) return false;
    return true;
  }

  // The first value that the operand stands for, or nullptr.
  const Value* Resolve(const Filter::Operand& operand, const Value& item) {
    if (!operand.is_path) return &operand.literal;
    const Step* const first = operand.steps.data();
    return First(operand.from_root ? root_ : item, first, first + operand.steps.size());
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
  int budget_;
};

}  // namespace

Result<JsonPath> JsonPath::Compile(std::string_view text) {
  Result<Steps> steps = CompileJsonPath(text);
  if (!steps) return steps.error();
  return JsonPath(std::make_shared<const Steps>(std::move(*steps)));
}

Values JsonPath::Find(const Value& root) const {
  return Walker(root, 1'000'000).Walk(root, *steps_);
}

const Value* JsonPath::FindFirst(const Value& root) const {
  return Walker(root, 10'000).First(root, steps_->data(), steps_->data() + steps_->size());
}

}  // namespace leat::json
