// Whether the runc that is installed is known to lack fixes that matter here.
#pragma once

#include <string>
#include <string_view>

namespace leat::node {

// From the output of `runc --version`: what to update, and why, when this release is known to be
// without the fixes of November 2025 (CVE-2025-31133, CVE-2025-52565, CVE-2025-52881). "" when it
// has them or nobody can tell from the number, as with most distributions' own numbers.
std::string RuncAdvice(std::string_view version_output);

}  // namespace leat::node
