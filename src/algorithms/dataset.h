// A channel's rows, read from its files by all cores at once.
#pragma once

#include <string>
#include <vector>

#include "algorithms/csv.h"
#include "algorithms/row_block.h"
#include "base/result.h"

namespace leat::algorithms {

// The rows of a channel in the order of its files, as blocks of consecutive rows. All blocks are of
// the same sort (dense or sparse), and all or none have labels, weights, groups.
struct Dataset {
  std::vector<RowBlock> blocks;
  bool sparse = false;
  size_t rows = 0;
  size_t columns = 0;
  size_t entries = 0;  // values that are not missing

  bool HasGroups() const { return !blocks.empty() && !blocks.front().groups.empty(); }
};

enum class TextFormat { kCsv, kLibsvm };

struct ReadOptions {
  TextFormat format = TextFormat::kCsv;
  CsvLayout csv = {};         // when the format is kCsv
  LabelRule label_rule = {};  // when it is kLibsvm
  int threads = 1;
  size_t chunk_bytes = 4u << 20;  // how much text a thread takes at a time
};

// Reads all files. A row that cannot be used is kInvalid, with the file and the line number: always
// the first such row, whichever thread found it. kInvalid too when there is no row at all. Blocks
// the caller until all threads are done; holds at most threads * chunk_bytes of text.
Result<Dataset> ReadDataset(const std::vector<std::string>& files, const ReadOptions& options);

// All regular files below `dir` (or `dir` itself when it is a file), sorted by path; empty files
// left out. kNotFound when there is no such path.
struct DataFiles {
  std::vector<std::string> paths;
  uint64_t bytes = 0;
};
Result<DataFiles> FindDataFiles(const std::string& dir);

}  // namespace leat::algorithms
