#include "apiserver/content.h"

#include <algorithm>

#include "base/strings.h"
#include "json/yaml.h"

namespace leat::apiserver {
namespace {

struct MediaRange {
  std::string type;
  double quality = 1;
  std::string as;  // the parameters of Kubernetes' own forms
  std::string group;
  std::string version;
};

MediaRange ParseRange(std::string_view text) {
  MediaRange range;
  bool first = true;
  for (std::string_view part : Split(text, ';')) {
    part = Trim(part);
    if (first) {
      range.type = Lower(part);
      first = false;
      continue;
    }
    const auto parameter = Cut(part, "=");
    if (!parameter) continue;
    const std::string name = Lower(Trim(parameter->first));
    const std::string_view value = Trim(parameter->second);
    if (name == "q") {
      range.quality = ParseDouble(value).value_or(0);
    } else if (name == "as") {
      range.as = value;
    } else if (name == "g") {
      range.group = value;
    } else if (name == "v") {
      range.version = value;
    }
  }
  return range;
}

bool IsJson(std::string_view type) {
  return type == "application/json" || type == "application/*" || type == "*/*";
}

std::optional<Accepted> FormOf(const MediaRange& range) {
  if (!IsJson(range.type) || range.quality <= 0) return std::nullopt;
  if (range.as.empty()) return Accepted{};
  if (range.group == "meta.k8s.io" && (range.version == "v1" || range.version == "v1beta1")) {
    if (range.as == "Table") return Accepted{Form::kTable, range.version};
    if (range.as == "PartialObjectMetadata" || range.as == "PartialObjectMetadataList") {
      return Accepted{Form::kPartialMetadata, range.version};
    }
  }
  if (range.group == "apidiscovery.k8s.io" && range.as == "APIGroupDiscoveryList" &&
      (range.version == "v2" || range.version == "v2beta1")) {
    return Accepted{Form::kDiscovery, range.version};
  }
  return std::nullopt;
}

Result<Decoded> DecodeYaml(std::string_view body) {
  auto documents = json::ParseYaml(body, kMaxBodyBytes);
  if (!documents) return documents.error();
  if (documents->size() != 1) {
    return Error{Code::kInvalid, "the body must hold exactly one YAML document, it holds " +
                                     std::to_string(documents->size())};
  }
  return Decoded{std::move(documents->front()), {}};
}

}  // namespace

std::vector<Accepted> AcceptedForms(std::string_view accept) {
  if (Trim(accept).empty()) return {Accepted{}};
  std::vector<std::pair<double, Accepted>> ranked;
  for (std::string_view part : Split(accept, ',')) {
    const MediaRange range = ParseRange(part);
    if (auto form = FormOf(range)) ranked.emplace_back(range.quality, std::move(*form));
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<Accepted> forms;
  for (auto& [quality, form] : ranked) forms.push_back(std::move(form));
  return forms;
}

bool AcceptsType(std::string_view accept, std::string_view media_type) {
  for (std::string_view part : Split(accept, ',')) {
    if (ParseRange(part).type == media_type) return true;
  }
  return false;
}

std::string MediaType(std::string_view content_type) {
  return Lower(Trim(Split(content_type, ';').front()));
}

Result<Decoded> DecodeBody(std::string_view content_type, std::string_view body) {
  const std::string type = MediaType(content_type);
  if (type.empty() || type == "application/json" || type.ends_with("+json")) {
    Decoded decoded;
    auto value = json::Parse(body, kMaxBodyBytes, &decoded.duplicates);
    if (!value) return value.error();
    decoded.value = std::move(*value);
    return decoded;
  }
  if (type == "application/yaml" || type.ends_with("+yaml")) return DecodeYaml(body);
  if (type == "application/vnd.kubernetes.protobuf") {
    return Error{
        Code::kUnimplemented,
        "this server reads JSON and YAML, not protobuf: give the object as a file (kubectl create "
        "... --dry-run=client -o yaml | kubectl create -f -), use kubectl 1.31 or older, or set "
        "your client's content type to application/json"};
  }
  return Error{Code::kUnimplemented,
               "the body of the request was in an unknown format (" + type +
                   ") - accepted media types include: application/json, application/yaml"};
}

}  // namespace leat::apiserver
