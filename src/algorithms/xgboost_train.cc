#include "algorithms/xgboost_train.h"

#include <malloc.h>

#include <cstdio>
#include <optional>
#include <utility>

#include "algorithms/booster.h"
#include "algorithms/early_stopping.h"
#include "algorithms/evaluation.h"
#include "algorithms/number.h"
#include "algorithms/resources.h"
#include "base/strings.h"
#include "io/file.h"

namespace leat::algorithms {
namespace {

constexpr size_t kFailureBytes = 1024;  // SageMaker shows no more

std::string Megabytes(uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2fmb", static_cast<double>(bytes) / (1 << 20));
  return text;
}

// A channel whose files have been found.
struct ChannelFiles {
  const Channel& channel;
  DataFiles files;
};

Result<ChannelFiles> Find(const Channel& channel) {
  auto files = FindDataFiles(channel.dir);
  if (!files && files.error().code != Code::kNotFound)
    return files.error().Within("Channel " + channel.name);
  if (!files || files->paths.empty())
    return Error{Code::kInvalid, "Channel " + channel.name +
                                     " is empty: there are no data files in " + channel.dir +
                                     "; check the channel's s3Uri"};
  return ChannelFiles{channel, std::move(*files)};
}

Result<Dataset> Read(const ChannelFiles& found, const Hyperparameters& parameters,
                     TrainingLog& log) {
  const Channel& channel = found.channel;
  const bool csv = channel.format == TextFormat::kCsv;
  if (csv) log.Info("Determined delimiter of CSV input is ','");
  log.Stamped("S3DistributionType set as " + channel.distribution);
  const LabelRule labels = LabelsFor(parameters);
  auto data = ReadDataset(found.files.paths,
                          {.format = channel.format,
                           .csv = {.weight = parameters.csv_weights, .label_rule = labels},
                           .label_rule = labels,
                           .threads = parameters.threads});
  if (!data) return data.error().Within("Channel " + channel.name);
  std::string source = channel.dir;
  if (csv) source += "?format=csv&label_column=0";
  if (csv && parameters.csv_weights) source += "&weight_column=1";
  if (csv) source += "&delimiter=,";
  log.Stamped(std::to_string(data->rows) + "x" + std::to_string(data->columns) + " matrix with " +
              std::to_string(data->entries) + " entries loaded from " + source);
  return data;
}

Result<Matrix> MakeTrainMatrix(Dataset data, const Hyperparameters& parameters) {
  // Groups of rows (qid) are tried and tested with values only.
  if (!parameters.GrowsFromBins() || data.HasGroups())
    return Matrix::FromValues(std::move(data), parameters.threads);
  return Matrix::FromBins(std::move(data),
                          {.max_bin = parameters.max_bin, .threads = parameters.threads});
}

struct TrainingData {
  Matrix train;
  std::optional<Matrix> validation;
};

Result<TrainingData> Load(const TrainingInput& input, TrainingLog& log) {
  auto train_files = Find(input.train);
  if (!train_files) return train_files.error();
  std::optional<ChannelFiles> validation_files;
  if (input.validation) {
    auto found = Find(*input.validation);
    if (!found) return found.error();
    validation_files.emplace(std::move(*found));
  }
  const uint64_t bytes =
      train_files->files.bytes + (validation_files ? validation_files->files.bytes : 0);
  log.Info("File size need to be processed in the node: " + Megabytes(bytes) +
           ". Available memory size in the node: " + Megabytes(MemoryAvailable()));

  const Hyperparameters& parameters = input.hyperparameters;
  auto rows = Read(*train_files, parameters, log);
  if (!rows) return rows.error();
  const size_t columns = rows->columns;
  if (auto fit = CheckColumns(parameters.constraints, columns); !fit) return fit.error();
  auto train = MakeTrainMatrix(std::move(*rows), parameters);
  ::malloc_trim(0);  // training is the peak, and the values that were read are not needed any more
  if (!train) return train.error();
  TrainingData data{std::move(*train), std::nullopt};
  if (!validation_files) return data;

  auto held_out = Read(*validation_files, parameters, log);
  if (!held_out) return held_out.error();
  if (held_out->sparse ? held_out->columns > columns : held_out->columns != columns)
    return Error{Code::kInvalid, "Channel validation has " + std::to_string(held_out->columns) +
                                     " feature columns and channel train has " +
                                     std::to_string(columns) + "; they must have the same"};
  held_out->columns = columns;
  auto validation = Matrix::FromValues(std::move(*held_out), parameters.threads);
  ::malloc_trim(0);
  if (!validation) return validation.error();
  data.validation.emplace(std::move(*validation));
  return data;
}

// A model that is being trained, and which of its rounds are worth keeping.
class Training {
 public:
  Training(Booster booster, const TrainingData& data, const Hyperparameters& parameters,
           TrainingLog& log)
      : booster_(std::move(booster)), data_(data), parameters_(parameters), log_(log) {
    sets_.emplace_back("train", &data.train);
    if (data.validation) sets_.emplace_back("validation", &*data.validation);
  }

  // Boosts round after round, to the last one or a reason to end before it.
  Status Run(const Termination& termination) {
    bool going_on = true;
    while (going_on && rounds_ < parameters_.num_round && !termination.requested) {
      if (auto updated = booster_.Update(rounds_, data_.train); !updated) return updated;
      auto values = EvaluateRound(booster_, rounds_, sets_, parameters_);
      if (!values) return values.error();
      log_.Round(rounds_, *values);
      if (rounds_ == 0) Watch(*values);
      ++rounds_;
      auto more = GoesOn(*values);
      if (!more) return more.error();
      going_on = *more;
    }
    return {};
  }

