#include "algorithms/hyperparameters.h"

#include <algorithm>

#include "algorithms/computed_metrics.h"
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

std::string ObjectiveOf(const Given& given) {
  const std::string objective = Get(given, "objective", "reg:squarederror");
  return objective == "reg:linear" ? "reg:squarederror" : objective;
}

Status CheckBaseScore(const Given& given) {
  if (!given.contains("base_score")) return {};
  const std::string objective = ObjectiveOf(given);
  const double score = ParseDouble(Get(given, "base_score")).value_or(0);
  // Of its logarithm XGBoost would make a model of infinities.
  const bool logarithm = objective == "count:poisson" || objective == "reg:gamma" ||
                         objective == "reg:tweedie" || objective == "survival:cox";
  const bool probability = objective == "binary:logistic" || objective == "reg:logistic";
  if ((!logarithm && !probability) || (score > 0 && (logarithm || score < 1))) return {};
  return Refuse("Hyperparameter base_score: value '" + Get(given, "base_score") +
                "' must be greater than 0" + (probability ? " and less than 1" : "") + " for " +
                objective);
}

// XGBoost grows with the first and forgets the others.
Status CheckUpdaters(const Given& given) {
  int growing = 0;
  const std::string updaters = Get(given, "updater");
  for (const std::string_view updater : Split(updaters, ','))
    if (Trim(updater).starts_with("grow_")) ++growing;
  if (growing <= 1) return {};
  return Refuse("Hyperparameter updater: value '" + updaters +
                "' names several that grow trees; choose one of them");
}

// What no single value shows.
Status CheckTogether(const Given& given) {
  if (!given.contains("num_round")) return Refuse("Missing required hyperparameter: num_round");
  const std::string objective = ObjectiveOf(given);
  const bool multi = objective.starts_with("multi:");
  if (multi && !given.contains("num_class"))
    return Refuse("Missing required hyperparameter: num_class (objective is " + objective + ")");
  if (!multi && given.contains("num_class"))
    return Refuse(
        "Hyperparameter num_class: only the objectives multi:softmax and multi:softprob "
        "take it, and objective is " +
        objective);
  if (Get(given, "process_type") == "update")
    return Refuse(
        "Hyperparameter process_type: update needs a model to start from, and training "
        "here starts from nothing; use default");
  if (Get(given, "booster") == "gblinear")
    for (const char* name : {"monotone_constraints", "interaction_constraints"})
      if (given.contains(name))
        return Refuse(std::string("Hyperparameter ") + name +
                      ": booster gblinear cannot be held to it; use gbtree or dart");
  if (auto checked = CheckUpdaters(given); !checked) return checked;
  return CheckBaseScore(given);
}

void AddOnce(std::string_view name, std::vector<std::string>& to) {
  if (std::find(to.begin(), to.end(), name) == to.end()) to.emplace_back(name);
}

// The metrics that were asked for, each checked against the objective.
Status ReadMetrics(const Given& given, Hyperparameters& parsed) {
  const auto add = [&](std::string_view hyperparameter, std::string_view name) -> Status {
    parsed.watched_metric = name;
    if (!IsComputedMetric(name)) {
      AddOnce(name, parsed.eval_metrics);
      return {};
    }
    AddOnce(name, parsed.computed_metrics);
    auto checked = CheckComputedMetric(name, {parsed.objective, parsed.num_class});
    if (!checked) return checked.error().Within("Hyperparameter " + std::string(hyperparameter));
    return {};
  };
  if (const auto listed = given.find("eval_metric"); listed != given.end())
    for (const std::string_view name : Split(listed->second, ','))
      if (auto added = add("eval_metric", Trim(name)); !added) return added;
  // The default comes before a tuned metric: it was printed without tuning, too.
  if (parsed.eval_metrics.empty() && parsed.release == ContainerRelease::kBefore13) {
    if (parsed.num_class > 0) parsed.eval_metrics = {"merror"};
    if (parsed.objective == "binary:logistic") parsed.eval_metrics = {"error"};
  }
  const auto tuned = given.find("_tuning_objective_metric");
  if (tuned == given.end()) return {};
  const auto cut = Cut(Trim(tuned->second), ":");
  if (!cut || cut->first != "validation" ||
      (!IsXgboostMetric(cut->second) && !IsComputedMetric(cut->second)))
    return Refuse("Hyperparameter _tuning_objective_metric: value '" + tuned->second +
                  "' must be validation: and one of these: " + MetricNames());
  return add("_tuning_objective_metric", cut->second);
}

Status ReadConstraints(const Given& given, Constraints& constraints) {
  if (const auto found = given.find("monotone_constraints"); found != given.end())
    if (auto read = ReadMonotone(found->second, constraints); !read) return read;
  if (const auto found = given.find("interaction_constraints"); found != given.end())
    if (auto read = ReadInteraction(found->second, constraints); !read) return read;
  return {};
}

