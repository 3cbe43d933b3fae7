#include "node/image_catalogue.h"

#include <fmt/format.h>
#include <fnmatch.h>

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
    for (const json::Value& item : document.Items()) {
      const std::string pattern = item["pattern"].Str();
      if (pattern.empty()) return Error{Code::kInvalid, where + ": an entry has no pattern"};
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

Result<Image> ImageCatalogue::Resolve(const std::string& reference) const {
  const auto match = [&](const std::vector<CatalogueEntry>& entries) -> const CatalogueEntry* {
    for (const CatalogueEntry& entry : entries)
      if (fnmatch(entry.pattern.c_str(), reference.c_str(), 0) == 0) return &entry;
    return nullptr;
  };
  std::vector<CatalogueEntry> own;
  auto config_map = client_.Get(api::gvr::kConfigMaps, {"kube-system", kCatalogueName});
  if (config_map) {
    auto parsed = ParseCatalogue(*config_map);
    if (!parsed) return parsed.error();
    own = std::move(*parsed);
  } else if (config_map.error().code != Code::kNotFound) {
    return config_map.error();
  }
  const CatalogueEntry* found = match(own);
  if (found == nullptr) found = match(BuiltInImages());
  if (found == nullptr)
    return Error{
        Code::kNotFound,
        fmt::format("no image is mapped to \"{}\": Leat has no image store yet. Map it to a "
                    "program of this machine in ConfigMap kube-system/{}, key {}: "
                    "[{{pattern: \"{}\", entrypoint: [/path/to/program]}}]",
                    reference, kCatalogueName, kDataKey, reference)};
  Image image = found->image;
  image.reference = reference;
  return image;
}

}  // namespace leat::node
