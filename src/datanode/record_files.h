// Finds the records of a file of a data set, by the index beside it or by looking at the file.
// Inside the module.
#pragma once

#include <cstdint>
#include <stop_token>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "datanode/data_node.h"
#include "datanode/record_index.h"

namespace leat::datanode {

// Thread-safe. Reads through the cache.
class RecordFiles {
 public:
  RecordFiles(DataNode& node, Dataset dataset) : node_(node), dataset_(std::move(dataset)) {}

  // The records of the file at `index` of the manifest, at least up to number `last`. Without an
  // index (see record_index.h), goes from record to record of a TFRecord file, which fetches the
  // chunks that they begin in. kNotFound: there is no index, and it is no TFRecord file; kTooLarge,
  // kInvalid, kCorrupt, and errors as of Fetcher::Read.
  Result<std::vector<Extent>> RecordsOf(uint32_t index, uint64_t last, const std::stop_token& stop);

 private:
  DataNode& node_;
  const Dataset dataset_;
  Mutex long_index_;  // who has it may read a long one: several at once would take too much memory
};

}  // namespace leat::datanode
