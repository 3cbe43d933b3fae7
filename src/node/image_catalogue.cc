#include "node/image_catalogue.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fnmatch.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/log.h"
#include "json/yaml.h"

namespace leat::node {
namespace {

constexpr char kDataKey[] = "images.yaml";

CatalogueEntry BuiltIn(std::string pattern, const std::string& id,
                       std::vector<std::string> entrypoint) {
  return {std::move(pattern), Image{.id = "host-root:" + id,
                                    .entrypoint = std::move(entrypoint),
                                    .env = {{"PATH",
                                             "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
                                             "/sbin:/bin:/opt/leat/bin"}}}};
}

std::vector<std::string> Strings(const json::Value& list) {
  std::vector<std::string> strings;
  for (const json::Value& item : list.Items()) strings.push_back(item.Str());
  return strings;
}

bool AreStrings(const json::Value& list) {
  return list.IsNull() ||
         (list.IsArray() && std::all_of(list.Items().begin(), list.Items().end(),
                                        [](const json::Value& item) { return item.IsString(); }));
}

// What is wrong with an entry; "" when nothing is.
std::string WrongIn(const json::Value& item) {
  constexpr std::string_view kKeys[] = {"pattern", "entrypoint", "command", "workingDir", "env"};
  if (!item.IsObject())
    return "is not a mapping like {pattern: \"my/image:*\", entrypoint: [/path/to/program]}";
  for (const json::Member& member : item.Members())
    if (std::find(std::begin(kKeys), std::end(kKeys), member.key) == std::end(kKeys))
      return fmt::format("has the unknown key \"{}\"; the keys are {}", member.key,
                         fmt::join(kKeys, ", "));
  if (item["pattern"].AsString().empty()) return "has no pattern";
  for (const char* key : {"entrypoint", "command"})
    if (!AreStrings(item[key]))
      return fmt::format("has the key {}, which is not a list of strings", key);
  if (!item["env"].IsNull() && !item["env"].IsObject())
    return "has an env that is not a mapping of names to values";
  return "";
}

}  // namespace

const std::vector<CatalogueEntry>& BuiltInImages() {
  static const std::vector<CatalogueEntry> kEntries = [] {
    const std::string programs = kProgramsPath;
    std::vector<CatalogueEntry> entries;
    for (const char* pattern :
         {"*.dkr.ecr.*.amazonaws.com/xgboost:*", "*.dkr.ecr.*.amazonaws.com/xgboost",
          "*.dkr.ecr.*.amazonaws.com/sagemaker-xgboost:*",
          "*.dkr.ecr.*.amazonaws.com/sagemaker-xgboost", "leat.dev/xgboost*"})
      entries.push_back(BuiltIn(pattern, "leat-ml", {programs + "/leat-ml"}));
    entries.push_back(BuiltIn("leat.dev/leat*", "leat", {programs + "/leat"}));
    entries.push_back(BuiltIn("leat.dev/host*", "host", {}));
    return entries;
  }();
  return kEntries;
}

Result<std::vector<CatalogueEntry>> ParseCatalogue(const json::Value& config_map) {
  const std::string where = fmt::format("ConfigMap kube-system/{}, {}", kCatalogueName, kDataKey);
  std::vector<CatalogueEntry> entries;
  auto documents = json::ParseYaml(config_map["data"][kDataKey].AsString());
  if (!documents) return documents.error().Within(where);
  for (const json::Value& document : *documents) {
    if (!document.IsNull() && !document.IsArray())
      return Error{Code::kInvalid, where + " is not a list of entries"};
    for (const json::Value& item : document.Items()) {
      if (const std::string wrong = WrongIn(item); !wrong.empty())
        return Error{Code::kInvalid,
                     fmt::format("{}: entry {} {}", where, entries.size() + 1, wrong)};
      const std::string pattern = item["pattern"].Str();
      CatalogueEntry entry = BuiltIn(pattern, pattern, Strings(item["entrypoint"]));
      entry.image.command = Strings(item["command"]);
      if (const auto dir = item["workingDir"].AsString(); !dir.empty())
        entry.image.working_dir = dir;
      for (const json::Member& variable : item["env"].Members())
        entry.image.env.emplace_back(variable.key, variable.value.Str());
      entries.push_back(std::move(entry));
    }
  }
  return entries;
}

Result<std::string> ImageCatalogue::Refresh() {
  auto config_map = client_.Get(api::gvr::kConfigMaps, {"kube-system", kCatalogueName});
  if (!config_map && config_map.error().code != Code::kNotFound) return config_map.error();
  auto parsed = config_map ? ParseCatalogue(*config_map)
                           : Result<std::vector<CatalogueEntry>>(std::vector<CatalogueEntry>());
  {
    MutexLock lock(mu_);
    const std::string version =
        config_map ? (*config_map)["metadata"]["resourceVersion"].Str() : "";
    if (parsed) {
      own_ = std::move(*parsed);
      return "";
    }
    if (std::exchange(told_, version) == version) return parsed.error().message;
  }
  const std::string& wrong = parsed.error().message;
  LogWarning("the image catalogue is broken, what it said before stays in force",
             {{"error", wrong}});
  events_.Record(*config_map, reconcile::EventType::kWarning, "InvalidCatalogue",
                 wrong + "; what it said before stays in force");
  return wrong;
}

Result<Image> ImageCatalogue::Resolve(const std::string& reference) {
  auto broken = Refresh();
  if (!broken) return broken.error();
  const auto match = [&](const std::vector<CatalogueEntry>& entries) -> std::optional<Image> {
    for (const CatalogueEntry& entry : entries)
      if (fnmatch(entry.pattern.c_str(), reference.c_str(), 0) == 0) return entry.image;
    return std::nullopt;
  };
  std::optional<Image> image;
  {
    MutexLock lock(mu_);
    image = match(own_);
  }
  if (!image) image = match(BuiltInImages());
  if (!image && !broken->empty())
    return Error{Code::kNotFound,
                 fmt::format("no image is mapped to \"{}\" (the catalogue is broken: {})",
                             reference, *broken)};
  if (!image)
    return Error{
        Code::kNotFound,
        fmt::format("no image is mapped to \"{}\": Leat has no image store yet. Map it to a "
                    "program of this machine in ConfigMap kube-system/{}, key {}: "
                    "[{{pattern: \"{}\", entrypoint: [/path/to/program]}}]",
                    reference, kCatalogueName, kDataKey, reference)};
  image->reference = reference;
  return *image;
}

}  // namespace leat::node
