#include "datanode/metrics_text.h"

#include <fmt/format.h>

#include <iterator>

#include "base/strings.h"

namespace leat::datanode {
namespace {

using Seconds = std::chrono::duration<double>;

class Exposition {
 public:
  enum class Type { kCounter, kGauge };

  // Begins a metric; its samples follow. Counters' names end in _total.
  void Begin(std::string_view name, Type type, std::string_view help) {
    name_ = name;
    fmt::format_to(std::back_inserter(text_), "# HELP leat_data_{} {}\n# TYPE leat_data_{} {}\n",
                   name, help, name, type == Type::kCounter ? "counter" : "gauge");
  }
  template <class Number>
  void Sample(const std::string& labels, Number value) {
    fmt::format_to(std::back_inserter(text_), "leat_data_{}{} {}\n", name_, labels, value);
  }
  template <class Number>
  void Single(std::string_view name, Type type, std::string_view help, Number value) {
    Begin(name, type, help);
    Sample("", value);
  }
  std::string Take() { return std::move(text_); }

 private:
  std::string_view name_;
  std::string text_;
};

constexpr auto kCounter = Exposition::Type::kCounter;
constexpr auto kGauge = Exposition::Type::kGauge;

void AddMounts(const std::vector<MountReaders>& mounts, Exposition& out) {
  struct Metric {
    std::string_view name;
    std::string_view help;
    uint64_t ReaderStats::*value;
  };
  static constexpr Metric kMetrics[] = {
      {"mount_opens_total", "Files opened.", &ReaderStats::opens},
      {"mount_passthrough_opens_total", "Files opened whose reads are the kernel's own.",
       &ReaderStats::passthrough_opens},
      {"mount_reads_total", "Reads that reached the worker.", &ReaderStats::reads},
      {"mount_read_bytes_total", "Bytes that the worker answered reads with.",
       &ReaderStats::read_bytes},
      {"mount_read_hits_total", "Reads that did not wait for the store.", &ReaderStats::hits},
  };
  const auto labels = [](const MountReaders& mount) {
    return fmt::format("{{mountpoint=\"{}\",source=\"{}\"}}", LabelText(mount.mountpoint),
                       LabelText(mount.source));
  };
  for (const Metric& metric : kMetrics) {
    out.Begin(metric.name, kCounter, metric.help);
    for (const MountReaders& mount : mounts) out.Sample(labels(mount), mount.total.*metric.value);
  }
  out.Begin("mount_stall_seconds_total", kCounter, "Time that reads waited for the store.");
  for (const MountReaders& mount : mounts)
    out.Sample(labels(mount), Seconds(mount.total.stall).count());
}

void AddDirectories(const blocks::Cache& cache, Exposition& out) {
  struct Metric {
    std::string_view name;
    std::string_view help;
    uint64_t blocks::CacheStats::*value;
  };
  static constexpr Metric kMetrics[] = {
      {"cache_limit_bytes", "The most that the directory may take.", &blocks::CacheStats::limit},
      {"cache_used_bytes", "Bytes on disk, evicted files that are still open included.",
       &blocks::CacheStats::used},
      {"cache_unlinked_bytes", "Of those, bytes of evicted files that are still open.",
       &blocks::CacheStats::unlinked},
      {"cache_pinned_bytes", "Bytes of pinned objects.", &blocks::CacheStats::pinned},
      {"cache_objects", "Objects with a file of their own.", &blocks::CacheStats::objects},
      {"cache_packed_objects", "Small objects, packed together.", &blocks::CacheStats::packed},
  };
  const auto directories = cache.DirectoryStats();
  for (const Metric& metric : kMetrics) {
    out.Begin(metric.name, kGauge, metric.help);
    for (const auto& [directory, stats] : directories) {
      out.Sample(fmt::format("{{directory=\"{}\",tier=\"{}\"}}", LabelText(directory.path),
                             blocks::TierName(directory.tier)),
                 stats.*metric.value);
    }
  }
}

}  // namespace

std::string LabelText(std::string_view bytes) {
  const bool utf8 = IsUtf8(bytes);
  std::string text;
  for (const char c : bytes) {
    if (c == '\\' || c == '"') {
      text += {'\\', c};
    } else if (c == '\n') {
      text += "\\n";
    } else if (!utf8 && (c & 0x80)) {
      text += fmt::format("\\\\{:03o}", static_cast<unsigned char>(c));
    } else {
      text += c;
    }
  }
  return text;
}

std::string MetricsText(DataNode& node) {
  const blocks::CacheStats cache = node.cache().Stats();
  const FetcherStats fetches = node.fetcher().Stats();
  Exposition out;
  AddMounts(node.Readers(), out);
  AddDirectories(node.cache(), out);
  out.Single("cache_evictions_total", kCounter, "Objects that made room for others.",
             cache.evictions);
  out.Single("cache_refused_total", kCounter, "Objects that found no room.", cache.refused);
  out.Single("cache_corrupt_chunks_total", kCounter,
             "Pieces that were dropped because their bytes had changed on disk.",
             cache.corrupt_chunks);
  out.Single("hit_bytes_total", kCounter, "Bytes that the worker gave out of the cache.",
             fetches.hit_bytes);
  out.Single("fill_bytes_total", kCounter, "Bytes fetched from stores into the cache.",
             fetches.fill_bytes);
  out.Single("through_bytes_total", kCounter, "Bytes fetched from stores and not cached.",
             fetches.through_bytes);
  out.Single("stall_seconds_total", kCounter, "Time that reads waited for stores.",
             static_cast<double>(fetches.stall_ms) / 1000);
  out.Single("store_errors_total", kCounter, "Requests that a store failed.", fetches.store_errors);
  out.Single("hedges_total", kCounter, "Second requests for slow ones.", fetches.hedges);
  return out.Take();
}

}  // namespace leat::datanode
