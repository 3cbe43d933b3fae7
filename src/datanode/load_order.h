// The order in which a training run will read, from a file. Inside the module.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "datanode/manifest.h"
#include "datanode/record_index.h"

namespace leat::datanode {

// Bytes of one file, by its index in the manifest.
struct FilePart {
  uint32_t index = 0;
  uint64_t offset = 0;
  uint64_t length = 0;
};

// The records of the file at an index of the manifest, at least up to number `last`, as far as
// there are so many. Called from several threads at once, once for each file.
using FindRecords = std::function<Result<std::vector<Extent>>(uint32_t file, uint64_t last)>;

// Reads a file with one of these a line, paths relative to the directory `top`:
//   PATH                 the whole file
//   PATH OFFSET LENGTH   a part, cut at the file's end; blanks between
//   PATH#N, PATH#N-M     record N of a TFRecord file or sample N of a WebDataset tar, from 0 on; N
//                        to M, both included
// A line that is a path as it is, is that. A "./" before it and a CR after it are left off. Empty
// lines are skipped. kNotFound, kInvalid and the
// errors of `records` name the line. kTooLarge: more than ten million lines; kInvalid: one that is
// longer than any of these. kCancelled.
Result<std::vector<FilePart>> ReadOrder(const Manifest& manifest, uint32_t top,
                                        const std::string& path, const FindRecords& records,
                                        const std::stop_token& stop);

}  // namespace leat::datanode
