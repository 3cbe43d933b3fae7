// The extended attributes user.leat.* of what a mount shows.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "blocks/cache.h"
#include "datanode/fetcher.h"
#include "datanode/tree.h"

namespace leat::datanode {

// nullopt: the entry has none of this name. `control`: the data node's socket, told by the root.
std::optional<std::string> XattrOf(const TreeEntry& entry, const ObjectVersion& version,
                                   std::string_view name, const blocks::Cache& cache,
                                   const std::string& control);

}  // namespace leat::datanode
