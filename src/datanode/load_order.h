// The order in which a training run will read, from a file. Inside the module.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "datanode/manifest.h"

namespace leat::datanode {

// Bytes of one file, by its index in the manifest.
struct FilePart {
  uint32_t index = 0;
  uint64_t offset = 0;
  uint64_t length = 0;
};

// Reads a file with one path relative to the directory `top` a line, for the whole file, or a path,
// an offset and a length with blanks between, for the part (of a TFRecord or WebDataset file, as
// its index has it), cut at the file's end. A line that is a path as it is, is that. Empty lines
// are skipped. kNotFound and kInvalid name the line.
Result<std::vector<FilePart>> ReadOrder(const Manifest& manifest, uint32_t top,
                                        const std::string& path);

}  // namespace leat::datanode
