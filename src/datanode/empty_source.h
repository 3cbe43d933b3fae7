// Why a mount or a load may show nothing. Internal to the data node.
#pragma once

#include <stop_token>
#include <string>

#include "datanode/mount_spec.h"

namespace leat::datanode {

// What to tell of a source under which nothing was found: whether there is an object of exactly
// that name is asked of the store, for a few seconds at most.
std::string WhyEmpty(const MountSpec& spec, const std::stop_token& stop);

}  // namespace leat::datanode
