#include "cli/data_tables.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/clock.h"
#include "datanode/json_bytes.h"

namespace leat::cli {
namespace {

uint64_t Number(const json::Value& value) {
  return static_cast<uint64_t>(std::max<int64_t>(value.AsInt(), 0));
}

std::string Size(const json::Value& value) { return HumanBytes(Number(value)); }

std::string Time(const json::Value& seconds) {
  return FormatTime(WallTime(std::chrono::seconds(seconds.AsInt())));
}

uint64_t Percent(const json::Value& part, const json::Value& whole) {
  return Number(whole) == 0 ? 100 : Number(part) * 100 / Number(whole);
}

std::string Name(const json::Value& value) { return Printable(datanode::BytesFromJson(value)); }

// Growth of a counter a second; a worker that was restarted counts from nothing.
double Rate(const json::Value& now, const json::Value& before, double seconds) {
  const double grown = now.AsDouble() - before.AsDouble();
  return before.IsNull() || grown < 0 || seconds <= 0 ? 0 : grown / seconds;
}

std::string ByteRate(const json::Value& now, const json::Value& before, double seconds) {
  return HumanBytes(static_cast<uint64_t>(Rate(now, before, seconds))) + "/s";
}

const json::Value& MountOf(const json::Value& all, const json::Value& mountpoint) {
  static const json::Value none;
  for (const json::Value& mount : all["mounts"].Items())
    if (mount["mountpoint"] == mountpoint) return mount["stats"];
  return none;
}

const json::Value& ProcessOf(const json::Value& all, const json::Value& mountpoint,
                             const json::Value& pid) {
  static const json::Value none;
  for (const json::Value& mount : all["mounts"].Items()) {
    if (mount["mountpoint"] != mountpoint) continue;
    for (const json::Value& process : mount["processes"].Items())
      if (process["pid"] == pid) return process;
  }
  return none;
}

std::string ProcessName(const json::Value& process) {
  if (Number(process["pid"]) == 0) return "of the kernel, or of another pid namespace";
  const std::string command = Name(process["command"]);
  return std::to_string(Number(process["pid"])) + " " + (command.empty() ? "(ended)" : command);
}

std::string ProcessesText(const json::Value& now, const json::Value& before, double seconds) {
  constexpr int kMostRows = 20;  // of a mount
  std::string text = fmt::format("\n{:>8} {:>8} {:>11} {:>12} {:>10} {:>6}  {}\n", "opens", "reads",
                                 "read", "now", "waited", "hits",
                                 "process, file opened last (what the worker sees: passthrough "
                                 "reads are the kernel's own and not counted)");
  for (const json::Value& mount : now["mounts"].Items()) {
    int rows = 0;
    for (const json::Value& each : mount["processes"].Items()) {
      if (++rows > kMostRows) break;
      const json::Value& old = ProcessOf(before, mount["mountpoint"], each["pid"]);
      const std::string file = Name(each["file"]);
      text += fmt::format(
          "{:>8} {:>8} {:>11} {:>12} {:>7} ms {:>4} %  {}, {}\n", Number(each["opens"]),
          Number(each["reads"]), Size(each["readBytes"]),
          ByteRate(each["readBytes"], old["readBytes"], seconds), Number(each["stallMs"]),
          Percent(each["hits"], each["reads"]), ProcessName(each),
          file.empty() ? Name(mount["mountpoint"]) : Name(mount["mountpoint"]) + "/" + file);
    }
  }
  return text;
}

}  // namespace

std::string Printable(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || c == '\\')
      text += fmt::format("\\{:03o}", byte);
    else
      text += c;
  }
  return text;
}

std::string EntryLine(const json::Value& row) {
  const std::string_view type = row["type"].AsString();
  std::string name = Name(row["name"]);
  if (type == "directory")
    return fmt::format("{:>8} {:>10}  {}  {}/", "-", "-", Time(row["mtime"]), name);
  if (type == "link")
    return fmt::format("{:>8} {:>10}  {}  {} -> {}", "link", "-", Time(row["mtime"]), name,
                       Name(row["target"]));
  std::string state = row["state"].Str();
  if (state == "partial") state = fmt::format("{} %", Percent(row["cached"], row["size"]));
  return fmt::format("{:>8} {:>10}  {}  {}{}", state, Size(row["size"]), Time(row["mtime"]), name,
                     row["pinned"].AsBool() ? "  (pinned)" : "");
}

std::string SkippedLine(const json::Value& row) {
  return Name(row["key"]) + "  (" + row["reason"].Str() + ")";
}

