// What the schemas cannot say: rules of names, labels and of the built-in kinds, in upstream's
// field paths and words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/schema.h"
#include "api/types.h"
#include "json/value.h"

namespace leat::api {

// RFC 1123 label / subdomain, RFC 1035 label, qualified label keys: empty when right, else the
// texts kubectl users know ("a lowercase RFC 1123 subdomain must consist of ...").
std::vector<std::string> CheckDns1123Label(std::string_view name);
std::vector<std::string> CheckDns1123Subdomain(std::string_view name);
std::vector<std::string> CheckQualifiedName(std::string_view key);
std::vector<std::string> CheckLabelValue(std::string_view value);

// All that is wrong with a new object, or with `object` as a replacement of `old` (may be null):
// metadata (name by the kind's rule, labels, annotations' total size, ownerReferences, finalizers,
// immutable metadata), the version's schema, and the kind's own rules (pod: containers' names,
// image, volumes and their mounts, restart policy, resources, immutable spec; CRD: names, one
// storage version, structural schema; secret and configMap keys and sizes; immutable flags; ...).
// Of a replacement only what is wrong anew: what was so in `old` too does not count.
std::vector<FieldError> ValidateObject(const Type& type, const TypeVersion& version,
                                       const json::Value& object, const json::Value* old);

// What a v1-shaped CustomResourceDefinition asks for and this server does not do, one text for
// each: CEL rules, scale, selectableFields. For a warning and a condition.
std::vector<std::string> RulesNotKept(const json::Value& crd);

// Defaults that depend on more than the schema: resource requests from limits, a CRD's list kind
// and singular, pod's service account name, image pull policy by tag, ... Runs after ApplyDefaults.
void DefaultObject(const Type& type, const TypeVersion& version, json::Value& object);

}  // namespace leat::api
