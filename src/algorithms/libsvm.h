// LIBSVM text: `label[:weight] [qid:group] column:value ...`, blanks between, columns counted from
// 0, `#` starts a comment. Columns may come in any order, each at most once a row.
#pragma once

#include <string_view>

#include "algorithms/row_block.h"

namespace leat::algorithms {

// Parses the whole lines in `text` into the empty `block`; on failure false, with the first row
// that is wrong in `wrong`. Thread-safe.
bool ParseLibsvm(std::string_view text, const LabelRule& label_rule, RowBlock& block,
                 RowError& wrong);

}  // namespace leat::algorithms
