#include "node/runc_advice.h"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "base/strings.h"

namespace leat::node {
namespace {

constexpr int kReleased = 1000;  // in place of the number of a release candidate

// major, minor, patch, candidate
using Version = std::array<int, 4>;

// The number that begins `text`, which goes on behind it.
std::optional<int> TakeNumber(std::string_view& text) {
  size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  const auto number = ParseInt(text.substr(0, digits));
  text.remove_prefix(digits);
  return number && *number < kReleased ? std::optional(static_cast<int>(*number)) : std::nullopt;
}

// Of "1.1.5+ds1" or "1.4.0-rc.3"; `rest` is what follows.
std::optional<Version> ParseVersion(std::string_view text, std::string_view& rest) {
  Version version{0, 0, 0, kReleased};
  for (size_t part = 0; part < 3; ++part) {
    if (part > 0 && !text.starts_with('.')) return std::nullopt;
    if (part > 0) text.remove_prefix(1);
    const auto number = TakeNumber(text);
    if (!number) return std::nullopt;
    version[part] = *number;
  }
  constexpr std::string_view kCandidate = "-rc.";
  if (text.starts_with(kCandidate)) {
    text.remove_prefix(kCandidate.size());
    const auto number = TakeNumber(text);
    if (!number) return std::nullopt;
    version[3] = *number;
  }
  rest = text;
  return version;
}

bool HasFixes(const Version& version) {
  const Version branch{version[0], version[1], 0, 0};
  if (branch < Version{1, 2, 0, 0}) return false;
  if (branch == Version{1, 2, 0, 0}) return version >= Version{1, 2, 8, 0};
  if (branch == Version{1, 3, 0, 0}) return version >= Version{1, 3, 3, 0};
  return version >= Version{1, 4, 0, 3};
}

// Debian names its package in the commit: "1.1.5+ds1-1+deb12u1". Its first
// update of 1.1.5 is of 2024; later ones may have these fixes. Runc's own
// builds name a git commit.
bool IsKnownAsItIs(std::string_view rest, std::string_view commit) {
  if (rest.starts_with("+ds"))
    return commit.find("+deb") == std::string_view::npos || commit.ends_with("-1+deb12u1");
  return rest.empty() && commit.starts_with('v') && commit.find("-g") != std::string_view::npos;
}

}  // namespace

std::string RuncAdvice(std::string_view version_output) {
  constexpr std::string_view kVersion = "runc version ", kCommit = "commit: ";
  std::string_view number, commit, rest;
  for (const std::string_view line : Split(version_output, '\n')) {
    if (line.starts_with(kVersion)) number = Trim(line.substr(kVersion.size()));
    if (line.starts_with(kCommit)) commit = Trim(line.substr(kCommit.size()));
  }
  const auto version = ParseVersion(number, rest);
  if (!version || HasFixes(*version) || !IsKnownAsItIs(rest, commit)) return "";
  return fmt::format(
      "runc {} lacks the fixes of November 2025 (CVE-2025-31133, "
      "CVE-2025-52565, CVE-2025-52881), without "
      "which a container may write to the host: update runc (1.2.8, 1.3.3, "
      "1.4.0-rc.3 or your "
      "distribution's security update)",
      commit.starts_with(number) ? commit : number);
}

}  // namespace leat::node
