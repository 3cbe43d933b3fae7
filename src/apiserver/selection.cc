#include "apiserver/selection.h"

namespace leat::apiserver {

Result<Selection> Selection::Parse(const api::Type& type, std::string_view labels,
                                   std::string_view fields) {
  Selection selection;
  if (!labels.empty()) {
    auto parsed = api::LabelSelector::Parse(labels);
    if (!parsed) return parsed.error();
    selection.labels = std::move(*parsed);
  }
  if (!fields.empty()) {
    auto parsed = api::FieldSelector::Parse(fields);
    if (!parsed) return parsed.error();
    for (const std::string& path : parsed->Paths()) {
      if (!api::SupportsFieldSelector(type.group, type.plural, path)) {
        return Error{Code::kInvalid, "field label not supported: " + path};
      }
    }
    selection.fields = std::move(*parsed);
  }
  return selection;
}

}  // namespace leat::apiserver
