// Finds the records of a file of a data set, by the index beside it or by looking at the file.
// Inside the module.
#pragma once

#include <cstdint>
#include <stop_token>
#include <vector>

#include "base/result.h"
#include "datanode/data_node.h"
#include "datanode/record_index.h"

namespace leat::datanode {

// The records of the file at `index` of the manifest, at least up to number `last`. Reads through
// the cache. Without an index (see record_index.h), goes from record to record of a TFRecord file,
// which fetches the chunks that they begin in. kNotFound: there is no index, and it is no
// TFRecord file; kInvalid, kCorrupt, and errors as of Fetcher::Read.
Result<std::vector<Extent>> RecordsOf(DataNode& node, const Dataset& dataset, uint32_t index,
                                      uint64_t last, const std::stop_token& stop);

}  // namespace leat::datanode
