#include "algorithms/booster.h"

#include <xgboost/c_api.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "algorithms/ubjson.h"
#include "base/strings.h"
#include "json/value.h"

namespace leat::algorithms {
namespace {

constexpr const char* kFloat = "<f4";
constexpr const char* kUint32 = "<u4";
constexpr const char* kUint64 = "<u8";

// XGBoost's own words, without its "[04:45:30] ./src/learner.cc:81: " and its stack trace.
Error LastError(Code code, std::string_view doing) {
  std::string_view text = XGBGetLastError();
  text = text.substr(0, text.find("\nStack trace"));
  if (const auto time = Cut(text, "] "); time && text.starts_with('['))
    if (const auto place = Cut(time->second, ": ")) text = place->second;
  std::string message(Trim(text));
  for (char& c : message)
    if (c == '\n') c = ' ';
  return Error{code, std::string(doing) + ": " + message};
}

// numpy's array interface: how XGBoost is told of memory that is not its own.
std::string ArrayInterface(const void* data, const char* type, size_t rows, size_t columns = 0) {
  std::string shape = std::to_string(rows);
  if (columns > 0) shape += "," + std::to_string(columns);
  return R"({"data":[)" + std::to_string(reinterpret_cast<uintptr_t>(data)) +
         R"(,true],"shape":[)" + shape + R"(],"typestr":")" + type + R"(","version":3})";
}

template <class T>
std::string ArrayInterface(const std::vector<T>& data, const char* type) {
  return ArrayInterface(data.data(), type, data.size());
}

int SetInfo(DMatrixHandle handle, const RowBlock& block) {
  const auto set = [&](const char* field, const auto& values, const char* type) {
    if (values.empty()) return 0;
    return XGDMatrixSetInfoFromInterface(handle, field, ArrayInterface(values, type).c_str());
  };
  if (int failed = set("label", block.labels, kFloat)) return failed;
  if (int failed = set("weight", block.weights, kFloat)) return failed;
  return set("qid", block.groups, kUint32);
}

// A data set in one block, as XGBoost asks for it (several times).
struct Walk {
  const RowBlock& all;
  const bool sparse;
  DMatrixHandle proxy = nullptr;
  bool given = false;

  int Next() {
    if (given) return 0;
    given = true;
    const int failed =
        sparse
            ? XGProxyDMatrixSetDataCSR(proxy, ArrayInterface(all.row_starts, kUint64).c_str(),
                                       ArrayInterface(all.columns, kUint32).c_str(),
                                       ArrayInterface(all.values, kFloat).c_str(), all.column_count)
            : XGProxyDMatrixSetDataDense(
                  proxy,
                  ArrayInterface(all.values.data(), kFloat, all.rows, all.column_count).c_str());
    return failed == 0 && SetInfo(proxy, all) == 0 ? 1 : 0;
  }
};

void Restart(DataIterHandle walk) { static_cast<Walk*>(walk)->given = false; }
int NextBlock(DataIterHandle walk) { return static_cast<Walk*>(walk)->Next(); }

template <class T>
void Append(std::vector<T>& to, std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
  std::vector<T>().swap(from);
}

// All rows in one block. Each block is freed once it is copied, to keep the peak near one copy.
RowBlock Join(Dataset data) {
  RowBlock all;
  size_t values = 0;
  for (const RowBlock& block : data.blocks) values += block.values.size();
  all.values.reserve(values);
  if (data.sparse) {
    all.columns.reserve(values);
    all.row_starts.reserve(data.rows + 1);
    all.row_starts.push_back(0);
  }
  for (RowBlock& block : data.blocks) {
    const uint64_t start = all.values.size();
    for (size_t row = 1; row < block.row_starts.size(); ++row)
      all.row_starts.push_back(start + block.row_starts[row]);
    Append(all.values, block.values);
    Append(all.columns, block.columns);
    Append(all.labels, block.labels);
    Append(all.weights, block.weights);
    Append(all.groups, block.groups);
  }
  all.rows = data.rows;
  all.column_count = data.columns;
  return all;
}

// XGBoost believes the lengths in the old binary format, and asks for that much memory. So all
// else is kept from it: 136 bytes of parameters (4 before them in the oldest files) are followed by
// the name of an objective.
bool LooksLikeBinaryModel(std::string_view bytes) {
  constexpr size_t kParameters = 136, kLongestName = 64;
  if (bytes.starts_with("binf")) bytes.remove_prefix(4);
  uint64_t size = 0;
  if (bytes.size() < kParameters + sizeof size) return false;
  std::memcpy(&size, bytes.data() + kParameters, sizeof size);
  const std::string_view rest = bytes.substr(kParameters + sizeof size);
  if (size == 0 || size > kLongestName || size > rest.size()) return false;
  const std::string_view name = rest.substr(0, size);
  return std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isgraph(c); });
}

}  // namespace

void Matrix::Free::operator()(void* handle) const { XGDMatrixFree(handle); }

