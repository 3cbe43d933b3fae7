// The pod's annotations as the downward API shows them: key="value" lines, the value quoted.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace leat::engine {

// Lines that are none are skipped: the file is only as good as who writes it.
std::map<std::string, std::string> ParseAnnotations(std::string_view text);
Result<std::map<std::string, std::string>> ReadAnnotations(const std::string& pod_info_dir);

}  // namespace leat::engine
