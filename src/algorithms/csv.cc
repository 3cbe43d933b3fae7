#include "algorithms/csv.h"

#include <algorithm>
#include <limits>

#include "algorithms/lines.h"
#include "algorithms/number.h"
#include "base/strings.h"

namespace leat::algorithms {
namespace {

constexpr char kDelimiter = ',';

size_t CountFields(std::string_view line) {
  return 1 + static_cast<size_t>(std::count(line.begin(), line.end(), kDelimiter));
}

// Why a row that has too few or too many fields has them, as far as one can tell.
std::string ExplainCount(std::string_view line, size_t fields) {
  const size_t found = CountFields(line);
  std::string text = "the row has " + std::to_string(found) + (found == 1 ? " field" : " fields") +
                     " and the first row has " + std::to_string(fields);
  if (found == 1 && line.find_first_of(";\t|") != std::string_view::npos)
    text += "; fields must be separated by commas";
  return text;
}

std::string ExplainField(std::string_view text, size_t field, NumberKind kind) {
  std::string where = "field " + std::to_string(field + 1) + ": " + Quoted(text);
  if (kind == NumberKind::kTooLarge) return where + " is not a finite 32-bit number";
  if (text.find('"') != std::string_view::npos)
    return where + " is quoted; write plain numbers without quotes";
  return where + " is not a number (SageMaker's CSV has no header, and numbers only)";
}

// One row's fields, read one after the other into where they belong.
class RowReader {
 public:
  RowReader(const CsvLayout& layout, size_t fields, RowBlock& block)
      : layout_(layout), fields_(fields), leading_(layout.LeadingColumns()), block_(block) {}

  // Empty, or what is wrong with the row.
  std::string Read(std::string_view line) {
    const char* at = line.data();
    const char* end = at + line.size();
    for (size_t field = 0;; ++field) {
      if (field == fields_) return ExplainCount(line, fields_);
      float value = 0;
      const char* next = ReadNumber(at, end, value);
      if (next == nullptr || (next != end && *next != kDelimiter)) {
        next = std::find(at, end, kDelimiter);
        const std::string_view text(at, static_cast<size_t>(next - at));
        const Number number = ParseNumber(text);
        value = number.value;
        if (number.kind == NumberKind::kMissing) {
          if (field < leading_)
            return IsLabel(field) ? "the label is empty" : "the weight is empty";
          ++missing_;
        } else if (number.kind != NumberKind::kNumber) {
          return ExplainField(text, field, number.kind);
        }
      }
      if (field >= leading_) {
        block_.values.push_back(value);
      } else if (std::string wrong = Lead(field, value); !wrong.empty()) {
        return wrong;
      }
      if (next == end) return field + 1 == fields_ ? "" : ExplainCount(line, fields_);
      at = next + 1;
    }
  }
  size_t missing() const { return missing_; }

 private:
  bool IsLabel(size_t field) const { return layout_.label && field == 0; }

  std::string Lead(size_t field, float value) {
    if (IsLabel(field)) {
      if (!layout_.label_rule.Allows(value)) return layout_.label_rule.Explain(value);
      block_.labels.push_back(value);
    } else {
      if (value < 0) return "weight " + PrintNumber(value) + " is negative";
      block_.weights.push_back(value);
    }
    return "";
  }

  const CsvLayout& layout_;
  const size_t fields_;
  const size_t leading_;
  RowBlock& block_;
  size_t missing_ = 0;
};

}  // namespace

size_t CountCsvFields(std::string_view text) {
  Lines lines(text);
  std::string_view line;
  return lines.Next(line) ? CountFields(line) : 0;
}

bool ParseCsv(std::string_view text, const CsvLayout& layout, size_t fields, RowBlock& block,
              RowError& wrong) {
  if (fields <= layout.LeadingColumns()) {
    wrong = {0, "a row has " + std::to_string(fields) + (fields == 1 ? " field" : " fields") +
                    ", so no features; fields must be separated by commas"};
    return false;
  }
  const size_t most_rows = CountLineEnds(text) + 1;
  const size_t columns = fields - layout.LeadingColumns();
  // A field takes at least one byte, so nothing that the text says can make this too large.
  block.values.reserve(std::min(most_rows * columns, text.size() + 1));
  if (layout.label) block.labels.reserve(most_rows);
  RowReader reader(layout, fields, block);
  Lines lines(text);
  std::string_view line;
  while (lines.Next(line)) {
    if (std::string message = reader.Read(line); !message.empty()) {
      wrong = {lines.number(), std::move(message)};
      return false;
    }
    ++block.rows;
  }
  block.column_count = columns;
  block.entries = block.values.size() - reader.missing();
  return true;
}

}  // namespace leat::algorithms
