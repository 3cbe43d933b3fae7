// The built-in rows, and the small language that they are written in (builtin_*.cc):
//
//   group coordination.k8s.io/v1
//   object LeaseSpec {
//     holderIdentity 1 string              # JSON name, protobuf number, type, attributes
//     acquireTime    3 time
//   }
//   kind Lease leases namespaced {
//     spec 2 LeaseSpec
//     column Holder string "Who holds it"  # of `kubectl get`; `wide` = only with -o wide
//   }
//
// Types: string bool int32 int64 double time bytes quantity intstr any, an object's name, []T and
// map[T] (keys are strings). Attributes: required, always (in every answer, as its zero value if
// nobody gave one; clients rely on it), default=JSON, enum=A|B, min=N, max=N, merge=KEY
// (strategic merge by that key), primitives (strategic merge as a set), retain, map=KEY,KEY (list
// map keys), set, nullable, embedded (a whole object with kind and metadata). `inline T N` takes
// the members of T over, which protobuf nests in field N. Attributes of a kind: short=a,b,
// category=a,b, namespaced, status (has that subresource), served-only (not the stored version),
// body-only (never stored: only its schema is known).
#pragma once

#include <string_view>
#include <vector>

#include "api/types.h"

namespace leat::api {

// Reads rows; a mistake in them is a bug and ends the process. Texts may use one another's objects,
// whatever their order. Several versions of a kind become one row.
std::vector<TypePtr> ParseRows(const std::vector<std::string_view>& texts);

// The texts, each defined in the file of its name.
std::string_view MetaRows();       // builtin_meta.cc
std::string_view CoreRows();       // builtin_core.cc
std::string_view PodRows();        // builtin_pod.cc
std::string_view VolumeRows();     // builtin_volumes.cc
std::string_view NodeRows();       // builtin_node.cc
std::string_view ExtensionRows();  // builtin_extensions.cc

// The schema of metav1.ObjectMeta, which every type's metadata has.
SchemaPtr ObjectMetaSchema();

}  // namespace leat::api
