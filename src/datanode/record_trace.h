// `leat data trace`. Inside the module; see operations.h.
#pragma once

#include <stop_token>

#include "base/result.h"
#include "datanode/control_server.h"
#include "datanode/data_node.h"
#include "json/value.h"

namespace leat::datanode {

// Records for as long as asked, or until the client goes away. {events, lost}. kConflict: somebody
// else records this mount.
Result<json::Value> RecordTrace(DataNode& node, const json::Value& request, const Tell& tell,
                                const std::stop_token& stop);

}  // namespace leat::datanode
