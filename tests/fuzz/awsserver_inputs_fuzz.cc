// What clients send: a JSON request of SageMaker or Logs held against the shapes, or a filter
// pattern (first line) and a message, which are taken for a range of an S3 object, too.
#include <cstdint>

#include "awsserver/logs_filter_pattern.h"
#include "awsserver/logs_shapes.h"
#include "awsserver/s3_conditions.h"
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

void CheckRanges(std::string_view text) {
  net::Headers headers;
  headers.Add("x-amz-copy-source-range", text);
  for (const uint64_t size : {uint64_t{0}, uint64_t{10}, uint64_t{1} << 40}) {
    for (const auto& range : {CopyRange(headers, size), RequestedRange(text, size)}) {
      if (!range || !*range) continue;
      LEAT_CHECK((*range)->size > 0, "a range of nothing");
      LEAT_CHECK((*range)->offset + (*range)->size <= size, "a range beyond the object");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto input = json::Parse(text)) {
    CheckRequest(*input);
  } else {
    CheckPattern(text);
    CheckRanges(text);
  }
  return 0;
}
