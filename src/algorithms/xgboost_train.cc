#include "algorithms/xgboost_train.h"

#include <malloc.h>

#include <cstdio>
#include <optional>
#include <utility>

#include "algorithms/booster.h"
#include "algorithms/early_stopping.h"
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

// Which round is the best, as the attributes that Python's xgboost.train leaves in a model: without
// early stopping that is the last round, and there is no score.
Status SetBest(Booster& booster, const EarlyStopping& stopping, int last_round,
               const Hyperparameters& parameters) {
  const int best = stopping.active() ? stopping.best_round() : last_round;
  const int trees = (best + 1) * parameters.trees_per_round;
  if (auto set = booster.SetAttribute("best_iteration", std::to_string(best)); !set) return set;
  if (auto set = booster.SetAttribute("best_ntree_limit", std::to_string(trees)); !set) return set;
  if (!stopping.active()) return {};
  return booster.SetAttribute("best_score", PrintNumber(stopping.best_score()));
}

// Boosts round after round. Returns how many rounds the model has.
Result<int> Boost(Booster& booster, const TrainingData& data, const Hyperparameters& parameters,
                  const Termination& termination, TrainingLog& log) {
  std::vector<std::pair<std::string, const Matrix*>> sets = {{"train", &data.train}};
  if (data.validation) sets.emplace_back("validation", &*data.validation);
  EarlyStopping stopping(parameters.early_stopping_rounds);
  int round = 0;
  while (round < parameters.num_round && !termination.requested) {
    if (auto updated = booster.Update(round, data.train); !updated) return updated.error();
    auto line = booster.Evaluate(round, sets);
    if (!line) return line.error();
    auto values = ParseEvaluation(*line);
    if (!values) return values.error();
    log.Round(round, *values);
    if (round == 0 && stopping.active())
      log.Line("Will train until " + values->back().name + " hasn't improved in " +
               std::to_string(parameters.early_stopping_rounds) + " rounds.");
    ++round;
    if (stopping.ShouldStop(round - 1, *values)) {
      log.Line("Stopping in round " + std::to_string(round - 1) + ". Best iteration: [" +
               std::to_string(stopping.best_round()) + "] with " + stopping.metric() + ":" +
               PrintNumber(stopping.best_score()));
      break;
    }
  }
  if (round == 0) return 0;
  if (auto set = SetBest(booster, stopping, round - 1, parameters); !set) return set.error();
  return round;
}

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
  auto rounds = Boost(*booster, *data, parameters, termination, log);
  if (!rounds) return rounds.error();
  if (*rounds == 0) {
    log.Info("Stopped before the first round was done; there is no model to save.");
    return {};
  }
  if (termination.requested)
    log.Info("Stopped on request; saving the model of " + std::to_string(*rounds) + " rounds.");
  return SaveModel(*booster, input.ModelPath());
}

int RunTrainingJob(const std::string& root, Termination& termination, TrainingLog& log) {
  log.Info("Running standalone xgboost training.");
  auto input = ReadTrainingInput(root, CoresAvailable());
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
