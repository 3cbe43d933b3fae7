// Downloads of many objects into a directory, in parallel, with progress lines.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "engine/channel_objects.h"

namespace leat::engine {

// Downloads the objects to their paths below `dir`, four at a time; each second a line such as
//   staging train: 512.0 MiB of 936.0 MiB (54 %), 410.0 MiB/s
// The first failure ends the others. Files get their objects' times and may be
// written by any user.
Status DownloadAll(objectstore::S3Client& store, const std::string& label, const std::string& dir,
                   const std::vector<ChannelObject>& objects, const std::stop_token& stop);

// Unpacks a gzip file; kInvalid when it is none.
Status Gunzip(const std::string& from, const std::string& to, const std::stop_token& stop);

}  // namespace leat::engine
