#pragma once

#include "json/value.h"

namespace leat::sagemaker {

// Whether a CustomResourceDefinition leaves its kind to another operator: then ours does nothing
// for its objects.
inline bool Yields(const json::Value& definition) {
  return definition["metadata"]["annotations"]["leat.dev/yield"].AsString() == "true";
}

}  // namespace leat::sagemaker
