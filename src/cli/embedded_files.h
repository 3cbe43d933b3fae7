// Files of the source tree that the binary carries: crds/*.yaml. Made by cmake/leat.cmake.
#pragma once

#include <span>
#include <string_view>

namespace leat::cli {

struct EmbeddedFile {
  std::string_view name;
  std::string_view text;
};

std::span<const EmbeddedFile> EmbeddedCrds();

}  // namespace leat::cli