std::string StatText(const json::Value& described) {
  std::string text = fmt::format("source    {}\ntype      {}\n", Name(described["source"]),
                                 described["type"].AsString());
  text += fmt::format("modified  {}\nlisted    {}\n", Time(described["mtime"]),
                      Time(described["listedAt"]));
  if (described["type"].AsString() == "link")
    return text + "target    " + Name(described["target"]) + "\n";
  text +=
      fmt::format("size      {} ({} bytes)\n", Size(described["size"]), Number(described["size"]));
  text += fmt::format("cached    {} ({} %)\n", Size(described["cached"]),
                      Percent(described["cached"], described["size"]));
  if (described["type"].AsString() == "directory") {
    text += fmt::format("files     {}, {} of them cached whole\n", Number(described["files"]),
                        Number(described["completeFiles"]));
    if (Number(described["skipped"]) > 0)
      text += fmt::format("skipped   {} keys that cannot be paths\n", Number(described["skipped"]));
    return text;
  }
  return text + fmt::format("state     {}{}\netag      {}\nopen      {}\n",
                            described["state"].AsString(),
                            described["pinned"].AsBool() ? ", pinned" : "", Name(described["etag"]),
                            Number(described["open"]));
}

std::string DfText(const json::Value& directories) {
  std::string text = fmt::format("{:<7} {:>10} {:>10} {:>5} {:>9} {:>9} {:>10}  {}\n", "tier",
                                 "limit", "used", "use", "objects", "packed", "pinned", "path");
  for (const json::Value& each : directories.Items()) {
    text += fmt::format("{:<7} {:>10} {:>10} {:>3} % {:>9} {:>9} {:>10}  {}\n",
                        each["tier"].AsString(), Size(each["limit"]), Size(each["used"]),
                        Percent(each["used"], each["limit"]), Number(each["objects"]),
                        Number(each["packed"]), Size(each["pinned"]), Name(each["path"]));
    if (Number(each["unlinked"]) > 0)
      text += fmt::format("        {} of it belong to evicted files that are still open\n",
                          Size(each["unlinked"]));
  }
  return text;
}

std::string TopText(const json::Value& now, const json::Value& before, double seconds) {
  const json::Value& cache = now["cache"];
  const json::Value& fetcher = now["fetcher"];
  const json::Value& fetched = before["fetcher"];
  const double hits = Rate(fetcher["hitBytes"], fetched["hitBytes"], seconds);
  const double misses = Rate(fetcher["fillBytes"], fetched["fillBytes"], seconds) +
                        Rate(fetcher["throughBytes"], fetched["throughBytes"], seconds);
  std::string text = fmt::format(
      "worker {}, supervisor {}; cache {} of {} used, {} objects, {} evictions, {} refused, {} "
      "corrupt chunks\n",
      now["workerPid"].AsInt(), now["supervisorPid"].AsInt(), Size(cache["used"]),
      Size(cache["limit"]), Number(cache["objects"]) + Number(cache["packed"]),
      Number(cache["evictions"]), Number(cache["refused"]), Number(cache["corruptChunks"]));
  text += fmt::format(
      "from the cache {}, from the store {} (hits {:.0f} % without the kernel's own), waited "
      "{:.0f} "
      "ms/s, {} store errors\n\n",
      ByteRate(fetcher["hitBytes"], fetched["hitBytes"], seconds),
      HumanBytes(static_cast<uint64_t>(misses)) + "/s",
      hits + misses > 0 ? 100 * hits / (hits + misses) : 100.0,
      Rate(fetcher["stallMs"], fetched["stallMs"], seconds), Number(fetcher["storeErrors"]));
  text += fmt::format("{:>9} {:>9} {:>12} {:>12}  {}\n", "opens/s", "reads/s", "read",
                      "passthrough", "mountpoint (source)");
  for (const json::Value& mount : now["mounts"].Items()) {
    const json::Value& stats = mount["stats"];
    const json::Value& old = MountOf(before, mount["mountpoint"]);
    text += fmt::format("{:>9.0f} {:>9.0f} {:>12} {:>12}  {} ({})\n",
                        Rate(stats["opens"], old["opens"], seconds),
                        Rate(stats["fuse_reads"], old["fuse_reads"], seconds),
                        ByteRate(stats["fuse_read_bytes"], old["fuse_read_bytes"], seconds),
                        fmt::format("{} opens", Number(stats["passthrough_opens"])),
                        Name(mount["mountpoint"]), Name(mount["source"]));
  }
  return text + ProcessesText(now, before, seconds);
}

}  // namespace leat::cli
