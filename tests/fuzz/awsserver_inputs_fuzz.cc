// What clients of SageMaker and Logs send: a JSON request held against the shapes, or a filter
// pattern (first line) and a message.
#include <cstdint>

#include "awsserver/logs_filter_pattern.h"
#include "awsserver/logs_shapes.h"
#include "awsserver/sagemaker_shapes.h"

using namespace leat;
using namespace leat::awsserver;

namespace {

void CheckRequest(const json::Value& input) {
  static const ShapeChecker checker("ValidationException",
                                    {&shapes::kCreateTrainingJob, &shapes::kFilterLogEvents});
  const auto fits = checker.Check(shapes::kCreateTrainingJob, input);
  if (fits) {
    const std::string_view name = input["TrainingJobName"].AsString();
    LEAT_CHECK(!name.empty() && name.size() <= 63, "a name that the shape forbids");
    LEAT_CHECK(input["ResourceConfig"]["InstanceCount"].AsInt() >= 1, "a count it forbids");
  } else {
    LEAT_CHECK(!fits.error().message.empty(), "a refusal without a reason");
  }
  const auto query = checker.Check(shapes::kFilterLogEvents, input);
  if (query) LEAT_CHECK(input["logStreamNames"].size() <= 100, "more names than the shape allows");
}

void CheckPattern(std::string_view text) {
  const size_t cut = std::min(text.find('\n'), text.size());
  const auto pattern = FilterPattern::Parse(text.substr(0, cut));
  if (!pattern) return;
  const bool matches = pattern->Matches(text.substr(cut));
  LEAT_CHECK(matches || !pattern->MatchesAll(), "the pattern of all that refuses one");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto input = json::Parse(text)) {
    CheckRequest(*input);
  } else {
    CheckPattern(text);
  }
  return 0;
}
