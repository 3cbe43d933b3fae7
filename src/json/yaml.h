// YAML 1.2 core schema in, as Kubernetes manifests are written.
#pragma once

#include <string_view>
#include <vector>

#include "json/value.h"

namespace leat::json {

// Each document of the stream, empty ones left out. Aliases are resolved (with a bound against
// blow-up); keys must be strings. kInvalid with the line, kTooLarge.
Result<std::vector<Value>> ParseYaml(std::string_view text, size_t max_bytes = 16u << 20);

// The value as YAML (block style), for output to people and for kubeconfig files.
std::string PrintYaml(const Value& value);

}  // namespace leat::json
