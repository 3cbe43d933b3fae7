#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <numeric>

#include "base/bytes.h"
#include "datanode/manifest.h"
#include "datanode/manifest_format.h"
#include "hash/hash.h"
#include "io/file.h"

namespace leat::datanode {
namespace {

// Order of a tree's pre-order walk: '/' before every other byte, so that what lies under a
// directory is together, right after an object of the directory's name.
bool TreeLess(std::string_view a, std::string_view b) {
  const size_t length = std::min(a.size(), b.size());
  const auto [at_a, at_b] =
      std::mismatch(a.begin(), a.begin() + static_cast<long>(length), b.begin());
  if (at_a == a.begin() + static_cast<long>(length)) return a.size() < b.size();
  const auto rank = [](char c) {
    return c == '/' ? -1 : static_cast<int>(static_cast<uint8_t>(c));
  };
  return rank(*at_a) < rank(*at_b);
}

// Why a key cannot be a path, or nullptr. A '/' at the end stands for the directory itself.
const char* Unusable(std::string_view key) {
  if (key.ends_with('/')) key.remove_suffix(1);
  while (true) {
    const size_t slash = std::min(key.find('/'), key.size());
    const std::string_view part = key.substr(0, slash);
    if (part.empty()) return "empty name";
    if (part == "." || part == "..") return "name is . or ..";
    if (part.size() > 255) return "name over 255 bytes";
    if (part.find('\0') != part.npos) return "zero byte in the name";
    if (slash == key.size()) return nullptr;
    key.remove_prefix(slash + 1);
  }
}

struct Object {
  uint64_t text;  // offset of the key; the etag (or a link's target) follows it
  uint32_t key;
  uint16_t etag;
  Kind kind;
  uint32_t mtime;
  uint64_t size;
};

// An entry of the tree, in pre-order.
struct Node {
  uint64_t text;  // of the name
  uint8_t name;
  uint16_t etag;
  uint16_t depth;
  Kind kind;
  uint32_t parent;
  uint32_t mtime;
  uint64_t size;
  uint64_t id;
};

// Writes a file piece by piece, so that a million objects need no second copy in memory.
class Output {
 public:
  explicit Output(std::string path) : path_(std::move(path)), aside_(path_ + ".new") {
    auto fd = io::Open(aside_, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd) {
      fd_ = std::move(*fd);
    } else {
      status_ = fd.error();
    }
    buffer_.resize(sizeof(ManifestHeader));
  }

  void Write(const void* data, size_t size) {
    const std::string_view bytes(static_cast<const char*>(data), size);
    crc32c_ = hash::Crc32c(bytes, crc32c_);
    buffer_ += bytes;
    if (buffer_.size() > 1_MiB) Flush();
  }

  Status Finish(ManifestHeader& header) {
    Flush();
    header.crc32c = crc32c_;
    const std::string_view bytes(reinterpret_cast<const char*>(&header), sizeof header);
    header.header_crc32c = hash::Crc32c(bytes.substr(0, offsetof(ManifestHeader, header_crc32c)));
    if (status_) Note(io::PWriteAll(fd_.get(), bytes, 0));
    if (status_ && ::fsync(fd_.get()) != 0) status_ = io::ErrnoError(errno, "sync " + aside_);
    if (status_) status_ = io::Rename(aside_, path_);
    if (status_) status_ = io::SyncDir(path_.substr(0, path_.rfind('/')));
    if (!status_) ::unlink(aside_.c_str());
    return status_;
  }

 private:
  void Flush() {
    if (status_) Note(io::WriteAll(fd_.get(), buffer_));
    buffer_.clear();
  }
  void Note(const Status& written) {
    if (!written) status_ = written.error().Within("write the list of names, " + aside_);
  }

  const std::string path_;
  const std::string aside_;
  io::UniqueFd fd_;
  std::string buffer_;
  uint32_t crc32c_ = 0;
  Status status_;
};

}  // namespace

struct ManifestBuilder::State {
  std::string source;
  std::shared_ptr<const Manifest> previous;
  std::string texts;
  std::vector<Object> objects;
  std::vector<SkippedKey> skipped;
  uint64_t skipped_count = 0;

