#include "datanode/load_order.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <optional>

#include "base/strings.h"
#include "io/file.h"

namespace leat::datanode {
namespace {

std::optional<uint32_t> FileAt(const Manifest& manifest, const std::string& base,
                               std::string_view name) {
  const std::string path = base.empty() ? std::string(name) : base + "/" + std::string(name);
  const auto index = manifest.FindPath(path);
  if (!index || manifest.At(*index).kind != Kind::kFile) return std::nullopt;
  return index;
}

// Takes the last word off as a number.
std::optional<uint64_t> TakeNumber(std::string_view& line) {
  const size_t blank = line.find_last_of(" \t");
  if (blank == std::string_view::npos) return std::nullopt;
  const auto number = ParseInt(line.substr(blank + 1));
  if (!number || *number < 0) return std::nullopt;
  line = line.substr(0, line.find_last_not_of(" \t", blank) + 1);
  return static_cast<uint64_t>(*number);
}

std::optional<FilePart> PartOf(const Manifest& manifest, const std::string& base,
                               std::string_view line) {
  if (const auto file = FileAt(manifest, base, line))
    return FilePart{.index = *file, .offset = 0, .length = manifest.At(*file).size};
  const auto length = TakeNumber(line);
  const auto offset = length ? TakeNumber(line) : std::nullopt;
  const auto file = offset ? FileAt(manifest, base, line) : std::nullopt;
  if (!file) return std::nullopt;
  const uint64_t size = manifest.At(*file).size;
  const uint64_t begin = std::min(*offset, size);
  return FilePart{.index = *file, .offset = begin, .length = std::min(*length, size - begin)};
}

}  // namespace

Result<std::vector<FilePart>> ReadOrder(const Manifest& manifest, uint32_t top,
                                        const std::string& path) {
  if (manifest.At(top).kind != Kind::kDirectory)
    return Error{Code::kInvalid, "an order is of the files in a directory, and " +
                                     manifest.PathOf(top) + " is none"};
  const std::string base = manifest.PathOf(top);
  std::ifstream in(path);
  if (!in) return io::ErrnoError(errno, "open " + path);
  std::vector<FilePart> parts;
  std::string line;
  for (uint64_t number = 1; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    const auto part = PartOf(manifest, base, line);
    if (!part)
      return Error{
          Code::kNotFound,
          fmt::format("{} line {}: there is no file {} in {}; a line is PATH or PATH "
                      "OFFSET LENGTH",
                      path, number, line, base.empty() ? std::string(manifest.source()) : base)};
    parts.push_back(*part);
  }
  if (in.bad()) return io::ErrnoError(errno, "read " + path);
  return parts;
}

}  // namespace leat::datanode
