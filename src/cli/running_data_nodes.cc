#include "cli/running_data_nodes.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>

#include "base/strings.h"
#include "cli/data_node_access.h"
#include "cli/mount_flags.h"
#include "datanode/control_client.h"
#include "fuse/mount.h"
#include "io/unix_socket.h"

namespace leat::cli {
namespace {

std::string WithoutLinks(const std::string& path) {
  std::error_code failed;
  const std::string real = std::filesystem::weakly_canonical(path, failed);
  return failed ? path : real;
}

// Their control sockets.
std::vector<std::string> RunningDataNodes() {
  std::vector<std::string> sockets;
  const auto add = [&](const std::string& socket) {
    if (socket.empty() || std::find(sockets.begin(), sockets.end(), socket) != sockets.end())
      return;
    sockets.push_back(socket);
  };
  for (const std::string& mountpoint : fuse::LeatMounts()) add(ControlOf(mountpoint));
  // Nothing may be mounted, and `leat data load` at work.
  const std::string standard = datanode::ControlSocketOf(WithoutLinks(DefaultCacheDirectory()));
  if (io::ConnectUnix(standard)) add(standard);
  return sockets;
}

std::string LabelOf(const std::string& directory) {
  std::string label = "cache=\"";
  for (const char c : directory) {
    if (c == '\\' || c == '"') label += '\\';
    label += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return label + '"';
}

// NAME{LABELS} VALUE or NAME VALUE
std::string Labelled(std::string_view sample, const std::string& label) {
  const size_t end = sample.find_first_of("{ ");
  if (end == std::string_view::npos) return std::string(sample);
  const std::string name(sample.substr(0, end));
  if (sample[end] == ' ') return name + "{" + label + "}" + std::string(sample.substr(end));
  return name + "{" + label + "," + std::string(sample.substr(end + 1));
}

}  // namespace

Result<std::vector<NodeAnswer>> AskRunning(const json::Value& request,
                                           const OnNodeProgress& progress) {
  std::vector<NodeAnswer> answers;
  Status failed;
  for (const std::string& socket : RunningDataNodes()) {
    const std::string directory = std::filesystem::path(socket).parent_path();
    auto done =
        Ask(socket, request, [&](const json::Value& message) { progress(directory, message); }, {});
    if (done) {
      answers.push_back({.directory = directory, .done = std::move(*done)});
      continue;
    }
    Error error = done.error().Within("the data node of " + directory);
    if (!failed) std::fprintf(stderr, "leat: %s\n", failed.error().message.c_str());
    failed = std::move(error);
  }
  if (answers.empty() && !failed) return failed.error();
  if (!failed) std::fprintf(stderr, "leat: %s\n", failed.error().message.c_str());
  if (answers.empty())
    return Error{Code::kNotFound,
                 "no data node runs: nothing is mounted by `leat mount`; name one by a path in a "
                 "mount, or by --cache-dir PATH"};
  return answers;
}

std::string MergeMetrics(const std::vector<std::pair<std::string, std::string>>& directory_texts) {
  struct Family {
    std::string head;
    std::string samples;
  };
  std::vector<std::string> order;
  std::map<std::string, Family> families;
  for (const auto& [directory, text] : directory_texts) {
    const std::string label = LabelOf(directory);
    Family* family = nullptr;
    for (const std::string_view line : Split(text, '\n')) {
      if (line.empty()) continue;
      if (line.starts_with("# ")) {  // # HELP NAME ... and # TYPE NAME ...
        const std::string_view rest = line.substr(std::min<size_t>(7, line.size()));
        const std::string name(rest.substr(0, rest.find(' ')));
        const auto [found, is_new] = families.try_emplace(name);
        if (is_new) order.push_back(name);
        family = &found->second;
        const std::string head = std::string(line) + "\n";
        if (family->head.find(head) == std::string::npos) family->head += head;
      } else if (family) {
        family->samples += Labelled(line, label) + "\n";
      }
    }
  }
  std::string merged;
  for (const std::string& name : order) merged += families[name].head + families[name].samples;
  return merged;
}

}  // namespace leat::cli
