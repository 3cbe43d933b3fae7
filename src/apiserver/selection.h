// Which objects of a type a list or watch is about.
#pragma once

#include <string_view>

#include "api/selectors.h"
#include "api/types.h"
#include "base/result.h"
#include "json/value.h"

namespace leat::apiserver {

struct Selection {
  api::LabelSelector labels;
  api::FieldSelector fields;

  // kInvalid for a malformed selector, or a field that the type cannot be selected by.
  static Result<Selection> Parse(const api::Type& type, std::string_view labels,
                                 std::string_view fields);
  bool empty() const { return labels.empty() && fields.empty(); }
  bool Matches(const json::Value& object) const {
    return labels.Matches(object["metadata"]["labels"]) && fields.Matches(object);
  }
};

}  // namespace leat::apiserver
