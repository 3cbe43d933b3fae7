// Environment variables as a dependency: the process's own, or those of whoever asked for the work.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace leat::aws {

// The value of a variable; nullopt when it is not set. Thread-safe.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;

// getenv.
Environment ProcessEnvironment();
// These and no others; of a name given twice the first counts.
Environment FixedEnvironment(std::vector<std::pair<std::string, std::string>> variables);

}  // namespace leat::aws
