#include "algorithms/computed_metrics.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "base/strings.h"

namespace leat::algorithms {
namespace {

// How often each class was said, was right to say, and was both.
struct ClassCounts {
  explicit ClassCounts(size_t classes) : said(classes), real(classes), hit(classes) {}

  std::vector<uint64_t> said, real, hit;
  uint64_t rows = 0;
};

double Ratio(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

double Precision(const ClassCounts& counts, size_t c) {
  return Ratio(counts.hit[c], counts.said[c]);
}
double Recall(const ClassCounts& counts, size_t c) { return Ratio(counts.hit[c], counts.real[c]); }
double F1(const ClassCounts& counts, size_t c) {
  return Ratio(2 * counts.hit[c], counts.said[c] + counts.real[c]);
}

// Over all classes together precision and recall are the same: the share of rows that are right.
double Accuracy(const ClassCounts& counts) {
  uint64_t right = 0;
  for (const uint64_t hit : counts.hit) right += hit;
  return Ratio(right, counts.rows);
}

// The mean over the classes that occur, in the labels or in what was said.
template <double (*Of)(const ClassCounts&, size_t)>
double Macro(const ClassCounts& counts) {
  double sum = 0;
  uint64_t classes = 0;
  for (size_t c = 0; c < counts.real.size(); ++c) {
    if (counts.said[c] + counts.real[c] == 0) continue;
    sum += Of(counts, c);
    ++classes;
  }
  return classes == 0 ? 0 : sum / static_cast<double>(classes);
}

// The mean recall of the classes that occur in the labels.
double BalancedAccuracy(const ClassCounts& counts) {
  double sum = 0;
  uint64_t classes = 0;
  for (size_t c = 0; c < counts.real.size(); ++c) {
    if (counts.real[c] == 0) continue;
    sum += Recall(counts, c);
    ++classes;
  }
  return classes == 0 ? 0 : sum / static_cast<double>(classes);
}

template <double (*Of)(const ClassCounts&, size_t)>
double OfClassOne(const ClassCounts& counts) {
  return Of(counts, 1);
}

double SquaredErrors(const std::vector<float>& said, const std::vector<float>& labels) {
  double sum = 0;
  for (size_t row = 0; row < labels.size(); ++row) {
    const double error = static_cast<double>(said[row]) - static_cast<double>(labels[row]);
    sum += error * error;
  }
  return sum;
}

double MeanSquaredError(const std::vector<float>& said, const std::vector<float>& labels) {
  return SquaredErrors(said, labels) / static_cast<double>(labels.size());
}

double R2(const std::vector<float>& said, const std::vector<float>& labels) {
  if (labels.size() < 2) return std::nan("");
  double mean = 0;
  for (const float label : labels) mean += static_cast<double>(label);
  mean /= static_cast<double>(labels.size());
  double spread = 0;
  for (const float label : labels) {
    const double away = static_cast<double>(label) - mean;
    spread += away * away;
  }
  const double errors = SquaredErrors(said, labels);
  if (spread == 0) return errors == 0 ? 1 : 0;
  return 1 - errors / spread;
}

// Which objectives a metric is for.
enum class For { kClasses, kTwoClasses, kValues };

struct Row {
  std::string_view name;
  For what;
  double (*of_classes)(const ClassCounts&) = nullptr;
  double (*of_values)(const std::vector<float>&, const std::vector<float>&) = nullptr;
};

constexpr Row kTable[] = {
    {.name = "accuracy", .what = For::kClasses, .of_classes = Accuracy},
    {.name = "balanced_accuracy", .what = For::kClasses, .of_classes = BalancedAccuracy},
    {.name = "f1", .what = For::kClasses, .of_classes = Macro<F1>},
    {.name = "f1_binary", .what = For::kTwoClasses, .of_classes = OfClassOne<F1>},
    {.name = "f1_macro", .what = For::kClasses, .of_classes = Macro<F1>},
    {.name = "mse", .what = For::kValues, .of_values = MeanSquaredError},
    {.name = "precision", .what = For::kTwoClasses, .of_classes = OfClassOne<Precision>},
    {.name = "precision_macro", .what = For::kClasses, .of_classes = Macro<Precision>},
    {.name = "precision_micro", .what = For::kClasses, .of_classes = Accuracy},
    {.name = "r2", .what = For::kValues, .of_values = R2},
    {.name = "recall", .what = For::kTwoClasses, .of_classes = OfClassOne<Recall>},
    {.name = "recall_macro", .what = For::kClasses, .of_classes = Macro<Recall>},
    {.name = "recall_micro", .what = For::kClasses, .of_classes = Accuracy},
};

const Row* Find(std::string_view name) {
  const auto* row = std::find_if(std::begin(kTable), std::end(kTable),
                                 [&](const Row& each) { return each.name == name; });
  return row == std::end(kTable) ? nullptr : row;
}

// The class that a row's numbers say.
size_t ClassOf(const MetricTask& task, const float* numbers, size_t outputs) {
  if (outputs > 1)
    return static_cast<size_t>(std::max_element(numbers, numbers + outputs) - numbers);
  if (task.num_class > 0) return static_cast<size_t>(*numbers);
  return *numbers > (task.objective == "binary:logitraw" ? 0.0F : 0.5F) ? 1 : 0;
}

ClassCounts Count(const MetricTask& task, const Prediction& prediction,
                  const std::vector<float>& labels) {
  ClassCounts counts(static_cast<size_t>(std::max(task.num_class, 2)));
  for (size_t row = 0; row < labels.size(); ++row) {
    const size_t said =
        ClassOf(task, prediction.values.data() + row * prediction.outputs, prediction.outputs);
    const auto real = static_cast<size_t>(labels[row]);
    ++counts.said[said];
    ++counts.real[real];
    if (said == real) ++counts.hit[real];
  }
  counts.rows = labels.size();
  return counts;
}

}  // namespace

std::string ComputedMetricNames() {
  std::string names;
  for (const Row& row : kTable) names += (names.empty() ? "" : " ") + std::string(row.name);
  return names;
}

bool IsComputedMetric(std::string_view name) { return Find(name) != nullptr; }

bool ComparesClasses(std::string_view name) {
  const Row* row = Find(name);
  return row != nullptr && row->of_classes != nullptr;
}

Status CheckComputedMetric(std::string_view name, const MetricTask& task) {
  const bool binary = task.objective.starts_with("binary:");
  const bool multi = task.objective.starts_with("multi:");
  const auto refuse = [&](const char* wanted) {
    return Error{Code::kInvalid, "metric " + std::string(name) + " is for " + wanted +
                                     ", and objective is " + task.objective};
  };
  switch (Find(name)->what) {
    case For::kClasses:
      if (!binary && !multi) return refuse("the objectives binary:* and multi:*");
      break;
    case For::kTwoClasses:
      if (!binary && task.num_class != 2)
        return refuse(
            "two classes (binary:*, or multi:* with num_class 2); f1_macro, precision_macro and "
            "recall_macro are for more of them");
      break;
    case For::kValues:
      if (!binary && !task.objective.starts_with("reg:") && task.objective != "count:poisson")
        return refuse("the objectives reg:*, count:poisson and binary:*");
      break;
  }
  return {};
}

double ComputeMetric(std::string_view name, const MetricTask& task, const Prediction& prediction,
                     const std::vector<float>& labels) {
  const Row* row = Find(name);
  if (row->of_values != nullptr) return row->of_values(prediction.values, labels);
  return row->of_classes(Count(task, prediction, labels));
}

bool MoreIsBetter(std::string_view metric) {
  if (const Row* row = Find(metric)) return row->name != "mse";
  if (const auto cut = Cut(metric, "@")) metric = cut->first;
  if (metric.ends_with('-')) metric.remove_suffix(1);
  return metric == "auc" || metric == "aucpr" || metric == "map" || metric == "ndcg";
}

}  // namespace leat::algorithms
