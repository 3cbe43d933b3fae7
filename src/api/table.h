// meta.k8s.io/v1 Table: what `kubectl get` prints.
#pragma once

#include <string_view>
#include <vector>

#include "api/types.h"
#include "base/clock.h"
#include "json/value.h"

namespace leat::api {

enum class IncludeObject { kMetadata, kObject, kNone };  // ?includeObject=

// A Table of the objects with the kind's own columns (built-in printers, CRD columns; else Name and
// Age). `list_metadata` becomes the table's metadata (resourceVersion, continue).
json::Value MakeTable(const Type& type, const TypeVersion& version,
                      const std::vector<const json::Value*>& objects,
                      const json::Value& list_metadata, IncludeObject include, WallTime now);

}  // namespace leat::api
