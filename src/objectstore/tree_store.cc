#include "objectstore/tree_store.h"

#include <fmt/format.h>

#include <algorithm>

namespace leat::objectstore {
namespace {

constexpr size_t kDescribedAtOnce = 256;
constexpr size_t kMaxNames = 10'000'000;  // in one directory
constexpr int kMaxDepth = 512;            // a link of a web server may lead in circles

bool IsDirectory(const std::string& key) { return key.empty() || key.ends_with('/'); }

}  // namespace

struct TreeStore::Walk {
  const std::string& prefix;
  const std::string& after;
  const std::function<bool(ObjectInfo)>& each;
  const std::stop_token& stop;
  std::vector<std::string> waiting{};  // keys to describe and give

  bool Wants(const std::string& key) const {
    if (!IsDirectory(key)) return key.starts_with(prefix) && key > after;
    const bool on_the_way = key.starts_with(prefix) || prefix.starts_with(key);
    // Everything in it begins with its name: so all of it comes before `after`, or `after` is in
    // it.
    return on_the_way && (key > after || after.starts_with(key));
  }
};

Result<bool> TreeStore::Give(Walk& walk) {
  auto infos = Describe(walk.waiting, walk.stop);
  walk.waiting.clear();
  if (!infos) return infos.error();
  for (ObjectInfo& info : *infos) {
    if (!walk.each(std::move(info))) return false;
  }
  return true;
}

Result<bool> TreeStore::WalkDirectory(Walk& walk, const std::string& directory, int depth) {
  if (walk.stop.stop_requested()) return Error{Code::kCancelled, Name() + ": listing stopped"};
  if (depth > kMaxDepth) {
    return Error{Code::kTooLarge, fmt::format("{}{} is more than {} directories deep", Name(),
                                              directory, kMaxDepth)};
  }
  auto names = Names(directory, kMaxNames, walk.stop);
  if (!names) {
    // It was there when the directory above it was read.
    if (names.error().code == Code::kNotFound && depth > 0) return true;
    return names.error();
  }
  std::sort(names->begin(), names->end());
  if (names->empty() && depth > 0 && directory.starts_with(walk.prefix) && directory > walk.after) {
    walk.waiting.push_back(directory);
  }
  for (const std::string& name : *names) {
    const std::string key = directory + name;
    if (!walk.Wants(key)) continue;
    if (IsDirectory(key)) {
      const auto more = WalkDirectory(walk, key, depth + 1);
      if (!more || !*more) return more;
      continue;
    }
    walk.waiting.push_back(key);
    if (walk.waiting.size() < kDescribedAtOnce) continue;
    const auto more = Give(walk);
    if (!more || !*more) return more;
  }
  return true;
}

Status TreeStore::List(const std::string& prefix, const std::string& after,
                       const std::function<bool(ObjectInfo)>& each, const std::stop_token& stop) {
  Walk walk{prefix, after, each, stop};
  const auto walked = WalkDirectory(walk, "", 0);
  if (!walked) return walked.error();
  if (!*walked) return {};
  const auto given = Give(walk);
  if (!given) return given.error();
  return {};
}

Result<Listing> TreeStore::ListLevel(const std::string& prefix, size_t limit,
                                     const std::stop_token& stop) {
  if (!IsDirectory(prefix)) {
    return Error{Code::kInvalid,
                 fmt::format("{}{}: a level's prefix ends with '/'", Name(), prefix)};
  }
  auto names = Names(prefix, limit, stop);
  if (!names && names.error().code == Code::kNotFound && !prefix.empty()) return Listing{};
  if (!names) return names.error();
  std::sort(names->begin(), names->end());
  Listing listing;
  std::vector<std::string> keys;
  if (names->empty() && !prefix.empty()) keys.push_back(prefix);
  for (const std::string& name : *names) {
    (IsDirectory(name) ? listing.prefixes : keys).push_back(prefix + name);
  }
  auto infos = Describe(keys, stop);
  if (!infos) return infos.error();
  listing.objects = std::move(*infos);
  return listing;
}

}  // namespace leat::objectstore
