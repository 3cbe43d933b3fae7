#include "algorithms/training_input.h"

#include <map>

#include "base/strings.h"
#include "io/file.h"
#include "json/value.h"

namespace leat::algorithms {
namespace {

Error Refuse(std::string message) { return Error{Code::kInvalid, std::move(message)}; }

// A config file as a JSON object; an empty object when there is no such file.
Result<json::Value> ReadConfig(const std::string& root, const std::string& name) {
  const std::string path = root + "/input/config/" + name;
  auto text = io::ReadFile(path, 16u << 20);
  if (!text && text.error().code == Code::kNotFound) return json::Object();
  if (!text) return text.error();
  auto value = json::Parse(*text);
  if (!value) return value.error().Within(path);
  if (!value->IsObject()) return Refuse(path + " is not a JSON object");
  return value;
}

Result<Hyperparameters> ReadHyperparameters(const std::string& root, int cores,
                                            ContainerRelease release) {
  const auto config = ReadConfig(root, "hyperparameters.json");
  if (!config) return config.error();
  std::map<std::string, std::string> given;
  for (const json::Member& member : config->Members())
    given[member.key] = member.value.IsString() ? member.value.Str() : json::Print(member.value);
  return ParseHyperparameters(given, cores, release);
}

Result<Channel> ReadChannel(const std::string& root, const std::string& name,
                            const json::Value& config) {
  const std::string where = "Channel " + name + ": ";
  if (const auto mode = config["TrainingInputMode"].AsString("File");
      mode != "File" && mode != "FastFile")
    return Refuse(where + "input mode " + std::string(mode) + " is not supported; use File");
  if (const auto wrapper = config["RecordWrapperType"].AsString("None"); wrapper != "None")
    return Refuse(where + "record wrapper " + std::string(wrapper) +
                  " is not supported; leave recordWrapperType out");
  auto format = ParseContentType(config["ContentType"].AsString());
  if (!format) return format.error().Within("Channel " + name);
  return Channel{name, root + "/input/data/" + name, *format,
                 std::string(config["S3DistributionType"].AsString("FullyReplicated"))};
}

Status CheckHosts(const std::string& root) {
  const auto config = ReadConfig(root, "resourceconfig.json");
  if (!config) return config.error();
  const size_t hosts = (*config)["hosts"].size();
  if (hosts <= 1) return {};
  return Error{Code::kUnimplemented,
               "This job runs on " + std::to_string(hosts) +
                   " hosts, and distributed XGBoost training comes in a later version; set "
                   "instanceCount to 1"};
}

}  // namespace

Result<TextFormat> ParseContentType(std::string_view content_type) {
  constexpr std::string_view kSupported =
      "supported are text/csv (label in the first column), text/libsvm and text/x-libsvm";
  const auto parts = Split(content_type, ';');
  const std::string type = Lower(Trim(parts.front()));
  const bool csv = type == "text/csv" || type == "csv";
  const bool libsvm = type == "text/libsvm" || type == "text/x-libsvm" || type == "libsvm";
  if (!csv && !libsvm && !type.empty())
    return Refuse("content type " + type + " is not supported; " + std::string(kSupported));
  for (size_t i = 1; i < parts.size(); ++i) {
    const std::string parameter = Lower(Trim(parts[i]));
    if (parameter.empty() || parameter == "charset=utf-8" || parameter == "charset=utf8") continue;
    if (csv && parameter == "label_size=1") continue;
    return Refuse("content type parameter " + parameter + " is not supported; " +
                  (csv ? "text/csv takes label_size=1 only" : std::string(kSupported)));
  }
  return csv ? TextFormat::kCsv : TextFormat::kLibsvm;
}

Result<TrainingInput> ReadTrainingInput(const std::string& root, int cores,
                                        ContainerRelease release) {
  TrainingInput input{.root = root};
  if (auto checked = CheckHosts(root); !checked) return checked.error();
  auto hyperparameters = ReadHyperparameters(root, cores, release);
  if (!hyperparameters) return hyperparameters.error();
  input.hyperparameters = std::move(*hyperparameters);
  const auto config = ReadConfig(root, "inputdataconfig.json");
  if (!config) return config.error();
  for (const json::Member& member : config->Members()) {
    if (member.key != "train" && member.key != "validation")
      return Refuse("Extraneous channel found: " + member.key +
                    "; this algorithm takes the channels train and validation");
    auto channel = ReadChannel(root, member.key, member.value);
    if (!channel) return channel.error();
    if (member.key == "train")
      input.train = std::move(*channel);
    else
      input.validation = std::move(*channel);
  }
  if (input.train.name.empty()) return Refuse("Missing required channel: train");
  if (input.hyperparameters.csv_weights && input.train.format != TextFormat::kCsv)
    return Refuse(
        "Hyperparameter csv_weights: only text/csv has a column of weights, and the "
        "train channel is libsvm (write label:weight there)");
  return input;
}

}  // namespace leat::algorithms
