// The data node's figures for Prometheus. Inside the module; docs/semantics/mount.md has the names.
#pragma once

#include <string>
#include <string_view>

#include "datanode/data_node.h"

namespace leat::datanode {

// Text exposition format, version 0.0.4.
std::string MetricsText(DataNode& node);

// The bytes within the quotes of a label's value: escaped, and what is no UTF-8 as \\ooo, since
// Prometheus refuses a text with one wrong byte in it.
std::string LabelText(std::string_view bytes);

}  // namespace leat::datanode
