// YAML in and out, as Kubernetes manifests are written: YAML 1.2, and where Kubernetes still reads
// as YAML 1.1 did, so do we: yes/no/on/off/y/n are booleans, 0644 is octal, 1_000 is 1000, <<
// merges.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "json/value.h"

namespace leat::json {

// Each document of the stream, empty ones left out. Keys are taken as written ("on", "8080") and
// must be scalars; a key given twice is an error. Aliases are resolved. kInvalid with the line
// (also for .inf and .nan, which JSON cannot hold, and for what is nested deeper than 200 levels);
// kTooLarge beyond max_bytes, or when aliases blow it up beyond 1,000,000 values. Time and memory
// are in proportion to the text.
Result<std::vector<Value>> ParseYaml(std::string_view text, size_t max_bytes = 16u << 20);

// The value as YAML (block style, ends in a newline), for output to people and for kubeconfig
// files. ParseYaml reads it back equal, as do YAML 1.1 readers; NaN and infinities become null.
std::string PrintYaml(const Value& value);

}  // namespace leat::json