// What a hyperparameter is when it is not given, as far as others depend on it.
std::string ValueInForce(const Given& given, const std::string& name) {
  if (name == "objective") return ObjectiveOf(given);
  std::string value = Get(given, name, name == "booster" ? "gbtree" : "");
  return name == "tree_method" && (value.empty() || value == "auto") ? "hist" : value;
}

// Why XGBoost pays no regard to a hyperparameter; "" when it does.
std::string NoEffect(const Given& given, const std::string& name) {
  const HyperparameterRow* row = FindHyperparameter(name);
  if (row->use == Use::kNoEffect) return "has no effect in this XGBoost version";
  const auto needs = Cut(row->works_with, "=");
  if (!needs) return "";
  const std::string other(needs->first);
  const auto values = Split(needs->second, ' ');
  if (std::find(values.begin(), values.end(), ValueInForce(given, other)) == values.end())
    return "has no effect: it works only with " + other + " " + Join(values, " or ");
  return NoEffect(given, other);
}

std::string Verbosity(const Given& given) {
  if (given.contains("verbosity")) return Get(given, "verbosity");
  return Get(given, "silent") == "1" ? "0" : "1";
}

// What XGBoost is told.
std::vector<std::pair<std::string, std::string>> ForXgboost(const Given& given,
                                                            const Hyperparameters& parsed) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& [name, value] : given)
    if (FindHyperparameter(name)->use == Use::kBooster)
      out.emplace_back(name, std::string(Trim(value)));
  out.emplace_back("objective", parsed.objective);
  if (parsed.num_class > 0) out.emplace_back("num_class", std::to_string(parsed.num_class));
  if (parsed.booster != "gblinear") out.emplace_back("tree_method", parsed.tree_method);
  out.emplace_back("nthread", std::to_string(parsed.threads));
  out.emplace_back("verbosity", Verbosity(given));
  const Constraints& constraints = parsed.constraints;
  if (!constraints.monotone.empty()) out.emplace_back("monotone_constraints", constraints.monotone);
  if (!constraints.interaction.empty())
    out.emplace_back("interaction_constraints", constraints.interaction);
  for (const std::string& metric : parsed.eval_metrics) out.emplace_back("eval_metric", metric);
  return out;
}

}  // namespace

bool Hyperparameters::GrowsFromBins() const {
  const auto is_updater = [](const auto& parameter) { return parameter.first == "updater"; };
  return booster != "gblinear" && tree_method == "hist" &&
         std::none_of(booster_parameters.begin(), booster_parameters.end(), is_updater);
}

Result<Hyperparameters> ParseHyperparameters(const Given& given, int cores,
                                             ContainerRelease release) {
  if (auto checked = CheckEach(given); !checked) return checked.error();
  if (auto checked = CheckTogether(given); !checked) return checked.error();
  Hyperparameters parsed{.release = release};
  parsed.num_round = GetInt(given, "num_round", 0);
  parsed.objective = ObjectiveOf(given);
  parsed.num_class = GetInt(given, "num_class", 0);
  parsed.booster = Get(given, "booster", parsed.booster);
  parsed.tree_method = Get(given, "tree_method", "auto");
  if (parsed.tree_method == "auto") parsed.tree_method = "hist";
  parsed.max_bin = GetInt(given, "max_bin", parsed.max_bin);
  parsed.trees_per_round = parsed.booster == "gblinear" ? 0 : GetInt(given, "num_parallel_tree", 1);
  parsed.threads = GetInt(given, "nthread", cores);
  if (auto read = ReadMetrics(given, parsed); !read) return read.error();
  if (auto read = ReadConstraints(given, parsed.constraints); !read) return read.error();
  parsed.early_stopping_rounds = GetInt(given, "early_stopping_rounds", 0);
  parsed.csv_weights = Get(given, "csv_weights") == "1";
  parsed.save_model_on_termination = Get(given, "save_model_on_termination") == "true";

  for (const auto& [name, value] : given)
    if (const std::string why = NoEffect(given, name); !why.empty())
      parsed.notes.push_back("Hyperparameter " + name + " " + why + ".");
  parsed.booster_parameters = ForXgboost(given, parsed);
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
  if (objective.starts_with("binary:")) {
    const auto& computed = parameters.computed_metrics;
    const auto compares = std::find_if(computed.begin(), computed.end(), ComparesClasses);
    const bool compared = compares != computed.end();
    return {
        .min = 0,
        .max = 1,
        .whole = objective == "binary:hinge" || compared,
        .reason = compared ? reason + ", and metric " + *compares + " compares classes" : reason};
  }
  if (objective == "reg:logistic") return {.min = 0, .max = 1, .reason = reason};
  if (objective == "reg:gamma") return {.min = 0, .above_min = true, .reason = reason};
  if (objective == "reg:squaredlogerror") return {.min = -1, .above_min = true, .reason = reason};
  if (objective == "count:poisson" || objective == "reg:tweedie" || objective.starts_with("rank:"))
    return {.min = 0, .reason = reason};
  return {};
}

}  // namespace leat::algorithms