Result<Matrix> Matrix::FromBins(Dataset data, const BinOptions& options) {
  // For each block XGBoost starts and joins its threads many times, which took ten times as long on
  // busy cores when it got the blocks as they were read.
  const bool sparse = data.sparse;
  const RowBlock all = Join(std::move(data));
  Walk walk{all, sparse};
  if (XGProxyDMatrixCreate(&walk.proxy) != 0) return LastError(Code::kInternal, "prepare the data");
  const Matrix proxy(walk.proxy);
  const std::string config = R"({"missing":NaN,"nthread":)" + std::to_string(options.threads) +
                             R"(,"max_bin":)" + std::to_string(options.max_bin) + "}";
  DMatrixHandle made = nullptr;
  if (XGQuantileDMatrixCreateFromCallback(&walk, walk.proxy, nullptr, Restart, NextBlock,
                                          config.c_str(), &made) != 0)
    return LastError(Code::kInvalid, "XGBoost does not take the data");
  return Matrix(made);
}

Result<Matrix> Matrix::FromValues(Dataset data, int threads) {
  const bool sparse = data.sparse;
  const RowBlock all = Join(std::move(data));
  const std::string config = R"({"missing":NaN,"nthread":)" + std::to_string(threads) + "}";
  DMatrixHandle made = nullptr;
  const int failed =
      sparse ? XGDMatrixCreateFromCSR(ArrayInterface(all.row_starts, kUint64).c_str(),
                                      ArrayInterface(all.columns, kUint32).c_str(),
                                      ArrayInterface(all.values, kFloat).c_str(), all.column_count,
                                      config.c_str(), &made)
             : XGDMatrixCreateFromDense(
                   ArrayInterface(all.values.data(), kFloat, all.rows, all.column_count).c_str(),
                   config.c_str(), &made);
  if (failed != 0) return LastError(Code::kInvalid, "XGBoost does not take the data");
  Matrix matrix(made);
  if (SetInfo(made, all) != 0) return LastError(Code::kInvalid, "XGBoost does not take the labels");
  return matrix;
}

Result<std::vector<float>> Matrix::Labels() const {
  bst_ulong size = 0;
  const float* labels = nullptr;
  if (XGDMatrixGetFloatInfo(handle_.get(), "label", &size, &labels) != 0)
    return LastError(Code::kInternal, "read the labels");
  return std::vector<float>(labels, labels + size);
}

void Booster::Free::operator()(void* handle) const { XGBoosterFree(handle); }

Result<Booster> Booster::Create(const std::vector<std::pair<std::string, std::string>>& parameters,
                                const std::vector<const Matrix*>& matrices) {
  std::vector<DMatrixHandle> handles;
  for (const Matrix* matrix : matrices) handles.push_back(matrix->handle());
  BoosterHandle made = nullptr;
  if (XGBoosterCreate(handles.data(), handles.size(), &made) != 0)
    return LastError(Code::kInternal, "make a booster");
  Booster booster(made);
  for (const auto& [name, value] : parameters)
    if (XGBoosterSetParam(made, name.c_str(), value.c_str()) != 0)
      return LastError(Code::kInvalid, "XGBoost does not take " + name + "=" + value);
  return booster;
}

Result<Booster> Booster::Load(const std::string& bytes) {
  // '{' and a letter is UBJSON, '{' and a quote or blank is JSON, all else the old binary format.
  const bool ubjson = bytes.size() > 1 && bytes[0] == '{' &&
                      std::isalpha(static_cast<unsigned char>(bytes[1])) != 0;
  if (bytes.empty() || (ubjson && !IsWholeUbjson(bytes)))
    return Error{Code::kCorrupt, "the model is incomplete"};
  const Error no_model{Code::kCorrupt,
                       "this is not an XGBoost model, or one that XGBoost 1.7 "
                       "cannot read"};
  if (bytes[0] != '{' && !LooksLikeBinaryModel(bytes)) return no_model;
  BoosterHandle made = nullptr;
  if (XGBoosterCreate(nullptr, 0, &made) != 0) return LastError(Code::kInternal, "make a booster");
  Booster booster(made);
  if (XGBoosterLoadModelFromBuffer(made, bytes.data(), bytes.size()) != 0)
    return no_model;  // XGBoost's own words are of its parser's insides
  if (auto used = booster.UseBestRounds(); !used) return used.error();
  return booster;
}