  int rounds() const { return rounds_; }

  // The model of the best rounds, or of all when none is better than the last, with the attributes
  // that Python's xgboost.train leaves in a model. At least one round was done.
  Result<Booster> Finish() {
    const int best = stopping_ ? stopping_->best_round() : rounds_ - 1;
    auto model = ModelOf(best);
    if (!model) return model;
    if (best + 1 < rounds_)
      log_.Info("The model is that of round " + std::to_string(best) + ", the best by " + watched_ +
                "; the rounds after it are left out.");
    const int trees = (best + 1) * parameters_.trees_per_round;
    if (auto set = model->SetAttribute("best_iteration", std::to_string(best)); !set)
      return set.error();
    if (auto set = model->SetAttribute("best_ntree_limit", std::to_string(trees)); !set)
      return set.error();
    if (!stopping_) return model;
    if (auto set = model->SetAttribute("best_score", PrintNumber(stopping_->best_score())); !set)
      return set.error();
    return model;
  }

 private:
  // Finds out what early stopping watches, from the values of the first round.
  void Watch(const std::vector<MetricValue>& values) {
    const auto watched = WatchedOf(values, sets_, parameters_);
    const std::string rounds = std::to_string(parameters_.early_stopping_rounds);
    if (watched) {
      stopping_.emplace(EarlyStopping::Options{.rounds = parameters_.early_stopping_rounds,
                                               .more_is_better = watched->more_is_better});
      watched_index_ = watched->index;
      watched_ = values[watched->index].name;
      log_.Line("Will train until " + watched_ + " hasn't improved in " + rounds + " rounds.");
    } else if (parameters_.early_stopping_rounds > 0) {
      log_.Info("early_stopping_rounds is " + rounds +
                ", but training does not stop early: that needs a channel validation and a metric "
                "named by eval_metric.");
    }
  }

  Result<Booster> ModelOf(int best) {
    if (best + 1 == rounds_) return std::move(booster_);
    if (best_model_) return Booster::Load(*best_model_);
    return booster_.FirstRounds(best + 1);
  }

  // Takes the values of the round just done; false when it was the last.
  Result<bool> GoesOn(const std::vector<MetricValue>& values) {
    if (!stopping_) return true;
    const double value = values[watched_index_].value;
    const bool stop = stopping_->ShouldStop(rounds_ - 1, value);
    if (parameters_.RoundsChangeLater() && stopping_->best_round() == rounds_ - 1) {
      auto saved = booster_.Save();
      if (!saved) return saved.error();
      best_model_ = std::move(*saved);
    }
    if (stop)
      log_.Line("Stopping in round " + std::to_string(rounds_ - 1) + ". Best iteration: [" +
                std::to_string(stopping_->best_round()) + "] with " + watched_ + ":" +
                PrintNumber(stopping_->best_score()));
    return !stop;
  }

  Booster booster_;
  const TrainingData& data_;
  const Hyperparameters& parameters_;
  TrainingLog& log_;
  NamedMatrices sets_;
  int rounds_ = 0;  // done
  std::optional<EarlyStopping> stopping_;
  size_t watched_index_ = 0;
  std::string watched_;                    // "validation-auc"
  std::optional<std::string> best_model_;  // where later rounds change it: as of the best round
};

Status SaveModel(Booster& booster, const std::string& path) {
  auto bytes = booster.Save();
  if (!bytes) return bytes.error();
  if (auto made = io::MakeDirs(path.substr(0, path.rfind('/'))); !made) return made;
  return io::WriteFileAtomic(path, *bytes, 0644);
}

void WriteFailure(const std::string& root, const std::string& reason, TrainingLog& log) {
  const std::string dir = root + "/output";
  Status written = io::MakeDirs(dir);
  if (written)
    written =
        io::WriteFile(dir + "/failure", reason.substr(0, Utf8Floor(reason, kFailureBytes)), 0644);
  if (!written) log.Error("The failure file could not be written: " + written.error().message);
}

}  // namespace

Status TrainXgboost(const TrainingInput& input, const Termination& termination, TrainingLog& log) {
  const Hyperparameters& parameters = input.hyperparameters;
  for (const std::string& note : parameters.notes) log.Info(note);
  auto data = Load(input, log);
  if (!data) return data.error();
  std::vector<const Matrix*> matrices = {&data->train};
  if (data->validation) matrices.push_back(&*data->validation);
  auto booster = Booster::Create(parameters.booster_parameters, matrices);
  if (!booster) return booster.error();
  Training training(std::move(*booster), *data, parameters, log);
  if (auto run = training.Run(termination); !run) return run;
  if (training.rounds() == 0) {
    log.Info("Stopped before the first round was done; there is no model to save.");
    return {};
  }
  if (termination.requested)
    log.Info("Stopped on request after " + std::to_string(training.rounds()) +
             " rounds; saving the model.");
  auto model = training.Finish();
  if (!model) return model.error();
  return SaveModel(*model, input.ModelPath());
}

int RunTrainingJob(const std::string& root, ContainerRelease release, Termination& termination,
                   TrainingLog& log) {
  log.Info("Running standalone xgboost training.");
  auto input = ReadTrainingInput(root, CoresAvailable(), release);
  Status trained;
  if (input) {
    termination.keeps_model = input->hyperparameters.save_model_on_termination;
    trained = TrainXgboost(*input, termination, log);
  } else {
    trained = input.error();
  }
  if (trained) return 0;
  log.Error(trained.error().message);
  WriteFailure(root, trained.error().message, log);
  return 1;
}

}  // namespace leat::algorithms
