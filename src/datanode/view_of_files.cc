#include "datanode/view_of_files.h"

#include <fmt/format.h>
#include <sys/stat.h>

namespace leat::datanode {

std::string ViewOfFiles() {
  struct stat space {
  }, root{};
  if (::stat("/proc/self/ns/mnt", &space) != 0 || ::stat("/", &root) != 0) return "";
  return fmt::format("{}:{}/{}:{}", space.st_dev, space.st_ino, root.st_dev, root.st_ino);
}

}  // namespace leat::datanode