Status Booster::UseBestRounds() {
  const int64_t best = ParseInt(Attribute("best_iteration")).value_or(-1);
  const int64_t trees = ParseInt(Attribute("best_ntree_limit")).value_or(-1);
  if (best < 0 && trees <= 0) return {};
  bst_ulong size = 0;
  const char* text = nullptr;
  const auto rounds = Rounds();
  if (!rounds) return rounds.error();
  if (XGBoosterSaveJsonConfig(handle_.get(), &size, &text) != 0)
    return LastError(Code::kCorrupt, "read the model");
  const auto config = json::Parse(std::string_view(text, size));
  if (!config) return config.error().Within("read the model");
  const json::Value& booster = (*config)["learner"]["gradient_booster"];
  if (booster["name"].AsString() == "gblinear") return {};  // it has no rounds to choose from
  const json::Value& trained = booster["name"].AsString() == "dart" ? booster["gbtree"] : booster;
  const int64_t each = std::max<int64_t>(
      1, ParseInt(trained["gbtree_model_param"]["num_parallel_tree"].AsString()).value_or(1));
  const int64_t used = best >= 0 ? best + 1 : trees / each;
  if (used > 0 && used < *rounds) rounds_used_ = static_cast<int>(used);
  return {};
}

Status Booster::Update(int round, const Matrix& train) {
  if (XGBoosterUpdateOneIter(handle_.get(), round, train.handle()) != 0)
    return LastError(Code::kInvalid, "XGBoost failed in round " + std::to_string(round));
  return {};
}

Result<std::string> Booster::Evaluate(
    int round, const std::vector<std::pair<std::string, const Matrix*>>& sets) {
  std::vector<DMatrixHandle> handles;
  std::vector<const char*> names;
  for (const auto& [name, matrix] : sets) {
    handles.push_back(matrix->handle());
    names.push_back(name.c_str());
  }
  const char* line = nullptr;
  if (XGBoosterEvalOneIter(handle_.get(), round, handles.data(), names.data(), handles.size(),
                           &line) != 0)
    return LastError(Code::kInvalid, "XGBoost failed to evaluate round " + std::to_string(round));
  return std::string(line);
}

Result<Booster> Booster::FirstRounds(int rounds) {
  BoosterHandle made = nullptr;
  if (XGBoosterSlice(handle_.get(), 0, rounds, 1, &made) != 0)
    return LastError(Code::kInternal, "take the first rounds of the model");
  return Booster(made);
}

Result<int> Booster::Rounds() {
  int rounds = 0;
  if (XGBoosterBoostedRounds(handle_.get(), &rounds) != 0)
    return LastError(Code::kCorrupt, "read the model");
  return rounds;
}

std::string Booster::Attribute(const std::string& name) const {
  const char* text = nullptr;
  int found = 0;
  if (XGBoosterGetAttr(handle_.get(), name.c_str(), &text, &found) != 0 || found == 0) return "";
  return text;
}

Status Booster::SetAttribute(const std::string& name, const std::string& value) {
  if (XGBoosterSetAttr(handle_.get(), name.c_str(), value.c_str()) != 0)
    return LastError(Code::kInternal, "set the model's attribute " + name);
  return {};
}

Result<std::string> Booster::Save() {
  bst_ulong size = 0;
  const char* bytes = nullptr;
  if (XGBoosterSaveModelToBuffer(handle_.get(), R"({"format":"ubj"})", &size, &bytes) != 0)
    return LastError(Code::kInternal, "save the model");
  return std::string(bytes, size);
}

Result<size_t> Booster::Columns() {
  bst_ulong columns = 0;
  if (XGBoosterGetNumFeature(handle_.get(), &columns) != 0)
    return LastError(Code::kCorrupt, "read the model");
  return columns;
}

Result<Prediction> Booster::Predict(const Matrix& matrix) {
  const std::string config = R"({"type":0,"training":false,"iteration_begin":0,"iteration_end":)" +
                             std::to_string(rounds_used_) + R"(,"strict_shape":true})";
  bst_ulong rows = 0;
  bst_ulong const* shape = nullptr;
  bst_ulong dimensions = 0;
  const float* out = nullptr;
  if (XGDMatrixNumRow(matrix.handle(), &rows) != 0 ||
      XGBoosterPredictFromDMatrix(handle_.get(), matrix.handle(), config.c_str(), &shape,
                                  &dimensions, &out) != 0)
    return LastError(Code::kInvalid, "XGBoost failed to predict");
  Prediction prediction;
  prediction.outputs = dimensions > 1 ? shape[1] : 1;
  prediction.values.assign(out, out + rows * prediction.outputs);
  return prediction;
}

Result<Prediction> Booster::Predict(const RowBlock& rows) {
  const auto columns = Columns();
  if (!columns) return columns.error();
  if (*columns != rows.column_count)
    return Error{Code::kInvalid, "the rows have " + std::to_string(rows.column_count) +
                                     " columns and the model was trained with " +
                                     std::to_string(*columns)};
  // Not in place: of gblinear XGBoost does not do that.
  DMatrixHandle made = nullptr;
  if (XGDMatrixCreateFromDense(
          ArrayInterface(rows.values.data(), kFloat, rows.rows, rows.column_count).c_str(),
          R"({"missing":NaN})", &made) != 0)
    return LastError(Code::kInvalid, "XGBoost does not take the data");
  return Predict(Matrix(made));
}

}  // namespace leat::algorithms