  std::string_view KeyOf(const Object& object) const {
    return std::string_view(texts).substr(object.text, object.key);
  }
  std::string_view NameOf(const Node& node) const {
    return std::string_view(texts).substr(node.text, node.name);
  }
  void Skip(std::string_view key, const char* reason) {
    ++skipped_count;
    if (skipped.size() < kMostSkippedKept) skipped.push_back({std::string(key), reason});
  }

  std::vector<Node> MakeTree();
  void GiveIds(std::vector<Node>& nodes, uint64_t* next_id) const;
  Status Print(std::vector<Node> nodes, uint64_t next_id, int64_t listed_at,
               const std::string& path) const;
};

ManifestBuilder::ManifestBuilder(std::string source, std::shared_ptr<const Manifest> previous)
    : state_(new State{.source = std::move(source), .previous = std::move(previous)}) {}
ManifestBuilder::~ManifestBuilder() = default;

uint64_t ManifestBuilder::objects() const { return state_->objects.size(); }

void ManifestBuilder::Add(const objectstore::ObjectInfo& object) {
  if (const char* reason = Unusable(object.key)) {
    state_->Skip(object.key, reason);
    return;
  }
  const bool link = !object.link_target.empty();
  const std::string_view etag =
      std::string_view(link ? object.link_target : object.etag).substr(0, UINT16_MAX);
  state_->objects.push_back(
      {.text = state_->texts.size(),
       .key = static_cast<uint32_t>(object.key.size()),
       .etag = static_cast<uint16_t>(etag.size()),
       .kind = link ? Kind::kLink : Kind::kFile,
       .mtime = static_cast<uint32_t>(std::clamp<int64_t>(object.last_modified, 0, UINT32_MAX)),
       .size = object.size});
  state_->texts += object.key;
  state_->texts += etag;
}

std::vector<Node> ManifestBuilder::State::MakeTree() {
  std::stable_sort(objects.begin(), objects.end(),
                   [&](const Object& a, const Object& b) { return TreeLess(KeyOf(a), KeyOf(b)); });
  std::vector<Node> nodes;
  nodes.reserve(objects.size() + objects.size() / 8 + 1);
  nodes.push_back({.kind = Kind::kDirectory});
  std::vector<uint32_t> open{0};  // the directories from the root to where we are
  std::vector<uint32_t> gone;     // files that turned out to be directories
  for (size_t n = 0; n < objects.size(); ++n) {
    const Object& object = objects[n];
    const std::string_view key = KeyOf(object);
    if (n + 1 < objects.size() && key == KeyOf(objects[n + 1])) continue;  // replaced
    size_t depth = 0;
    size_t begin = 0;
    while (begin < key.size()) {
      const size_t slash = std::min(key.find('/', begin), key.size());
      const std::string_view part = key.substr(begin, slash - begin);
      ++depth;
      if (slash == key.size()) {  // the object itself
        open.resize(depth);
        nodes.push_back({.text = object.text + begin,
                         .name = static_cast<uint8_t>(part.size()),
                         .etag = object.etag,
                         .depth = static_cast<uint16_t>(depth),
                         .kind = object.kind,
                         .parent = open.back(),
                         .mtime = object.mtime,
                         .size = object.size});
      } else if (open.size() <= depth || NameOf(nodes[open[depth]]) != part) {
        open.resize(depth);
        const Node& last = nodes.back();
        if (nodes.size() > 1 && last.kind != Kind::kDirectory && last.depth == depth &&
            last.parent == open.back() && NameOf(last) == part) {
          nodes.pop_back();
          Skip(key.substr(0, slash), "also a directory");
        }
        nodes.push_back({.text = object.text + begin,
                         .name = static_cast<uint8_t>(part.size()),
                         .depth = static_cast<uint16_t>(depth),
                         .kind = Kind::kDirectory,
                         .parent = open.back(),
                         .mtime = object.mtime});
        open.push_back(static_cast<uint32_t>(nodes.size() - 1));
      }
      begin = slash + 1;
    }
    if (key.ends_with('/') && object.size > 0) Skip(key, "directory with bytes");
  }
  // Children come after their parents, so that going backwards passes the newest time up.
  for (size_t n = nodes.size() - 1; n > 0; --n) {
    Node& parent = nodes[nodes[n].parent];
    parent.mtime = std::max(parent.mtime, nodes[n].mtime);
  }
  return nodes;
}

void ManifestBuilder::State::GiveIds(std::vector<Node>& nodes, uint64_t* next_id) const {
  constexpr uint32_t kNone = UINT32_MAX;
  std::vector<uint32_t> before(nodes.size(), kNone);  // the same path in the previous manifest
  before[0] = 0;
  for (size_t n = 1; n < nodes.size(); ++n) {
    Node& node = nodes[n];
    const uint32_t parent = before[node.parent];
    const auto found = parent == kNone ? std::nullopt : previous->Find(parent, NameOf(node));
    if (!found) {
      node.id = (*next_id)++;
      continue;
    }
    const ManifestEntry old = previous->At(*found);
    const std::string_view etag = std::string_view(texts).substr(node.text + node.name, node.etag);
    if (old.kind == Kind::kDirectory && node.kind == Kind::kDirectory) before[n] = *found;
    const bool same = old.kind == node.kind && (node.kind == Kind::kDirectory ||
                                                (old.size == node.size && old.etag == etag));
    node.id = same ? old.id : (*next_id)++;
  }
}

Status ManifestBuilder::State::Print(std::vector<Node> nodes, uint64_t next_id, int64_t listed_at,
                                     const std::string& path) const {
  // Entries by depth, and within a depth in tree order: so siblings lie side by side.
  std::vector<uint32_t> order(nodes.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](uint32_t a, uint32_t b) { return nodes[a].depth < nodes[b].depth; });
  std::vector<uint32_t> index_of(nodes.size());
  for (uint32_t index = 0; index < order.size(); ++index) index_of[order[index]] = index;

