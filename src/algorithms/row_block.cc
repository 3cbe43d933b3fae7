#include "algorithms/row_block.h"

#include "algorithms/number.h"

namespace leat::algorithms {
namespace {

std::string Plain(double value) {
  std::string text = PrintNumber(value);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text;
}

}  // namespace

std::string LabelRule::Explain(double label) const {
  std::string wanted = whole ? "a whole number" : "a number";
  if (std::isfinite(min) && std::isfinite(max))
    wanted += " from " + Plain(min) + " to " + Plain(max);
  else if (std::isfinite(min))
    wanted += (above_min ? " greater than " : " of at least ") + Plain(min);
  std::string text = "label " + Plain(label) + " is not " + wanted;
  if (!reason.empty()) text += " (" + reason + ")";
  return text;
}

}  // namespace leat::algorithms
