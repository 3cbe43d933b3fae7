// CSV of training data: no crash, and a block whose parts fit together.
#include <cstdint>

#include "algorithms/csv.h"

using leat::algorithms::CountCsvFields;
using leat::algorithms::CsvLayout;
using leat::algorithms::ParseCsv;
using leat::algorithms::RowBlock;
using leat::algorithms::RowError;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  // A copy of its own size, so that reading one byte too far is seen.
  const std::vector<char> bytes(data + 1, data + size);
  const std::string_view text(bytes.data(), bytes.size());
  CsvLayout layout;
  layout.label = (data[0] & 1) != 0;
  layout.weight = (data[0] & 2) != 0;
  if ((data[0] & 4) != 0) layout.label_rule = {.min = 0, .max = 9, .whole = true};
  const size_t fields = CountCsvFields(text);
  RowBlock block;
  RowError wrong;
  if (!ParseCsv(text, layout, fields, block, wrong)) {
    LEAT_CHECK(!wrong.message.empty(), "a refusal without a reason");
    return 0;
  }
  const size_t columns = fields - layout.LeadingColumns();
  LEAT_CHECK(block.values.size() == block.rows * columns, "values do not fill the rows");
  LEAT_CHECK(block.entries <= block.values.size(), "more entries than values");
  LEAT_CHECK(block.labels.size() == (layout.label ? block.rows : 0), "a label is missing");
  LEAT_CHECK(block.weights.size() == (layout.weight ? block.rows : 0), "a weight is missing");
  for (const float label : block.labels)
    LEAT_CHECK(layout.label_rule.Allows(label), "a label outside the rule");
  return 0;
}
