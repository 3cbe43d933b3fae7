// Hyperparameters of a job and the name of its image: no crash, a refusal with a reason, and
// constraints in XGBoost's form.
#include <cstdint>
#include <map>
#include <string>

#include "algorithms/hyperparameters.h"
#include "base/result.h"
#include "base/strings.h"

using leat::Cut;
using leat::Split;
using leat::algorithms::CheckColumns;
using leat::algorithms::ParseHyperparameters;
using leat::algorithms::ReleaseOf;

// The first line is the image, each other one name=value.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto lines = Split(text, '\n');
  std::map<std::string, std::string> given;
  for (size_t i = 1; i < lines.size(); ++i)
    if (const auto cut = Cut(lines[i], "=")) given.emplace(cut->first, cut->second);
  const auto parsed = ParseHyperparameters(given, 2, ReleaseOf(lines[0]));
  if (!parsed) {
    LEAT_CHECK(!parsed.error().message.empty(), "a refusal without a reason");
    return 0;
  }
  LEAT_CHECK(parsed->num_round > 0, "no rounds");
  const auto& constraints = parsed->constraints;
  LEAT_CHECK(constraints.monotone.empty() == (constraints.monotone_features == 0),
             "constraints of no feature");
  if (!CheckColumns(constraints, constraints.monotone_features))
    LEAT_CHECK(constraints.interaction_features > constraints.monotone_features,
               "constraints that do not fit their own features");
  return 0;
}
