// LIBSVM training data: no crash, and a sparse block whose parts fit together.
#include <cstdint>

#include "algorithms/libsvm.h"

using leat::algorithms::ParseLibsvm;
using leat::algorithms::RowBlock;
using leat::algorithms::RowError;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::vector<char> bytes(data, data + size);  // of its own size: see the CSV target
  RowBlock block;
  RowError wrong;
  if (!ParseLibsvm({bytes.data(), bytes.size()}, {}, block, wrong)) {
    LEAT_CHECK(!wrong.message.empty(), "a refusal without a reason");
    return 0;
  }
  LEAT_CHECK(block.row_starts.size() == block.rows + 1, "a row has no start");
  LEAT_CHECK(block.row_starts.back() == block.values.size(), "the rows do not end at the end");
  LEAT_CHECK(block.columns.size() == block.values.size(), "a value has no column");
  LEAT_CHECK(block.labels.size() == block.rows, "a label is missing");
  LEAT_CHECK(block.weights.empty() || block.weights.size() == block.rows, "a weight is missing");
  LEAT_CHECK(block.groups.empty() || block.groups.size() == block.rows, "a qid is missing");
  for (size_t row = 0; row < block.rows; ++row)
    for (uint64_t i = block.row_starts[row] + 1; i < block.row_starts[row + 1]; ++i)
      LEAT_CHECK(block.columns[i - 1] < block.columns[i], "columns out of order");
  return 0;
}
