#include "algorithms/libsvm.h"

#include <algorithm>
#include <charconv>
#include <numeric>

#include "algorithms/lines.h"
#include "algorithms/number.h"

namespace leat::algorithms {
namespace {

constexpr uint32_t kMaxColumn = (1u << 31) - 2;  // XGBoost counts columns in 32 bits

// The next run of non-blanks at the front of `rest`, taken off it; empty at the end.
std::string_view TakeToken(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.size(), rest.find_first_not_of(" \t")));
  const std::string_view token = rest.substr(0, rest.find_first_of(" \t"));
  rest.remove_prefix(token.size());
  return token;
}

bool ParseIndex(std::string_view text, uint32_t& index) {
  const char* end = text.data() + text.size();
  const auto [next, error] = std::from_chars(text.data(), end, index);
  return error == std::errc() && next == end && !text.empty();
}

bool ParseValue(std::string_view text, float& value) {
  const Number number = ParseNumber(text);
  value = number.value;
  return number.kind == NumberKind::kNumber ||
         (number.kind == NumberKind::kMissing && !text.empty());
}

class RowReader {
 public:
  RowReader(const LabelRule& rule, RowBlock& block) : rule_(rule), block_(block) {}

  // Empty, or what is wrong with the row.
  std::string Read(std::string_view rest) {
    if (std::string wrong = ReadLabel(TakeToken(rest)); !wrong.empty()) return wrong;
    const size_t start = block_.values.size();
    bool first = true;
    for (std::string_view token; !(token = TakeToken(rest)).empty(); first = false) {
      const bool group = first && token.starts_with("qid:");
      if (std::string wrong = group ? ReadGroup(token) : ReadEntry(token); !wrong.empty())
        return wrong;
    }
    if (std::string wrong = Sort(start); !wrong.empty()) return wrong;
    block_.row_starts.push_back(block_.values.size());
    ++block_.rows;
    if (!block_.groups.empty() && block_.groups.size() != block_.rows)
      return "the row has no qid, and an earlier row has one";
    return "";
  }

 private:
  std::string ReadLabel(std::string_view token) {
    const size_t colon = token.find(':');
    const std::string_view label = token.substr(0, colon);
    const Number number = ParseNumber(label);
    if (number.kind != NumberKind::kNumber)
      return "the label " + Quoted(label) + " is not a number";
    if (!rule_.Allows(number.value)) return rule_.Explain(number.value);
    block_.labels.push_back(number.value);
    if (colon == std::string_view::npos) {
      if (!block_.weights.empty()) return "the row has no weight, and an earlier row has one";
      return "";
    }
    if (block_.weights.size() != block_.rows)
      return "the row has a weight (label:weight), and an earlier row has none";
    const Number weight = ParseNumber(token.substr(colon + 1));
    if (weight.kind != NumberKind::kNumber || weight.value < 0)
      return "the weight in " + Quoted(token) + " is not a number of at least 0";
    block_.weights.push_back(weight.value);
    return "";
  }

  std::string ReadGroup(std::string_view token) {
    uint32_t group = 0;
    if (!ParseIndex(token.substr(4), group)) return Quoted(token) + " is not a qid";
    if (block_.groups.size() != block_.rows)
      return "the row has a qid, and an earlier row has none";
    block_.groups.push_back(group);
    return "";
  }

  std::string ReadEntry(std::string_view token) {
    const size_t colon = token.find(':');
    uint32_t column = 0;
    float value = 0;
    if (colon == std::string_view::npos || !ParseIndex(token.substr(0, colon), column) ||
        !ParseValue(token.substr(colon + 1), value))
      return Quoted(token) + " is not column:value";
    if (column > kMaxColumn) return "column " + std::to_string(column) + " is too large";
    block_.columns.push_back(column);
    block_.values.push_back(value);
    block_.column_count = std::max<size_t>(block_.column_count, column + size_t{1});
    if (value == value) ++block_.entries;  // NaN is missing
    return "";
  }

  // Puts the entries from `start` on in the order of their columns.
  std::string Sort(size_t start) {
    auto& columns = block_.columns;
    if (!std::is_sorted(columns.begin() + static_cast<ptrdiff_t>(start), columns.end())) {
      std::vector<std::pair<uint32_t, float>> entries;
      for (size_t i = start; i < columns.size(); ++i)
        entries.emplace_back(columns[i], block_.values[i]);
      std::sort(entries.begin(), entries.end(),
                [](const auto& a, const auto& b) { return a.first < b.first; });
      for (size_t i = 0; i < entries.size(); ++i) {
        columns[start + i] = entries[i].first;
        block_.values[start + i] = entries[i].second;
      }
    }
    const auto twice =
        std::adjacent_find(columns.begin() + static_cast<ptrdiff_t>(start), columns.end());
    if (twice != columns.end()) return "column " + std::to_string(*twice) + " is given twice";
    return "";
  }

  const LabelRule& rule_;
  RowBlock& block_;
};

}  // namespace

bool ParseLibsvm(std::string_view text, const LabelRule& label_rule, RowBlock& block,
                 RowError& wrong) {
  block.row_starts.push_back(0);
  RowReader reader(label_rule, block);
  Lines lines(text);
  std::string_view line;
  while (lines.Next(line)) {
    line = line.substr(0, line.find('#'));
    if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
    if (std::string message = reader.Read(line); !message.empty()) {
      wrong = {lines.number(), std::move(message)};
      return false;
    }
  }
  return true;
}

}  // namespace leat::algorithms