  ManifestHeader header{};
  std::memcpy(header.magic, kManifestMagic, sizeof header.magic);
  header.entries = static_cast<uint32_t>(nodes.size());
  header.listed_at = listed_at;
  header.next_id = next_id;
  header.skipped = skipped_count;
  header.kept = static_cast<uint32_t>(skipped.size());
  header.source = static_cast<uint32_t>(source.size());
  std::string preface = source;
  for (const SkippedKey& one : skipped) {
    preface += one.key.substr(0, one.key.find('\0'));
    preface += '\0';
    preface += one.reason;
    preface += '\0';
  }
  header.texts = preface.size();
  for (uint32_t index = 0; index < order.size(); ++index) {
    Node& node = nodes[order[index]];
    // Without a predecessor ids are the indexes.
    if (!previous) node.id = index;
    if (node.kind != Kind::kDirectory) {
      ++header.files;
      header.bytes += node.size;
    }
    if (index == 0) continue;
    uint64_t& range = nodes[node.parent].size;  // of a directory
    range = range == 0 ? uint64_t{index} << 32 | 1 : range + 1;
  }

  Output output(path);
  for (const uint32_t n : order) {
    const Node& node = nodes[n];
    const ManifestRecord record{.id_kind = node.id << 8 | static_cast<uint64_t>(node.kind),
                                .size = node.size,
                                .mtime = node.mtime,
                                .parent = index_of[node.parent],
                                .text = header.texts << 24 | uint64_t{node.etag} << 8 | node.name};
    header.texts += size_t{node.name} + node.etag;
    output.Write(&record, sizeof record);
  }
  if (previous) {
    header.has_order = 1;
    std::iota(index_of.begin(), index_of.end(), 0);
    std::sort(index_of.begin(), index_of.end(),
              [&](uint32_t a, uint32_t b) { return nodes[order[a]].id < nodes[order[b]].id; });
    output.Write(index_of.data(), index_of.size() * sizeof(uint32_t));
  }
  output.Write(preface.data(), preface.size());
  for (uint32_t n : order) {
    output.Write(texts.data() + nodes[n].text, size_t{nodes[n].name} + nodes[n].etag);
  }
  return output.Finish(header);
}

Status ManifestBuilder::Write(const std::string& path, int64_t listed_at) {
  std::vector<Node> nodes = state_->MakeTree();
  if (nodes.size() > UINT32_MAX) {
    return Error{Code::kTooLarge, state_->source + ": more than four thousand million objects"};
  }
  std::vector<Object>().swap(state_->objects);  // assigning {} would keep its memory
  uint64_t next_id = state_->previous ? state_->previous->next_id() : nodes.size();
  if (state_->previous) state_->GiveIds(nodes, &next_id);
  auto written = state_->Print(std::move(nodes), next_id, listed_at, path);
  std::string().swap(state_->texts);
  return written;
}

}  // namespace leat::datanode
