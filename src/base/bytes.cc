#include "base/bytes.h"

#include <fmt/format.h>

namespace leat {

std::string HumanBytes(uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes);
  const char* units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  int unit = -1;
  while (value >= 1024 && unit < 5) value /= 1024, ++unit;
  return fmt::format("{:.1f} {}", value, units[unit]);
}

}  // namespace leat
