#include "algorithms/hyperparameters.h"

#include <algorithm>

#include "algorithms/hyperparameter_table.h"
#include "base/strings.h"

namespace leat::algorithms {
namespace {

using Given = std::map<std::string, std::string>;

std::string Get(const Given& given, const std::string& name, std::string fallback = {}) {
  const auto found = given.find(name);
  return found == given.end() ? std::move(fallback) : std::string(Trim(found->second));
}

// The value has passed the table's check already.
int GetInt(const Given& given, const std::string& name, int fallback) {
  const auto found = given.find(name);
  if (found == given.end()) return fallback;
  return static_cast<int>(ParseInt(Trim(found->second)).value_or(fallback));
}

Error Refuse(std::string message) { return Error{Code::kInvalid, std::move(message)}; }

Error Unknown(const std::string& name) {
  if (name.starts_with("sagemaker_"))
    return Refuse("Hyperparameter " + name +
                  ": script mode is not supported; this algorithm is XGBoost itself");
  if (name == "_kfold" || name == "_num_cv_round")
    return Refuse("Hyperparameter " + name +
                  ": cross-validation is not supported; give a validation channel instead");
  if (name.starts_with("aft_"))
    return Refuse("Hyperparameter " + name +
                  ": survival:aft needs a lower and an upper bound for each row, which CSV and "
                  "libsvm cannot carry; use survival:cox");
  std::string message = "Extraneous hyperparameter found: " + name;
  if (const auto nearest = NearestHyperparameter(name); !nearest.empty())
    message += "; did you mean " + std::string(nearest) + "?";
  return Refuse(message);
}

Status CheckEach(const Given& given) {
  for (const auto& [name, value] : given) {
    const HyperparameterRow* row = FindHyperparameter(name);
    if (row == nullptr) return Unknown(name);
    if (name == "objective" && Trim(value) == "survival:aft") return Unknown("aft_objective");
    if (name == "tree_method" && Trim(value) == "gpu_hist")
      return Refuse(
          "Hyperparameter tree_method: gpu_hist needs an XGBoost built for GPUs, and this "
          "one is not; use hist");
    if (auto checked = CheckValue(*row, Trim(value)); !checked) return checked;
  }
  return {};
}

// What no single value shows.
Status CheckTogether(const Given& given) {
  if (!given.contains("num_round")) return Refuse("Missing required hyperparameter: num_round");
  const std::string objective = Get(given, "objective");
  const bool multi = objective.starts_with("multi:");
  if (multi && !given.contains("num_class"))
    return Refuse("Missing required hyperparameter: num_class (objective is " + objective + ")");
  if (!multi && given.contains("num_class"))
    return Refuse(
        "Hyperparameter num_class: only the objectives multi:softmax and multi:softprob "
        "take it, and objective is " +
        (objective.empty() ? "reg:squarederror" : objective));
  if (Get(given, "process_type") == "update")
    return Refuse(
        "Hyperparameter process_type: update needs a model to start from, and training "
        "here starts from nothing; use default");
  const bool probability = objective == "binary:logistic" || objective == "reg:logistic";
  if (probability && given.contains("base_score")) {
    const double score = ParseDouble(Get(given, "base_score")).value_or(0);
    if (score <= 0 || score >= 1)
      return Refuse("Hyperparameter base_score: value '" + Get(given, "base_score") +
                    "' must be greater than 0 and less than 1 for " + objective);
  }
  return {};
}

std::vector<std::string> Metrics(const Given& given, const std::string& objective) {
  std::vector<std::string> metrics;
  const auto add = [&](std::string_view name) {
    name = Trim(name);
    if (std::find(metrics.begin(), metrics.end(), name) == metrics.end())
      metrics.emplace_back(name);
  };
  if (const auto listed = given.find("eval_metric"); listed != given.end())
    for (const std::string_view name : Split(listed->second, ',')) add(name);
  if (metrics.empty() && objective.starts_with("multi:")) add("merror");
  if (metrics.empty() && objective == "binary:logistic") add("error");
  const std::string tuned = Get(given, "_tuning_objective_metric");
  if (const auto cut = Cut(tuned, ":"); cut && IsMetric(cut->second)) add(cut->second);
  return metrics;
}

std::string Verbosity(const Given& given) {
  if (given.contains("verbosity")) return Get(given, "verbosity");
  return Get(given, "silent") == "1" ? "0" : "1";
}

}  // namespace

bool Hyperparameters::GrowsFromBins() const {
  const auto is_updater = [](const auto& parameter) { return parameter.first == "updater"; };
  return booster != "gblinear" && tree_method == "hist" &&
         std::none_of(booster_parameters.begin(), booster_parameters.end(), is_updater);
}

Result<Hyperparameters> ParseHyperparameters(const Given& given, int cores) {
  if (auto checked = CheckEach(given); !checked) return checked.error();
  if (auto checked = CheckTogether(given); !checked) return checked.error();
  Hyperparameters parsed;
  parsed.num_round = GetInt(given, "num_round", 0);
  parsed.objective = Get(given, "objective", parsed.objective);
  if (parsed.objective == "reg:linear") parsed.objective = "reg:squarederror";
  parsed.num_class = GetInt(given, "num_class", 0);
  parsed.booster = Get(given, "booster", parsed.booster);
  parsed.tree_method = Get(given, "tree_method", "auto");
  if (parsed.tree_method == "auto") parsed.tree_method = "hist";
  parsed.max_bin = GetInt(given, "max_bin", parsed.max_bin);
  parsed.trees_per_round = parsed.booster == "gblinear" ? 0 : GetInt(given, "num_parallel_tree", 1);
  parsed.threads = GetInt(given, "nthread", cores);
  parsed.eval_metrics = Metrics(given, parsed.objective);
  parsed.early_stopping_rounds = GetInt(given, "early_stopping_rounds", 0);
  parsed.csv_weights = Get(given, "csv_weights") == "1";
  parsed.save_model_on_termination = Get(given, "save_model_on_termination") == "true";

  auto& out = parsed.booster_parameters;
  for (const auto& [name, value] : given) {
    const HyperparameterRow* row = FindHyperparameter(name);
    if (row->use == Use::kBooster) out.emplace_back(name, std::string(Trim(value)));
    if (row->use == Use::kNoEffect)
      parsed.notes.push_back("Hyperparameter " + name + " has no effect in this XGBoost version.");
  }
  out.emplace_back("objective", parsed.objective);
  if (parsed.num_class > 0) out.emplace_back("num_class", std::to_string(parsed.num_class));
  if (parsed.booster != "gblinear") out.emplace_back("tree_method", parsed.tree_method);
  out.emplace_back("nthread", std::to_string(parsed.threads));
  out.emplace_back("verbosity", Verbosity(given));
  for (const std::string& metric : parsed.eval_metrics) out.emplace_back("eval_metric", metric);
  return parsed;
}

LabelRule LabelsFor(const Hyperparameters& parameters) {
  const std::string& objective = parameters.objective;
  const std::string reason = "objective is " + objective;
  if (parameters.num_class > 0)
    return {.min = 0,
            .max = parameters.num_class - 1.0,
            .whole = true,
            .reason = "num_class is " + std::to_string(parameters.num_class)};
  if (objective.starts_with("binary:"))
    return {.min = 0, .max = 1, .whole = objective == "binary:hinge", .reason = reason};
  if (objective == "reg:logistic") return {.min = 0, .max = 1, .reason = reason};
  if (objective == "reg:gamma") return {.min = 0, .above_min = true, .reason = reason};
  if (objective == "reg:squaredlogerror") return {.min = -1, .above_min = true, .reason = reason};
  if (objective == "count:poisson" || objective == "reg:tweedie" || objective.starts_with("rank:"))
    return {.min = 0, .reason = reason};
  return {};
}

}  // namespace leat::algorithms
