// XGBoost's C API with owners and Results. The only place that includes xgboost/c_api.h.
//
// Both classes are for one thread at a time; XGBoost uses its own threads inside each call.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "algorithms/dataset.h"
#include "algorithms/prediction.h"
#include "base/result.h"

namespace leat::algorithms {

// Training or validation data inside XGBoost.
class Matrix {
 public:
  struct BinOptions {
    int max_bin = 256;
    int threads = 1;
  };
  // Holds one byte or so a value: the bin it falls into. Only trees grown by `hist` can be trained
  // on it, and they come out the same as from FromValues. Not for validation data: XGBoost 1.7
  // takes ten times as long to predict from bins.
  static Result<Matrix> FromBins(Dataset data, const BinOptions& options);
  // Holds the values themselves (8 bytes each); works with every booster and tree method.
  static Result<Matrix> FromValues(Dataset data, int threads);

  // One a row.
  Result<std::vector<float>> Labels() const;

  void* handle() const { return handle_.get(); }

 private:
  struct Free {
    void operator()(void* handle) const;
  };
  explicit Matrix(void* handle) : handle_(handle) {}
  friend class Booster;  // which makes one of the rows it predicts

  std::unique_ptr<void, Free> handle_;
};

// A model, while it is trained or after.
class Booster {
 public:
  // A model without trees, to be trained with these parameters on the first of the matrices and
  // evaluated on all of them. XGBoost checks the parameters' values only in the first Update.
  static Result<Booster> Create(const std::vector<std::pair<std::string, std::string>>& parameters,
                                const std::vector<const Matrix*>& matrices);
  // Reads any format of XGBoost (UBJSON, JSON or its old binary one); kCorrupt when it is neither.
  // A model of trees that says which of its rounds is the best (best_iteration or, in old ones,
  // best_ntree_limit) predicts with the rounds up to that one.
  static Result<Booster> Load(const std::string& bytes);

  // Adds one round of trees; rounds count from 0.
  Status Update(int round, const Matrix& train);
  // "[3]\ttrain-merror:0.15\tvalidation-merror:0.17" for the matrices in this order.
  Result<std::string> Evaluate(int round,
                               const std::vector<std::pair<std::string, const Matrix*>>& sets);
  // The first rounds alone, as a model of its own; not of gblinear. Of dart the later rounds have
  // changed the weight of these.
  Result<Booster> FirstRounds(int rounds);
  Result<int> Rounds();
  // "" when the model has no such attribute.
  std::string Attribute(const std::string& name) const;
  // Kept in the model file; Python shows it by Booster.attr(name).
  Status SetAttribute(const std::string& name, const std::string& value);
  // The model as UBJSON: what Booster().load_model of XGBoost 1.6 and later reads from a file of
  // any name.
  Result<std::string> Save();

  // Predicts the rows of a matrix; cheap for one that the model is trained or evaluated on.
  Result<Prediction> Predict(const Matrix& matrix);
  // Predicts the rows of a dense block. kInvalid when they have not as many columns as the model.
  Result<Prediction> Predict(const RowBlock& rows);
  Result<size_t> Columns();

 private:
  struct Free {
    void operator()(void* handle) const;
  };
  explicit Booster(void* handle) : handle_(handle) {}
  // Sets rounds_used_ by what the model says of itself.
  Status UseBestRounds();

  std::unique_ptr<void, Free> handle_;
  int rounds_used_ = 0;  // that Predict goes by; 0 is all
};

}  // namespace leat::algorithms
