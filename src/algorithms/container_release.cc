#include "algorithms/container_release.h"

#include <optional>
#include <utility>

#include "base/strings.h"

namespace leat::algorithms {
namespace {

// The digits at the start of `text`, which moves behind them.
std::optional<int64_t> TakeNumber(std::string_view& text) {
  size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  const auto number = ParseInt(text.substr(0, digits));
  text.remove_prefix(digits);
  return number ? std::optional(*number) : std::nullopt;
}

// "1.2-2" is (1, 2); "1", "latest" and "" are no version.
std::optional<std::pair<int64_t, int64_t>> VersionOf(std::string_view tag) {
  const auto major = TakeNumber(tag);
  if (!major || !tag.starts_with('.')) return std::nullopt;
  tag.remove_prefix(1);
  const auto minor = TakeNumber(tag);
  if (!minor) return std::nullopt;
  return std::pair(*major, *minor);
}

}  // namespace

ContainerRelease ReleaseOf(std::string_view image) {
  image = image.substr(0, image.find('@'));  // a digest says nothing
  const size_t slash = image.rfind('/');
  const std::string_view registry =
      slash == std::string_view::npos ? std::string_view() : image.substr(0, slash);
  const std::string_view name = slash == std::string_view::npos ? image : image.substr(slash + 1);
  const auto tagged = Cut(name, ":");
  if (const auto version = tagged ? VersionOf(tagged->second) : std::nullopt)
    return *version < std::pair<int64_t, int64_t>(1, 3) ? ContainerRelease::kBefore13
                                                        : ContainerRelease::kSince13;
  const bool of_2018 = (tagged ? tagged->first : name) == "xgboost" &&
                       registry.find(".dkr.ecr.") != std::string_view::npos;
  return of_2018 ? ContainerRelease::kBefore13 : ContainerRelease::kSince13;
}

}  // namespace leat::algorithms
