#include "algorithms/predict.h"

#include <cstdio>

#include "algorithms/dataset.h"
#include "algorithms/model_file.h"
#include "algorithms/number.h"
#include "algorithms/resources.h"
#include "io/file.h"

namespace leat::algorithms {
namespace {

struct ModelAndRows {
  Booster model;
  Dataset rows;
};

Result<ModelAndRows> Load(const std::string& model_path, const std::string& data_path) {
  auto model = LoadModelFile(model_path);
  if (!model) return model.error();
  const auto files = FindDataFiles(data_path);
  if (!files) return files.error();
  auto rows = ReadDataset(files->paths, {.csv = {.label = false}, .threads = CoresAvailable()});
  if (!rows) return rows.error().Within(data_path);
  return ModelAndRows{std::move(*model), std::move(*rows)};
}

}  // namespace

Status PredictToFile(const std::string& model, const std::string& data, const std::string& out) {
  auto loaded = Load(model, data);
  if (!loaded) return loaded.error();
  std::string lines;
  for (const RowBlock& block : loaded->rows.blocks) {
    const auto prediction = loaded->model.Predict(block);
    if (!prediction) return prediction.error().Within(data);
    for (size_t i = 0; i < prediction->values.size(); ++i) {
      lines += PrintNumber(prediction->values[i]);
      lines += (i + 1) % prediction->outputs == 0 ? '\n' : ',';
    }
  }
  return io::WriteFile(out, lines, 0644);
}

Result<Accuracy> Evaluate(const std::string& model, const std::string& data,
                          const std::string& labels_path) {
  const auto labels = ReadIdxLabels(labels_path);
  if (!labels) return labels.error();
  auto loaded = Load(model, data);
  if (!loaded) return loaded.error();
  if (loaded->rows.rows != labels->size())
    return Error{Code::kInvalid, data + " has " + std::to_string(loaded->rows.rows) + " rows and " +
                                     labels_path + " has " + std::to_string(labels->size()) +
                                     " labels"};
  Accuracy accuracy{.total = labels->size()};
  size_t row = 0;
  for (const RowBlock& block : loaded->rows.blocks) {
    const auto prediction = loaded->model.Predict(block);
    if (!prediction) return prediction.error().Within(data);
    accuracy.correct += CountCorrect(*prediction, *labels, row);
    row += block.rows;
  }
  return accuracy;
}

std::string Accuracy::ToString() const {
  char text[96];
  std::snprintf(text, sizeof text, "accuracy %.4f (%zu of %zu)",
                static_cast<double>(correct) / static_cast<double>(total), correct, total);
  return text;
}

}  // namespace leat::algorithms
