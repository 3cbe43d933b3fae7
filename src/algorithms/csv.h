// SageMaker's text/csv: no header, one row a line, commas, the label first (then the weight, if
// asked for), every field a decimal number; an empty field or nan is a missing value. Blank lines
// are skipped; CRLF and a missing last newline are fine; quotes are refused.
#pragma once

#include <string_view>

#include "algorithms/row_block.h"

namespace leat::algorithms {

struct CsvLayout {
  bool label = true;    // the first column is the label
  bool weight = false;  // the row's weight is the first column after the label, if there is one
  LabelRule label_rule = {};

  size_t LeadingColumns() const { return (label ? 1 : 0) + (weight ? 1 : 0); }
};

// How many fields the first row in `text` has; 0 when there is no row in it.
size_t CountCsvFields(std::string_view text);

// Parses the whole lines in `text`, each of which must have `fields` fields, into the empty
// `block`; on failure false, with the first row that is wrong in `wrong`. Thread-safe.
bool ParseCsv(std::string_view text, const CsvLayout& layout, size_t fields, RowBlock& block,
              RowError& wrong);

}  // namespace leat::algorithms
