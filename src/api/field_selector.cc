#include <fmt/format.h>

#include <algorithm>

#include "api/selectors.h"
#include "base/strings.h"

namespace leat::api {
namespace {

// The value at "spec.nodeName" as text.
std::string TextAt(const json::Value& object, std::string_view path) {
  const json::Value* value = &object;
  for (const std::string_view key : Split(path, '.')) value = &(*value)[key];
  // Booleans that Kubernetes leaves out when false can still be selected as "false".
  if (value->IsNull() && (path == "spec.unschedulable" || path == "spec.hostNetwork"))
    return "false";
  if (value->IsObject()) value = &(*value)["component"];  // an event's source
  if (value->IsString()) return value->Str();
  return value->IsNull() ? std::string() : json::Print(*value);
}

// Splits at commas that no backslash protects.
std::vector<std::string_view> SplitTerms(std::string_view text) {
  std::vector<std::string_view> terms;
  size_t start = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == ',') {
      terms.push_back(text.substr(start, i - start));
      start = i + 1;
    }
  }
  terms.push_back(text.substr(start));
  return terms;
}

// "a\,b" to "a,b"; false for a bare ',' or '=' or an unknown escape.
bool Unescape(std::string_view text, std::string& out) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '=') return false;
    if (text[i] == '\\') {
      if (++i == text.size() || std::string_view("\\,=").find(text[i]) == std::string_view::npos)
        return false;
    }
    out += text[i];
  }
  return true;
}

struct Supported {
  std::string_view group, plural;
  std::vector<std::string_view> paths;
};

}  // namespace

Result<FieldSelector> FieldSelector::Parse(std::string_view text) {
  FieldSelector selector;
  for (const std::string_view part : SplitTerms(text)) {
    if (part.empty()) continue;
    const size_t at = part.find_first_of("=!");
    Term term{.path = std::string(Trim(part.substr(0, at))), .equal = true, .value = {}};
    std::string_view rest = at == std::string_view::npos ? "" : part.substr(at);
    if (rest.starts_with("!=")) {
      term.equal = false;
      rest.remove_prefix(2);
    } else if (rest.starts_with("==")) {
      rest.remove_prefix(2);
    } else if (rest.starts_with("=")) {
      rest.remove_prefix(1);
    } else {
      return Error{Code::kInvalid,
                   fmt::format("invalid selector: '{}'; can't understand '{}'", text, part)};
    }
    if (!Unescape(rest, term.value))
      return Error{Code::kInvalid, fmt::format("invalid field selector: invalid value in '{}': "
                                               "write \\\\, \\, and \\= for these characters",
                                               part)};
    selector.terms_.push_back(std::move(term));
  }
  return selector;
}

bool FieldSelector::Matches(const json::Value& object) const {
  return std::all_of(terms_.begin(), terms_.end(), [&](const Term& term) {
    return (TextAt(object, term.path) == term.value) == term.equal;
  });
}

std::vector<std::string> FieldSelector::Paths() const {
  std::vector<std::string> paths;
  for (const Term& term : terms_) paths.push_back(term.path);
  return paths;
}

std::string FieldSelector::RequiredName() const {
  for (const Term& term : terms_)
    if (term.equal && term.path == "metadata.name") return term.value;
  return {};
}

bool SupportsFieldSelector(std::string_view group, std::string_view plural, std::string_view path) {
  if (path == "metadata.name" || path == "metadata.namespace") return true;
  static const std::vector<Supported> kSupported = {
      {"",
       "pods",
       {"spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName",
        "spec.hostNetwork", "status.phase", "status.podIP", "status.nominatedNodeName"}},
      {"",
       "events",
       {"involvedObject.kind", "involvedObject.namespace", "involvedObject.name",
        "involvedObject.uid", "involvedObject.apiVersion", "involvedObject.resourceVersion",
        "involvedObject.fieldPath", "reason", "reportingComponent", "source", "type"}},
      {"", "nodes", {"spec.unschedulable"}},
      {"", "namespaces", {"status.phase"}},
      {"", "secrets", {"type"}},
  };
  for (const Supported& row : kSupported)
    if (row.group == group && row.plural == plural)
      return std::find(row.paths.begin(), row.paths.end(), path) != row.paths.end();
  return false;
}

}  // namespace leat::api
